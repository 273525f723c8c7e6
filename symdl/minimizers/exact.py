"""Exact line search. Catalogue 4.5-ls-exact."""

from dataclasses import dataclass

import numpy as np

from symdl.minimizers.line_search import LineSearch, descent
from symdl.minimizers.method import Point, Stop, point
from symdl.minimizers.objective import Objective


@dataclass(frozen=True)
class Exact(LineSearch):
    """The first α > 0 with dᵀ∇C(θ + αd) = 0: the slope's zero, by Newton's method inside a bracket.

    Successive directions of steepest descent are then orthogonal: the path zigzags.

    Attributes:
        tolerance: The slope that counts as 0, relative to the slope at the beginning.
        most: The number of trials, in each of the two phases.
    """

    tolerance: float = 1e-10
    most: int = 100

    def search(self, objective: Objective, at: Point, direction: np.ndarray, first: float = 1.0) -> Point:
        """Return the point where the slope along the direction is 0."""
        begin = descent(at, direction)
        curvature = float(direction @ objective.hessp(at.x, direction))
        low, high = 0.0, min(first, -begin / curvature) if curvature > 0 else first  # not past the first minimum
        found = point(objective, at.x + high * direction)
        for _ in range(self.most):
            if not found.finite or found.gradient @ direction > 0:
                break
            low, high = high, 2 * high
            found = point(objective, at.x + high * direction)
        else:
            raise Stop(f"the slope is negative up to a step of {high:.3g}: there is no minimum along the direction")
        alpha = (low + high) / 2
        for _ in range(self.most):
            found = point(objective, at.x + alpha * direction)
            slope = float(found.gradient @ direction) if found.finite else np.inf
            if abs(slope) <= -self.tolerance * begin or high - low <= 4e-16 * high:
                return found
            low, high = (alpha, high) if slope < 0 else (low, alpha)
            curvature = float(direction @ objective.hessp(found.x, direction)) if found.finite else 0.0
            newton = alpha - slope / curvature if curvature > 0 else low
            alpha = newton if low < newton < high else (low + high) / 2
        return found

    def equations(self) -> list[str]:
        """The condition."""
        return [r"d^{\top} \nabla C\left(\theta^{(t)} + \alpha d\right) &= 0"]
