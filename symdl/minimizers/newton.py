"""Newton's method. Book §4.6; catalogue 4.6-newton."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.calculus import hessian
from symdl.minimizers.line_search import FullStep, LineSearch
from symdl.minimizers.method import HESSIAN, THETA, G, Point, equation
from symdl.minimizers.objective import Objective
from symdl.minimizers.scaled import Scaled
from symdl.ops.linalg import solve

LARGEST = 500  # variables: the eigenvalues of a larger Hessian are not looked at


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

    def fault(self, objective: Objective, at: Point, state: dict[str, Any]) -> str:
        """Tell a saddle point or a maximum."""
        found = saddle(objective, at)
        return f"{found}; use damped-newton or bfgs" if found else ""

    def equations(self) -> list[str]:
        """The step."""
        return [equation(r"\theta^{(t+1)}", THETA - solve(HESSIAN, G)), *self.line_search.equations()]


def saddle(objective: Objective, at: Point) -> str:
    """Return that a point is a saddle or a maximum, by the Hessian's eigenvalues, for up to ``LARGEST`` variables."""
    if len(at.x) > LARGEST:
        return ""
    values = np.linalg.eigvalsh(objective.hess(at.x))
    if values[0] >= -1e-8 * np.abs(values).max(initial=0.0):
        return ""
    kind = "a maximum" if values[-1] <= 0 else "a saddle point"
    return f"the gradient is 0, but the Hessian has the eigenvalue {values[0]:.3g}: {kind}"
