"""Backtracking to Armijo's condition. Book §4.5; catalogue 4.5-ls-inexact."""

from dataclasses import dataclass

import numpy as np

from symdl.minimizers.line_search import LineSearch, armijo, descent
from symdl.minimizers.method import Point, Stop, point
from symdl.minimizers.objective import Objective


@dataclass(frozen=True)
class Backtracking(LineSearch):
    r"""The largest α in ``first``, ``first``·β, ``first``·β², … with C(θ + αd) ≤ C(θ) + c₁·α·dᵀ∇C.

    Attributes:
        c1: c₁ in (0, 1).
        shrink: β in (0, 1).
        most: The number of trials.
    """

    c1: float = 1e-4
    shrink: float = 0.5
    most: int = 60

    def search(self, objective: Objective, at: Point, direction: np.ndarray, first: float = 1.0) -> Point:
        """Return the point that satisfies the condition; a value that is not finite does not."""
        slope, alpha = descent(at, direction), first
        for _ in range(self.most):
            found = point(objective, at.x + alpha * direction)
            if found.finite and found.value <= at.value + self.c1 * alpha * slope:
                return found
            alpha *= self.shrink
        raise Stop(
            f"no decrease along the direction was found in {self.most} halvings of the step: the gradient is as small "
            "as rounding allows, or it is not that of the function here (a kink)"
        )

    def equations(self) -> list[str]:
        """Armijo's condition."""
        return [armijo()]
