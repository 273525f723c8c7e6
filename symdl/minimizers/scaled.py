"""Methods that scale the gradient by the inverse of a matrix: Newton, Gauss-Newton, natural gradient."""

from abc import abstractmethod
from functools import cache
from typing import Any

import numpy as np

from symdl.compile import CompiledFunction, compile
from symdl.curvature import structure
from symdl.curvature.dense import Dense
from symdl.errors import NumericalError
from symdl.expr.nodes import Tensor
from symdl.minimizers.line_search import LineSearch
from symdl.minimizers.method import HESSIAN, G, Method, Point, Stop
from symdl.minimizers.objective import Objective, flattened
from symdl.ops.linalg import solve


@cache
def _scaled(target: str) -> CompiledFunction:
    """Return the compiled equation d = -B⁻¹∇C on the flat vector."""
    return compile(-solve(HESSIAN, G), target)


class Scaled(Method):
    """d = -B⁻¹∇C with a matrix B that a subclass gives as equations.

    For one tensor variable whose B has a structure (diagonal, blocks, a Kronecker product) the equations of the
    direction use it; else B is one matrix.
    """

    line_search: LineSearch

    @abstractmethod
    def blocks(self, objective: Objective) -> Any:
        """Return B, an expression for each pair of variables in a nested tuple."""

    def begin(self, objective: Objective) -> dict[str, Any]:
        """Compile the direction, or the matrix."""
        blocks = self.blocks(objective)
        if len(blocks) == 1 and isinstance(blocks[0][0], Tensor):
            found = structure(blocks[0][0])
            if not isinstance(found, Dense) and found.factored:
                return {"direction": compile(-found.solve(objective.gradients[0]), objective.target)}
        return {"matrix": compile(flattened(blocks), objective.target)}

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Solve for the direction and search along it."""
        return self.line_search.search(objective, at, self.direction(objective, at, state))

    def remaining(self, objective: Objective, at: Point, state: dict[str, Any]) -> float:
        """Return the length of B⁻¹∇C, without bound for a singular B."""
        if not at.gradient.any():
            return 0.0
        try:
            return float(np.linalg.norm(self.direction(objective, at, state)))
        except Stop:
            return float("inf")

    def direction(self, objective: Objective, at: Point, state: dict[str, Any]) -> np.ndarray:
        """Return -B⁻¹∇C.

        Raises:
            Stop: for a singular matrix.
        """
        try:
            if "direction" in state:
                return np.ravel(objective.call(state["direction"], at.x))
            b = self.matrix(objective, at, state)
            return np.asarray(_scaled(objective.target)(hessian=b, gradient=at.gradient))
        except NumericalError as error:
            raise Stop(f"{error}; use a damped method") from None

    def matrix(self, objective: Objective, at: Point, state: dict[str, Any]) -> np.ndarray:
        """Return B, made symmetric against rounding."""
        b = objective.matrix(state["matrix"], at.x)
        return (b + b.T) / 2
