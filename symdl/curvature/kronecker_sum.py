"""Sums of Kronecker products: Σ_i (diag(ŷ_i) - ŷ_iŷ_iᵀ) ⊗ x_ix_iᵀ."""

from dataclasses import dataclass
from typing import ClassVar

from sympy import Add, Expr, Mul

from symdl.curvature.dense import Dense
from symdl.curvature.structured import Structured, elements, solved
from symdl.expr.index import substitute
from symdl.expr.nodes import Array, Reduce, Tensor, axes_of
from symdl.expr.terms import Pairs, Term, opened, products_of
from symdl.latex import latex
from symdl.latex.kronecker import paired_products
from symdl.latex.write import text


@dataclass(frozen=True)
class KroneckerSum(Structured):
    """A sum, over indices or of terms, of Kronecker products.

    Attributes:
        pairs: The indices of rows and columns in the terms.
        terms: The products, each with the indices it is summed over.
    """

    pairs: Pairs
    terms: tuple[Term, ...]
    kind: ClassVar[str] = "sum of Kronecker products"

    def apply(self, v: Tensor) -> Tensor:
        """Apply each product, one factor after the other."""
        axes = axes_of(v.shape)
        parts = [elements(self._applied(term, v), axes) for term in self.terms]
        return Array(Add(*parts), *axes)

    def _applied(self, term: Term, v: Tensor) -> Tensor:
        """Apply the factors one by one to ``value[sums, ...]``, then sum."""
        sums = list(term.sums)
        many = len(sums)
        axes = axes_of(v.shape)
        value = v
        for number, (own, body) in enumerate(term.groups):
            places = sorted(own)
            limits = axes_of(v.shape)
            renamed = {self.pairs.columns[place][0]: limits[place][0] for place in places}
            rows, fresh = axes_of([v.shape[place] for place in places]), axes_of([size for _, size in sums])
            renamed |= {self.pairs.rows[place][0]: index for place, (index, _) in zip(places, rows, strict=True)}
            renamed |= {index: new for (index, _), (new, _) in zip(sums, fresh, strict=True)}
            entry = elements(value, [*fresh, *limits] if number and many else limits)
            product = Reduce("add", substitute(body, renamed) * entry, *(limits[place] for place in places))
            moved = dict(zip(places, rows, strict=True))
            value = Array(product, *fresh, *(moved.get(place, axis) for place, axis in enumerate(limits)))
        fresh = axes_of([size for _, size in sums])
        return Array(Reduce("add", elements(value, [*fresh, *axes]), *fresh), *axes)

    def apply_inverse(self, b: Tensor) -> Tensor:
        """Solve with the whole matrix: the inverse of a sum is no sum."""
        return solved(self.dense, b)

    def diagonal(self) -> Tensor:
        """Return the sum of the products' diagonals."""
        rows = self.pairs.rows
        same = {column[0]: row[0] for row, column in zip(rows, self.pairs.columns, strict=True)}
        parts = [
            Reduce("add", Mul(*(substitute(body, same) for _, body in term.groups)), *term.sums) for term in self.terms
        ]
        return Array(Add(*parts), *rows)

    def logdet(self) -> Expr:
        """Return log |det H|."""
        return Dense(self.dense).logdet()

    def latex(self) -> str:
        """Return the sum, with letters for its indices."""
        pairs, body = opened(self.dense)
        found = paired_products(products_of(body), pairs)
        return latex(self.dense) if found is None else text(found)
