"""Hessians without a structure that is used."""

from dataclasses import dataclass
from typing import ClassVar

from sympy import Expr, Mul

from symdl.curvature.structured import Structured, applied, elements, solved
from symdl.expr.nodes import Array, Tensor, axes_of
from symdl.latex import latex
from symdl.ops.linalg import logdet
from symdl.ops.rearrange import reshape


@dataclass(frozen=True)
class Dense(Structured):
    """A Hessian that is its array."""

    kind: ClassVar[str] = "dense"

    def apply(self, v: Tensor) -> Tensor:
        """Return H·v."""
        return applied(self.dense, v)

    def apply_inverse(self, b: Tensor) -> Tensor:
        """Return x with H·x = b."""
        return solved(self.dense, b)

    def diagonal(self) -> Tensor:
        """Return the elements H[r, r]."""
        axes = axes_of(self.shape)
        return Array(elements(self.dense, [*axes, *axes]), *axes)

    def logdet(self) -> Expr:
        """Return log |det H|."""
        rows = Mul(*self.shape)
        return logdet(self.dense if len(self.shape) == 1 else reshape(self.dense, (rows, rows)))

    def latex(self) -> str:
        """Return the array's LaTeX."""
        return latex(self.dense)
