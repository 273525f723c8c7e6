"""Diagonal plus low rank: Xᵀ diag(c) X + diag(d), and diag(ŷ) - ŷŷᵀ."""

from dataclasses import dataclass

from sympy import Add, Expr, Mul

from symdl.curvature.dense import Dense
from symdl.curvature.diagonal import Diagonal
from symdl.curvature.structured import Axes, Structured, elements, solved
from symdl.expr.nodes import Array, Reduce, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.latex import latex


@dataclass(frozen=True)
class Piece:
    """``Σ_k c[k]·u[k, r]·v[k, c]``, k being any number of axes (none for an outer product).

    Attributes:
        weights: c, a scalar for no axes.
        left: u.
        right: v.
    """

    weights: Tensor
    left: Tensor
    right: Tensor

    @property
    def order(self) -> int:
        """The number of axes k."""
        return self.weights.order

    @property
    def gram(self) -> bool:
        """Whether u and v are the same."""
        return self.left == self.right

    def apply(self, v: Tensor) -> Tensor:
        """Return Σ_k u[k, ...]·c[k]·(Σ_c v[k, c]·x[c, ...]), from the right."""
        inner, rank = axes_of(v.shape), axes_of(self.weights.shape)
        own, more = inner[: self.right.order - self.order], inner[self.right.order - self.order :]
        body = elements(self.weights, rank) * Reduce(
            "add", elements(self.right, [*rank, *own]) * elements(v, inner), *own
        )
        coefficients = Array(body, *rank, *more)
        rows, rest, rank = (
            axes_of([size for _, size in own]),
            axes_of([size for _, size in more]),
            axes_of(self.weights.shape),
        )
        part = elements(self.left, [*rank, *rows]) * elements(coefficients, [*rank, *rest])
        return Array(Reduce("add", part, *rank), *rows, *rest)

    def element(self, rows: Axes, columns: Axes) -> Expr:
        """Return the element at some rows and columns."""
        rank = axes_of(self.weights.shape)
        body = Mul(
            elements(self.weights, rank), elements(self.left, [*rank, *rows]), elements(self.right, [*rank, *columns])
        )
        return Reduce("add", body, *rank)


@dataclass(frozen=True)
class LowRank(Structured):
    """``diag(d) + Σ pieces``.

    Attributes:
        base: The diagonal part, or None.
        pieces: The others.
    """

    base: Diagonal | None
    pieces: tuple[Piece, ...]

    @property
    def kind(self) -> str:
        """Whether there is a diagonal part."""
        return "low rank" if self.base is None else "diagonal plus low rank"

    def apply(self, v: Tensor) -> Tensor:
        """Add up the parts' products."""
        parts = [piece.apply(v) for piece in self.pieces] + ([] if self.base is None else [self.base.apply(v)])
        axes = axes_of(v.shape)
        return Array(Add(*(elements(part, axes) for part in parts)), *axes)

    def apply_inverse(self, b: Tensor) -> Tensor:
        """Solve with an outer product by the formula of Sherman and Morrison, else with the whole matrix.

        Whether the rank is small is only known with the sizes: for diag(d) + u vᵀ it is 1.
        """
        if self.base is None or len(self.pieces) != 1 or self.pieces[0].order:
            return solved(self.dense, b)
        piece, inverse = self.pieces[0], self.base.apply_inverse
        left = inverse(piece.left)
        rows = axes_of(self.shape)
        scaled = inverse(b)
        weight = elements(piece.weights, [])
        size = 1 + weight * Reduce("add", elements(piece.right, rows) * elements(left, rows), *rows)
        axes, sums = axes_of(b.shape), axes_of(self.shape)
        own, more = axes[: len(sums)], axes[len(sums) :]
        along = Reduce("add", elements(piece.right, sums) * elements(scaled, [*sums, *more]), *sums)
        return Array(elements(scaled, axes) - weight * elements(left, own) * along / size, *axes)

    def diagonal(self) -> Tensor:
        """Return the elements H[r, r]."""
        axes = axes_of(self.shape)
        parts = [piece.element(axes, axes) for piece in self.pieces]
        if self.base is not None:
            parts.append(elements(self.base.entries, axes))
        return Array(Add(*parts), *axes)

    def logdet(self) -> Expr:
        """Return log |det H|; for diag(d) + u vᵀ from the parts."""
        if self.base is None or len(self.pieces) != 1 or self.pieces[0].order:
            return Dense(self.dense).logdet()
        piece, rows = self.pieces[0], axes_of(self.shape)
        left = self.base.apply_inverse(piece.left)
        size = Reduce("add", elements(piece.right, rows) * elements(left, rows), *rows)
        return self.base.logdet() + SCALAR_OPS["log"](1 + elements(piece.weights, []) * size)

    def latex(self) -> str:
        """Return the sum of the parts, as the array prints."""
        return latex(self.dense)
