"""Hessians that stay factored: what all kinds of structure have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sympy import Expr, Mul, Symbol

from symdl.errors import ShapeError
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Reduce, Tensor, axes_of
from symdl.expr.sizes import same_size, shape_text
from symdl.latex import latex
from symdl.ops.linalg import solve
from symdl.ops.rearrange import reshape

Axes = Sequence[tuple[Any, Expr]]


@dataclass(frozen=True)
class Structured(ABC):
    """A Hessian of shape ``s + s`` as a linear map on tensors of shape s, in the form that its equations have.

    Attributes:
        dense: The Hessian itself, an array with all its elements.
    """

    dense: Tensor
    factored: ClassVar[bool] = False  # whether an equation is solved by its factors alone

    @property
    def shape(self) -> tuple[Expr, ...]:
        """The shape s of what it is applied to."""
        return tuple(self.dense.shape[: self.dense.order // 2])

    @property
    @abstractmethod
    def kind(self) -> str:
        """What it is, in words."""

    @abstractmethod
    def apply(self, v: Tensor) -> Tensor:
        """Return the Hessian applied to a tensor of shape ``s + t``, for each index of the axes t."""

    @abstractmethod
    def apply_inverse(self, b: Tensor) -> Tensor:
        """Return the Hessian's inverse applied to a tensor of shape ``s + t``, for each index of the axes t."""

    @abstractmethod
    def diagonal(self) -> Tensor:
        """Return the elements H[r, r], of shape s."""

    @abstractmethod
    def logdet(self) -> Expr:
        """Return the logarithm of the determinant."""

    @abstractmethod
    def latex(self) -> str:
        """Return the factored form as LaTeX."""

    def product(self, v: Any) -> Tensor:
        """Return H·v, computed from the factors.

        Args:
            v: A tensor of shape s.

        Raises:
            ShapeError: if it has another shape.
        """
        return self.apply(self._checked(v, "product"))

    def solve(self, b: Any) -> Tensor:
        """Return x with H·x = b, computed from the factors; b has shape s.

        Raises:
            ShapeError: if it has another shape.
        """
        return self.apply_inverse(self._checked(b, "solve"))

    def trace(self) -> Expr:
        """Return the sum of the diagonal."""
        values = self.diagonal()
        axes = axes_of(values.shape)
        return Reduce("add", Element(values, *(index for index, _ in axes)), *axes)

    def _checked(self, value: Any, what: str) -> Tensor:
        found = ingest(value)
        shape = getattr(found, "shape", ())
        if len(shape) != len(self.shape) or not all(map(same_size, shape, self.shape)):
            raise ShapeError(f"structure.{what}: expected shape {shape_text(self.shape)}, found {shape_text(shape)}")
        return found

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        return f"{self.kind}: {self.latex()}"


def elements(tensor: Tensor, axes: Axes) -> Expr:
    """Return a tensor's element at some axes."""
    return Element(tensor, *(index for index, _ in axes))


def applied(matrix: Tensor, v: Tensor) -> Tensor:
    """Return ``Σ_c matrix[r, c]·v[c, ...]``, c being as many axes as r."""
    order = matrix.order // 2
    axes = axes_of(v.shape)
    rows = axes_of(matrix.shape[:order])
    body = Reduce("add", elements(matrix, [*rows, *axes[:order]]) * elements(v, axes), *axes[:order])
    return Array(body, *rows, *axes[order:])


def solved(matrix: Tensor, b: Tensor) -> Tensor:
    """Return x with ``Σ_c matrix[r, c]·x[c, ...] = b[r, ...]``, by one factorisation of a matrix."""
    order = matrix.order // 2
    size, more = Mul(*b.shape[:order]), Mul(*b.shape[order:])
    square = matrix if order == 1 else reshape(matrix, (size, size))
    if b.order <= 2 and order == 1:
        return solve(square, b)
    return reshape(solve(square, reshape(b, (size, more) if b.order > order else (size,))), b.shape)


def lettered(axes: Axes, sign: str) -> tuple[dict[Any, Expr], str]:
    """Return letters, one-based, for the indices of a printed sum, and the signs ``sign_{i=1}^{n}`` over them."""
    letters = {
        index: Symbol(letter, integer=True, positive=True) for (index, _), letter in zip(axes, "imlst", strict=False)
    }
    signs = " ".join(rf"{sign}_{{{letters[index]}=1}}^{{{latex(size)}}}" for index, size in axes)
    return {index: letter - 1 for index, letter in letters.items()}, signs
