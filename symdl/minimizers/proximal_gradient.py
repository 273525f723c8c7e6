"""Proximal gradient steps, with acceleration (ISTA and FISTA). Catalogue 4.5-prox; Beck and Teboulle (2009)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.minimizers.composite import ROUNDING, Composite, Parts
from symdl.minimizers.method import Point, Stop
from symdl.minimizers.objective import Objective


@dataclass(frozen=True)
class ProximalGradient(Composite):
    """θ ← prox of αR at y - α∇f(y), for C = f + R; y is θ, or with acceleration a little beyond it.

    α is halved until f lies below its quadratic model with curvature 1/α. Momentum starts anew where it points uphill
    (O'Donoghue and Candès, 2015).

    Attributes:
        accelerate: FISTA with True, ISTA with False.
        alpha: The first α that is tried; it is doubled at the first step as long as the model holds.
        most: The number of times α is doubled or halved in one step.
    """

    accelerate: bool = True
    alpha: float = 1.0
    most: int = 60

    def begin(self, objective: Objective) -> dict[str, Any]:
        """Derive the proximal operator."""
        return {**super().begin(objective), "alpha": None, "t": 1.0, "before": None}

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Take the step, from beyond θ with acceleration."""
        parts, before = state["parts"], state["before"]
        following = (1 + np.sqrt(1 + 4 * state["t"] ** 2)) / 2
        y = at.x if before is None else at.x + (state["t"] - 1) / following * (at.x - before)
        alpha = self._longest(parts, y) if state["alpha"] is None else state["alpha"]
        for _ in range(self.most):
            found = _next(parts, y, alpha)
            if found is not None:
                break
            alpha /= 2
        else:
            raise Stop(
                f"no step was short enough after {self.most} halvings: f has a kink here, or grows without bound"
            )
        uphill = float((y - found) @ (found - at.x)) > 0
        state["t"] = 1.0 if uphill or not self.accelerate else following
        state["alpha"], state["before"] = alpha, at.x
        return Point(found, parts.value(found), (y - found) / alpha)

    def _longest(self, parts: Parts, y: np.ndarray) -> float:
        """Return the first α, doubled as long as the model holds."""
        alpha = self.alpha
        for _ in range(self.most):
            if _next(parts, y, 2 * alpha) is None:
                break
            alpha *= 2
        return alpha

    def equations(self) -> list[str]:
        """The step; with acceleration the point that it starts from."""
        theta = r"\theta^{(t)}"
        y = "y" if self.accelerate else theta
        step = (
            r"\theta^{(t+1)} &= \operatorname{prox}_{\alpha R}"
            + rf"\left({y} - \alpha\, \nabla f\left({y}\right)\right)"
        )
        beyond = rf"y &= {theta} + \frac{{\tau^{{(t)}} - 1}}{{\tau^{{(t+1)}}}} \left({theta} - \theta^{{(t-1)}}\right)"
        growth = r"\tau^{(t+1)} &= \frac{1 + \sqrt{1 + 4 \left(\tau^{(t)}\right)^{2}}}{2}"
        return [growth, beyond, step] if self.accelerate else [step]


def _next(parts: Parts, y: np.ndarray, alpha: float) -> np.ndarray | None:
    """Return the proximal point, or None where f is above its quadratic model there."""
    value, gradient = parts.smooth.value_and_gradient(y)
    found = parts.prox(y - alpha * gradient, alpha)
    d = found - y
    above = parts.smooth.fun(found) - value - float(gradient @ d)
    return found if above <= float(d @ d) / (2 * alpha) + ROUNDING * (1 + abs(value)) else None
