"""What a line search is, and the step without one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from symdl.minimizers.method import Point, Stop, point
from symdl.minimizers.objective import Objective


class LineSearch(ABC):
    """How far to go along a direction; a subclass is a frozen dataclass in a file of this folder."""

    @abstractmethod
    def search(self, objective: Objective, at: Point, direction: np.ndarray, first: float = 1.0) -> Point:
        """Return a point on the line.

        Args:
            objective: The function.
            at: Where the line begins.
            direction: d.
            first: The step that is tried first.

        Raises:
            Stop: if d is no direction of descent, or no step is good enough.
        """

    @abstractmethod
    def equations(self) -> list[str]:
        """Return the conditions as LaTeX."""


@dataclass(frozen=True)
class FullStep(LineSearch):
    """The step α whatever the values are, as Newton's method in its plain form takes it.

    Attributes:
        alpha: The step.
    """

    alpha: float = 1.0

    def search(self, objective: Objective, at: Point, direction: np.ndarray, first: float = 1.0) -> Point:
        """Return the point at the end of the step."""
        found = point(objective, at.x + self.alpha * first * direction)
        if not found.finite:
            raise Stop(
                "the value or the gradient is not finite after the full step; use a line search or a damped method"
            )
        return found

    def equations(self) -> list[str]:
        """No condition."""
        return []


def descent(at: Point, direction: np.ndarray) -> float:
    """Return the slope dᵀ∇C.

    Raises:
        Stop: if it is not negative.
    """
    slope = float(at.gradient @ direction)
    if not slope < 0:
        raise Stop(
            f"the direction does not descend (its slope is {slope:.3g}): the matrix of the method is not positive "
            "definite here; use damped-newton, bfgs or conjugate-gradient"
        )
    return slope


def armijo() -> str:
    """Return Armijo's condition as LaTeX."""
    return (
        r"C\left(\theta^{(t)} + \alpha d\right) &\le C\left(\theta^{(t)}\right) "
        r"+ c_1 \alpha\, d^{\top} \nabla C\left(\theta^{(t)}\right)"
    )
