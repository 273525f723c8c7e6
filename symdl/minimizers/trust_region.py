"""A trust region, with Hessian-vector products only. Catalogue 4.6-trust; Nocedal and Wright (2006), algorithm 7.2."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.expr.declare import scalar, vector
from symdl.minimizers.method import HESSIAN, G, Method, N, Point, Stop, equation, point
from symdl.minimizers.newton import saddle
from symdl.minimizers.objective import Objective

D, C = vector("d", N), scalar("value", latex=r"C\left(\theta^{(t)}\right)")
MODEL = C + D @ G + D.T @ HESSIAN @ D / 2  # Q(d)


@dataclass(frozen=True)
class TrustRegion(Method):
    """The quadratic model Q(d) is minimised where ‖d‖ ≤ Δ, as far as conjugate gradients go there (Steihaug).

    The gain is the decrease of C over that of Q: Δ is quartered below 1/4, and doubled above 3/4 for a step that ends
    on the border. Steps whose gain is below ``least`` are not taken. Directions of negative curvature are followed to
    the border, so that saddle points are left.

    Attributes:
        radius: The first Δ.
        largest: The largest Δ.
        least: The gain that a step needs, in [0, 1/4).
        most: The number of times Δ is reduced in one step.
    """

    radius: float = 1.0
    largest: float = 1e3
    least: float = 0.0
    most: int = 60

    def begin(self, objective: Objective) -> dict[str, Any]:
        """Begin with the first Δ."""
        return {"radius": self.radius}

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Reduce Δ until the step decreases C enough."""
        for _ in range(self.most):
            d, product = self.direction(objective, at, state["radius"])
            predicted = -float(at.gradient @ d + d @ product / 2)
            found = point(objective, at.x + d)
            gain = (at.value - found.value) / predicted if found.finite and predicted > 0 else -1.0
            if gain < 0.25:
                state["radius"] = 0.25 * float(np.linalg.norm(d))
            elif gain > 0.75 and np.linalg.norm(d) >= (1 - 1e-9) * state["radius"]:
                state["radius"] = min(2 * state["radius"], self.largest)
            if gain > self.least and not np.array_equal(found.x, at.x):
                return found
        raise Stop("no decrease was found in the smallest region: the gradient is as small as rounding allows")

    def direction(self, objective: Objective, at: Point, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Return d and ∇²C·d, by conjugate gradients until the border, a negative curvature or a small residual."""
        size = float(np.linalg.norm(at.gradient))
        enough = min(0.5, np.sqrt(size)) * size
        d, bd, r = np.zeros_like(at.x), np.zeros_like(at.x), at.gradient.copy()
        p = -r
        for _ in range(2 * len(at.x)):
            bp = objective.hessp(at.x, p)
            curvature, rr = float(p @ bp), float(r @ r)
            alpha = rr / curvature if curvature > 0 else np.inf
            if curvature <= 0 or np.linalg.norm(d + alpha * p) >= radius:
                alpha = _to_border(d, p, radius)
                return d + alpha * p, bd + alpha * bp
            d, bd, r = d + alpha * p, bd + alpha * bp, r + alpha * bp
            if np.linalg.norm(r) <= enough:
                break
            p = -r + float(r @ r) / rr * p
        return d, bd

    def fault(self, objective: Objective, at: Point, state: dict[str, Any]) -> str:
        """Tell a saddle point or a maximum, where the way led to it without a direction of negative curvature."""
        found = saddle(objective, at)
        return f"{found}; begin elsewhere" if found else ""

    def equations(self) -> list[str]:
        """The model, the gain and the step."""
        gain = r"\frac{C\left(\theta^{(t)}\right) - C\left(\theta^{(t)} + d\right)}{Q\left(0\right) - Q\left(d\right)}"
        return [
            equation(r"Q\left(d\right)", MODEL),
            r"d &= \operatorname*{arg\,min}_{\left\Vert d \right\Vert \le \Delta}\; Q\left(d\right)",
            rf"\rho &= {gain}",
            r"\theta^{(t+1)} &= \theta^{(t)} + d \quad (\rho > 0)",
        ]


def _to_border(d: np.ndarray, p: np.ndarray, radius: float) -> float:
    """Return the step along p at which d reaches the radius."""
    a, b, c = float(p @ p), float(d @ p), float(d @ d) - radius**2
    return (-b + np.sqrt(max(b * b - a * c, 0.0))) / a
