"""Matrix notation as a small grammar: what a textbook formula is made of, before it is text.

    Form = Leaf | Number | Ones | Zeros | Identity | Unit | Explicit      names and constants
         | MatMul | Transpose | Diag | DiagonalOf | Trace | Norm | Kron    matrix operations
         | Inverse | Operator                                  linear algebra
         | Hadamard | Power | Apply | Cases | Relation | Logic             element by element
         | Sum | Scale | Composite | Slice                                 linear; a named op; part of a leaf
         | At | BigOp | Delta | Place | Bracket                            index notation

Every form has a two-dimensional shape: vectors are columns, scalars have shape (1, 1). In a ``Sum`` of tensors a scalar
term stands for itself in every entry. Forms are immutable and compare by structure; they are built by the functions of
``symdl.latex.algebra``, which keep them flat.
"""

from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer

from symdl.expr.index import Index

Shape = tuple[Expr, Expr]
SCALAR: Shape = (Integer(1), Integer(1))


@dataclass(frozen=True)
class Form:
    """Abstract; see the module's grammar."""

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return SCALAR

    @property
    def is_scalar(self) -> bool:
        """Whether the shape is (1, 1)."""
        return self.shape == SCALAR

    @property
    def is_matrix(self) -> bool:
        """Whether both sizes differ from 1."""
        return self.shape[0] != 1 and self.shape[1] != 1


@dataclass(frozen=True)
class Shaped(Form):
    """A form that carries its shape. Abstract."""

    size: Shape

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.size


@dataclass(frozen=True)
class Leaf(Shaped):
    """A name: ``meaning`` is the tensor or scalar symbol it stands for."""

    tex: str
    meaning: Any
    symmetric: bool = False


@dataclass(frozen=True)
class Number(Form):
    """A real constant."""

    value: Expr


@dataclass(frozen=True)
class Ones(Shaped):
    """The column of ones."""


@dataclass(frozen=True)
class Zeros(Shaped):
    """A block of zeros."""


@dataclass(frozen=True)
class Identity(Shaped):
    """The identity matrix."""


@dataclass(frozen=True)
class Unit(Shaped):
    """A column of the identity; ``position`` is zero-based."""

    position: Expr


@dataclass(frozen=True)
class Explicit(Shaped):
    """A small matrix by its entries, row by row."""

    rows: tuple[tuple[Form, ...], ...]


@dataclass(frozen=True)
class Transpose(Form):
    """The transpose of something that does not distribute it."""

    arg: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.arg.shape[1], self.arg.shape[0]


@dataclass(frozen=True)
class MatMul(Form):
    """A product of two or more matrices, none of them a scalar."""

    factors: tuple[Form, ...]

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.factors[0].shape[0], self.factors[-1].shape[1]


@dataclass(frozen=True)
class Sum(Form):
    """A sum of two or more terms."""

    terms: tuple[Form, ...]

    @property
    def shape(self) -> Shape:
        """Rows and columns: those of the terms that are no scalars."""
        return next((term.shape for term in self.terms if not term.is_scalar), SCALAR)


@dataclass(frozen=True)
class Scale(Form):
    """``number · num / den · arg``: scalars times a tensor, or a product of scalars where ``arg`` is None."""

    number: Expr
    num: tuple[Form, ...]
    den: tuple[Form, ...]
    arg: Form | None

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return SCALAR if self.arg is None else self.arg.shape


@dataclass(frozen=True)
class Hadamard(Form):
    """The element-wise product of ``num``, divided by ``den`` element by element; none of them a scalar."""

    num: tuple[Form, ...]
    den: tuple[Form, ...]

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return (self.num or self.den)[0].shape


@dataclass(frozen=True)
class Power(Form):
    """A power, element by element."""

    base: Form
    exponent: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.exponent.shape if self.base.is_scalar else self.base.shape


