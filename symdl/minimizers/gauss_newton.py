"""The Gauss-Newton method. Catalogue 4.6-gn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from symdl.curvature import gauss_newton
from symdl.errors import InputError
from symdl.expr.declare import matrix, vector
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.sizes import dims
from symdl.minimizers.backtracking import Backtracking
from symdl.minimizers.line_search import LineSearch
from symdl.minimizers.method import THETA, N, equation
from symdl.minimizers.objective import Objective
from symdl.minimizers.scaled import Scaled
from symdl.ops.elementwise import square
from symdl.ops.linalg import solve
from symdl.ops.reductions import sum as total


def half_squares(z: Any) -> Any:
    """Return ½‖z‖²."""
    return total(square(z)) / 2


@dataclass(frozen=True)
class GaussNewton(Scaled):
    """θ ← θ + αd, d = -(JᵀJ)⁻¹Jᵀr for C = ½‖r(θ)‖²; in general with Jᵀ∇²ℓ(z)J for C = ℓ(z(θ)).

    Attributes:
        output: r, a tensor expression; for other losses the output z of a model.
        loss: ℓ with C = ℓ(z), called with a symbol for z; ½‖z‖² by default.
        line_search: How far to go.
    """

    output: Any = None
    loss: Callable[[Any], Any] = half_squares
    line_search: LineSearch = field(default_factory=Backtracking)

    def blocks(self, objective: Objective) -> Any:
        """Return Jᵀ∇²ℓJ."""
        return matrix_of(objective, self.output, self.loss, type(self).__name__)

    def equations(self) -> list[str]:
        """The direction and the step."""
        m = dims("M")
        J, r = matrix("J", m, N), vector("r", m)
        step = rf"\theta^{{(t+1)}} &= {THETA.latex_name} + \alpha d"
        return [equation("d", -solve(J.T @ J, J.T @ r)), step, *self.line_search.equations()]


def matrix_of(objective: Objective, output: Any, loss: Callable[[Any], Any], name: str) -> Any:
    """Return the Gauss-Newton matrix of an objective, after a check that it is ``loss(output)``.

    Raises:
        InputError: without an output, or if the objective is something else.
    """
    if output is None:
        raise InputError(f"{name}: give output=r, the residuals with C = ½‖r‖², or output=z and loss=ℓ with C = ℓ(z)")
    value = ingest(output)
    composed = as_scalar(loss(value), f"{name}: the loss")
    if composed != objective.value:
        objective.same(composed, name)
    return gauss_newton(loss, value, objective.variables)
