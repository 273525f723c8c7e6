"""Block-diagonal Hessians: coupled along some axes only."""

from dataclasses import dataclass
from typing import ClassVar

from sympy import Expr, Mul

from symdl.curvature.structured import Structured, elements, lettered
from symdl.expr.contract import transpose
from symdl.expr.index import substitute
from symdl.expr.nodes import Array, Reduce, Tensor, axes_of
from symdl.latex import latex
from symdl.ops.linalg import logdet, solve
from symdl.ops.rearrange import reshape


@dataclass(frozen=True)
class BlockDiagonal(Structured):
    """``H[(a, r), (b, c)] = δ(a, b)·B[a, r, c]``: one block for each index of the axes a.

    Attributes:
        places: The positions of the axes a in s.
        blocks: B, with the axes a, then rows, then columns of a block.
    """

    places: tuple[int, ...]
    blocks: Tensor
    kind: ClassVar[str] = "block diagonal"
    factored: ClassVar[bool] = True

    @property
    def rest(self) -> tuple[int, ...]:
        """The positions of the other axes in s."""
        return tuple(place for place in range(len(self.shape)) if place not in self.places)

    def apply(self, v: Tensor) -> Tensor:
        """Apply each block to its part."""
        axes = axes_of(v.shape)
        outer, columns = [axes[place] for place in self.places], [axes[place] for place in self.rest]
        rows = axes_of([size for _, size in columns])
        body = Reduce("add", elements(self.blocks, [*outer, *rows, *columns]) * elements(v, axes), *columns)
        own = dict(zip(self.rest, rows, strict=True))
        return Array(body, *(own.get(place, axis) for place, axis in enumerate(axes)))

    def apply_inverse(self, b: Tensor) -> Tensor:
        """Solve with each block."""
        many = len(self.places)
        order = [*self.places, *self.rest, *range(len(self.shape), b.order)]
        blocks, moved = self._matrices(), transpose(b, order)
        columns = Mul(*b.shape[len(self.shape) :])
        x = solve(blocks, reshape(moved, (*blocks.shape[: many + 1], columns)))
        return transpose(reshape(x, moved.shape), [order.index(axis) for axis in range(b.order)])

    def diagonal(self) -> Tensor:
        """Return the diagonals of the blocks."""
        axes = axes_of(self.shape)
        outer, rows = [axes[place] for place in self.places], [axes[place] for place in self.rest]
        return Array(elements(self.blocks, [*outer, *rows, *rows]), *axes)

    def logdet(self) -> Expr:
        """Return the sum of the blocks' log det."""
        values = logdet(self._matrices())
        outer = axes_of(values.shape)
        return Reduce("add", elements(values, outer), *outer)

    def _matrices(self) -> Tensor:
        """Return the blocks as matrices, one for each index of the axes a."""
        many, one = len(self.places), len(self.rest)
        rows = Mul(*self.blocks.shape[many : many + one])
        return reshape(self.blocks, (*self.blocks.shape[:many], rows, rows)) if one > 1 else self.blocks

    def latex(self) -> str:
        """Return the direct sum of the blocks."""
        many = len(self.places)
        outer, rows = axes_of(self.blocks.shape[:many]), axes_of(self.blocks.shape[many:])
        letters, signs = lettered(outer, r"\bigoplus")
        return f"{signs} {latex(Array(substitute(elements(self.blocks, [*outer, *rows]), letters), *rows))}"