@dataclass(frozen=True)
class Apply(Form):
    """A function of one or more arguments, element by element; ``op`` is its class. Scalar arguments are repeated."""

    op: Any
    args: tuple[Form, ...]

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return next((arg.shape for arg in self.args if not arg.is_scalar), SCALAR)


@dataclass(frozen=True)
class Composite(Shaped):
    """A named op of tensors; ``meaning`` is the node."""

    meaning: Any
    args: tuple[Form, ...]


@dataclass(frozen=True)
class Diag(Form):
    """The diagonal matrix of a column."""

    arg: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.arg.shape[0], self.arg.shape[0]


@dataclass(frozen=True)
class DiagonalOf(Form):
    """The diagonal of a square matrix, as a column."""

    arg: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.arg.shape[0], Integer(1)


@dataclass(frozen=True)
class Trace(Form):
    """The trace of a square matrix."""

    arg: Form


@dataclass(frozen=True)
class Inverse(Form):
    """The inverse of a square matrix."""

    arg: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.arg.shape


@dataclass(frozen=True)
class Operator(Shaped):
    """A function of a matrix as a whole, result ``which`` of ``op``: determinant, Cholesky factor, eigenvalues."""

    symbol: str
    op: str
    which: int
    arg: Form


@dataclass(frozen=True)
class Norm(Form):
    """The Euclidean norm of a vector, the Frobenius norm of a matrix."""

    arg: Form


@dataclass(frozen=True)
class Kron(Form):
    """The Kronecker product of two matrices."""

    left: Form
    right: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.left.shape[0] * self.right.shape[0], self.left.shape[1] * self.right.shape[1]


@dataclass(frozen=True)
class Relation(Form):
    """A comparison, element by element; ``symbol`` is Python's: ``<  <=  >  >=  ==  !=``."""

    symbol: str
    left: Form
    right: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return self.right.shape if self.left.is_scalar else self.left.shape


@dataclass(frozen=True)
class Logic(Form):
    """``and``, ``or`` or ``not`` of conditions, element by element."""

    symbol: str
    args: tuple[Form, ...]

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return next((arg.shape for arg in self.args if not arg.is_scalar), SCALAR)


@dataclass(frozen=True)
class Cases(Form):
    """``first`` where the condition holds and ``second`` elsewhere, element by element."""

    condition: Form
    first: Form
    second: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        parts = (self.condition, self.first, self.second)
        return next((part.shape for part in parts if not part.is_scalar), SCALAR)


@dataclass(frozen=True)
class Slice(Shaped):
    """Part of a vector or matrix: for each axis a fixed zero-based place, or (start, length)."""

    base: Form
    parts: tuple[Any, ...]


@dataclass(frozen=True)
class At(Form):
    """One element; the places are zero-based index expressions, one for each axis whose size is not 1."""

    base: Form
    places: tuple[Expr, ...]
    forms: tuple[Form, ...]


@dataclass(frozen=True)
class Place(Form):
    """An index expression: ``value`` is zero-based, ``shown`` is what is printed for it."""

    value: Expr
    shown: Form


@dataclass(frozen=True)
class Delta(Form):
    """The Kronecker delta of two places."""

    left: Form
    right: Form


@dataclass(frozen=True)
class Listed(Form):
    """Several places side by side, in parentheses."""

    parts: tuple[Form, ...]


@dataclass(frozen=True)
class BigOp(Form):
    """A sum, product, maximum, minimum, argmax or argmin over (index, letter, size) limits; the last two one-based.

    In a sum of matrices the index is a one-based symbol.
    """

    op: str
    limits: tuple[tuple[Any, str, Form], ...]
    body: Form

    @property
    def shape(self) -> Shape:
        """Rows and columns: a sum may be one of matrices."""
        return self.body.shape


@dataclass(frozen=True)
class Bracket(Shaped):
    """A tensor by its element: ``[body]`` with (index, letter, size) of its axes; those of size 1 are left out."""

    body: Form
    axes: tuple[tuple[Index, str, Expr], ...]
