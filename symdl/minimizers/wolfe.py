"""The strong Wolfe conditions. Book §4.5; Nocedal and Wright (2006), Numerical Optimization, algorithms 3.5 and 3.6."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdl.minimizers.line_search import LineSearch, armijo, descent
from symdl.minimizers.method import Point, Stop, point
from symdl.minimizers.objective import Objective

Trial = Callable[[float], Point]
End = tuple[float, Point]  # a step and its point


@dataclass(frozen=True)
class Wolfe(LineSearch):
    """A step with C(θ + αd) ≤ C(θ) + c₁α·dᵀ∇C and |dᵀ∇C(θ + αd)| ≤ c₂|dᵀ∇C(θ)|.

    Attributes:
        c1: c₁, between 0 and c₂.
        c2: c₂, between c₁ and 1.
        most: The number of trials, in each of the two phases.
    """

    c1: float = 1e-4
    c2: float = 0.9
    most: int = 40

    def search(self, objective: Objective, at: Point, direction: np.ndarray, first: float = 1.0) -> Point:
        """Return the point that satisfies both conditions."""
        slope = descent(at, direction)

        def trial(alpha: float) -> Point:
            return point(objective, at.x + alpha * direction)

        low, low_alpha, alpha = at, 0.0, first
        for number in range(self.most):
            found = trial(alpha)
            too_high = not found.finite or found.value > at.value + self.c1 * alpha * slope
            if too_high or (number and found.value >= low.value):
                return self._zoom(trial, at, direction, (low_alpha, low), (alpha, found))
            here = float(found.gradient @ direction)
            if abs(here) <= -self.c2 * slope:
                return found
            if here >= 0:
                return self._zoom(trial, at, direction, (alpha, found), (low_alpha, low))
            low, low_alpha, alpha = found, alpha, 2 * alpha
        raise Stop(
            f"the function still falls after {self.most} doublings of the step: it seems to have no minimum along the "
            "direction (a separable classification has none: add a penalty)"
        )

    def _zoom(self, trial: Trial, at: Point, direction: np.ndarray, low: End, high: End) -> Point:
        """Narrow the interval from the lower end ``low`` to ``high`` by bisection until both conditions hold."""
        slope = float(at.gradient @ direction)
        for _ in range(self.most):
            alpha = (low[0] + high[0]) / 2
            found = trial(alpha)
            if not found.finite or found.value > at.value + self.c1 * alpha * slope or found.value >= low[1].value:
                high = (alpha, found)
                continue
            here = float(found.gradient @ direction)
            if abs(here) <= -self.c2 * slope:
                return found
            if here * (high[0] - low[0]) >= 0:
                high = low
            low = (alpha, found)
        if low[0] > 0:  # as good as rounding allows
            return low[1]
        raise Stop("no decrease along the direction was found: the gradient is as small as rounding allows")

    def equations(self) -> list[str]:
        """The two conditions."""
        slope = r"d^{\top} \nabla C\left(\theta^{(t)}\right)"
        return [
            armijo(),
            rf"\left|d^{{\top}} \nabla C\left(\theta^{{(t)}} + \alpha d\right)\right| &\le c_2 \left|{slope}\right|",
        ]
