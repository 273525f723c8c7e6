"""What a minimisation method is: a direction at a point, and how far to go along it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.expr.declare import matrix, scalar, vector
from symdl.expr.sizes import dims
from symdl.latex import latex
from symdl.minimizers.objective import Objective

# The symbols of the methods' equations, on the flat vector of all variables.
N = dims("N")
G = vector("gradient", N, latex=r"\nabla C\left(\theta^{(t)}\right)")
THETA = vector("theta", N, latex=r"\theta^{(t)}")
HESSIAN = matrix("hessian", N, N, symmetric=True, latex=r"\nabla^{2} C\left(\theta^{(t)}\right)")
MU = scalar("mu", nonnegative=True, latex=r"\mu")
ALPHA = scalar("alpha", positive=True, latex=r"\alpha")


@dataclass(frozen=True)
class Point:
    """A point of a minimisation: x, C(x) and ∇C(x)."""

    x: np.ndarray
    value: float
    gradient: np.ndarray

    @property
    def finite(self) -> bool:
        """Whether value and gradient are finite numbers."""
        return bool(np.isfinite(self.value) and np.isfinite(self.gradient).all())


def point(objective: Objective, x: np.ndarray) -> Point:
    """Return the point at x."""
    value, gradient = objective.value_and_gradient(x)
    return Point(x, value, gradient)


class Stop(Exception):  # because it ends a minimisation, and is no error of the program
    """The method cannot go on; its text says why and what to do."""


class Method(ABC):
    """A method of minimisation; a subclass is a frozen dataclass in a file of this folder.

    What a method remembers between steps is its state, a mapping that ``begin`` makes.
    """

    def begin(self, objective: Objective) -> dict[str, Any]:
        """Return the state before the first step."""
        return {}

    @abstractmethod
    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Return the next point.

        Raises:
            Stop: if there is none.
        """

    def remaining(self, objective: Objective, at: Point, state: dict[str, Any]) -> float:
        """Return the length of the step that the method would take from a point; 0 where it has no natural length."""
        return 0.0

    def fault(self, objective: Objective, at: Point, state: dict[str, Any]) -> str:
        """Return why a point where the gradient is 0 is no minimum, or an empty string."""
        return ""

    @abstractmethod
    def equations(self) -> list[str]:
        """Return its equations as LaTeX, in the book's notation."""

    def latex(self) -> str:
        """Return its equations, one below the other."""
        return r"\begin{aligned} " + r" \\ ".join(self.equations()) + r" \end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def equation(left: str, right: Any) -> str:
    """Return an aligned equation."""
    return f"{left} &= {latex(right)}"


__all__ = ["ALPHA", "HESSIAN", "MU", "THETA", "G", "Method", "N", "Point", "Stop", "equation", "point"]
