"""Newton's method. Book §4.6; catalogue 4.6-newton."""

from dataclasses import dataclass, field
from typing import Any

from symdl.calculus import hessian
from symdl.minimizers.line_search import FullStep, LineSearch
from symdl.minimizers.method import HESSIAN, THETA, G, equation
from symdl.minimizers.objective import Objective
from symdl.minimizers.scaled import Scaled
from symdl.ops.linalg import solve


@dataclass(frozen=True)
class Newton(Scaled):
    """θ ← θ - (∇²C)⁻¹∇C, by default with the full step: it goes to any point where the gradient is 0.

    Attributes:
        line_search: How far to go along the direction.
    """

    line_search: LineSearch = field(default_factory=FullStep)

    def blocks(self, objective: Objective) -> Any:
        """Return the Hessian."""
        return hessian(objective.value, objective.variables)

    def equations(self) -> list[str]:
        """The step."""
        return [equation(r"\theta^{(t+1)}", THETA - solve(HESSIAN, G)), *self.line_search.equations()]
