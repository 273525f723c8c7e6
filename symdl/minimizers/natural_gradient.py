"""Natural gradient. Catalogue 4.6-natural; Amari (1998)."""

from dataclasses import dataclass, field
from typing import Any

from symdl.errors import InputError
from symdl.expr.declare import matrix
from symdl.minimizers.line_search import FullStep, LineSearch
from symdl.minimizers.method import THETA, G, N, equation
from symdl.minimizers.objective import Objective
from symdl.minimizers.scaled import Scaled
from symdl.ops.linalg import solve


@dataclass(frozen=True)
class NaturalGradient(Scaled):
    """θ ← θ - αF⁻¹∇C with the Fisher matrix F of the model's distribution.

    Attributes:
        fisher: F, from ``sd.fisher`` or ``sd.gauss_newton``: for one variable of shape ``s + s``, for several a nested
            tuple. In the scale of C: for a sum over samples it is the sum of their matrices.
        line_search: How far to go; by default α = 1.
    """

    fisher: Any = None
    line_search: LineSearch = field(default_factory=FullStep)

    def blocks(self, objective: Objective) -> Any:
        """Return F."""
        if self.fisher is None:
            raise InputError(
                "NaturalGradient: give fisher=F, from sd.fisher(p, theta) or sd.gauss_newton(loss, z, theta)"
            )
        return self.fisher if isinstance(self.fisher, tuple | list) else ((self.fisher,),)

    def equations(self) -> list[str]:
        """The step."""
        F = matrix("F", N, N, symmetric=True, latex=r"F\left(\theta^{(t)}\right)")
        return [equation(r"\theta^{(t+1)}", THETA - solve(F, G)), *self.line_search.equations()]
