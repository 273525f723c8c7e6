"""Kronecker products: a Hessian that acts on some axes by one matrix and on the others by another."""

from dataclasses import dataclass
from typing import ClassVar

from sympy import Add, Expr, Mul

from symdl.curvature.structured import Structured, elements
from symdl.expr.contract import transpose
from symdl.expr.nodes import Array, Tensor, axes_of


@dataclass(frozen=True)
class Kronecker(Structured):
    """``H[r, c] = ∏ F[r_g, c_g]`` over groups g of axes: F₁ ⊗ F₂ ⊗ … with rows and columns counted row by row.

    Attributes:
        groups: For each factor the positions of its axes in s, and its own structure.
    """

    groups: tuple[tuple[tuple[int, ...], Structured], ...]
    kind: ClassVar[str] = "Kronecker product"
    factored: ClassVar[bool] = True

    @property
    def factors(self) -> tuple[Tensor, ...]:
        """The factors as arrays."""
        return tuple(factor.dense for _, factor in self.groups)

    def apply(self, v: Tensor) -> Tensor:
        """Apply one factor after the other."""
        for places, factor in self.groups:
            v = _leading(factor.apply(_leading(v, places)), places, back=True)
        return v

    def apply_inverse(self, b: Tensor) -> Tensor:
        """Apply the inverse of one factor after the other."""
        for places, factor in self.groups:
            b = _leading(factor.apply_inverse(_leading(b, places)), places, back=True)
        return b

    def diagonal(self) -> Tensor:
        """Return the outer product of the factors' diagonals."""
        axes = axes_of(self.shape)
        parts = (elements(factor.diagonal(), [axes[place] for place in places]) for places, factor in self.groups)
        return Array(Mul(*parts), *axes)

    def trace(self) -> Expr:
        """Return the product of the factors' traces."""
        return Mul(*(factor.trace() for _, factor in self.groups))

    def logdet(self) -> Expr:
        """Return Σ (N / N_g)·log det F_g, N and N_g being the numbers of rows of H and of F_g."""
        rows = Mul(*self.shape)
        return Add(*(rows / Mul(*factor.shape) * factor.logdet() for _, factor in self.groups))

    def latex(self) -> str:
        """Return F₁ ⊗ F₂."""
        return kron_latex([factor.latex() for _, factor in self.groups])


def kron_latex(texts: list[str]) -> str:
    """Return a Kronecker product of LaTeX texts, sums among them in parentheses."""
    return r" \otimes ".join(rf"\left({text}\right)" if _is_sum(text) else text for text in texts)


def _is_sum(text: str) -> bool:
    """Tell whether LaTeX has a plus or minus sign outside of all brackets."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in "({[") - (letter in ")}]")
        if depth == 0 and letter in "+-" and place:
            return True
    return False


def _leading(value: Tensor, places: tuple[int, ...], back: bool = False) -> Tensor:
    """Bring the axes ``places`` to the front, or back from there."""
    order = [*places, *(axis for axis in range(value.order) if axis not in places)]
    if order == sorted(order):
        return value
    return transpose(value, [order.index(axis) for axis in range(value.order)] if back else order)
