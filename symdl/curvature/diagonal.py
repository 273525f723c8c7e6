"""Diagonal Hessians: those of separable functions."""

from dataclasses import dataclass
from typing import ClassVar

from sympy import Expr

from symdl.curvature.structured import Structured, elements
from symdl.expr.index import free_indices
from symdl.expr.nodes import Array, Reduce, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.latex import latex


@dataclass(frozen=True)
class Diagonal(Structured):
    """``H[r, c] = δ(r, c)·d[r]``.

    Attributes:
        entries: d, of shape s.
    """

    entries: Tensor
    kind: ClassVar[str] = "diagonal"
    factored: ClassVar[bool] = True

    @property
    def factor(self) -> Expr | None:
        """The number λ where H = λI."""
        return self.entries.body if isinstance(self.entries, Array) and not free_indices(self.entries.body) else None

    def apply(self, v: Tensor) -> Tensor:
        """Return d ⊙ v."""
        if self.factor == 1:
            return v
        axes = axes_of(v.shape)
        return Array(elements(self.entries, axes[: self.entries.order]) * elements(v, axes), *axes)

    def apply_inverse(self, b: Tensor) -> Tensor:
        """Return b ⊘ d."""
        if self.factor == 1:
            return b
        axes = axes_of(b.shape)
        return Array(elements(b, axes) / elements(self.entries, axes[: self.entries.order]), *axes)

    def diagonal(self) -> Tensor:
        """Return d."""
        return self.entries

    def logdet(self) -> Expr:
        """Return the sum of the logarithms of |d|: log |det H|, of whatever sign the determinant is."""
        axes = axes_of(self.entries.shape)
        return Reduce("add", SCALAR_OPS["log"](SCALAR_OPS["abs"](elements(self.entries, axes))), *axes)

    def latex(self) -> str:
        """Return diag(d), or a multiple of the identity."""
        if self.factor == 1:
            return "I"
        if self.factor is not None:
            text = latex(self.factor)
            return rf"{text} I" if self.factor.is_Atom else rf"\left({text}\right) I"
        inside = latex(self.entries)
        return (
            rf"\operatorname{{diag}}\left({inside}\right)"
            if self.entries.order == 1
            else (rf"\operatorname{{diag}}\left(\operatorname{{vec}}\left({inside}\right)\right)")
        )
