"""Linear algebra as a scalar node: the elements of what an operation makes of whole matrices. Design §2, node ``Call``.

    (A⁻¹)[i, j]   = Call("inverse", 0, {A[r0, r1] : r0 < n, r1 < n}; i, j)
    x[b, i, j]    = Call("solve", 0, {A[b, r0, r1]}, {y[b, r0, r1]}; i, j)         a batch: b is free in the operands

A call binds the two indices of each operand, as a reduction binds its own, and has places for those of its result. What
is free in an operand is a batch. The operations are a closed set; their rules are grouped by what is done with them:
``derive/linear_algebra.py``, ``simplify/linear_algebra.py``, ``latex/linear_algebra.py``, ``interpret/matrices.py``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, Tuple
from sympy.core.symbol import Str

from symdl.errors import ExpressionError
from symdl.expr.elements import Element, Scalar
from symdl.expr.index import Index, check_free, free_indices, fresh_index, reduce_index, substitute
from symdl.expr.structure import height, symbols_of
from symdl.expr.tensors import Array

Shape = tuple[Expr, ...]
Axes = list[tuple[Index, Expr]]


@dataclass(frozen=True)
class Operation:
    """One of the closed set: its name, what it returns, and the shapes of that, given those of its operands."""

    name: str
    results: tuple[str, ...]
    shapes: Callable[..., tuple[Shape, ...]]


def _svd_shapes(a: Shape) -> tuple[Shape, ...]:
    least = smaller(*a)
    return (a[0], least), (least,), (a[1], least)


def smaller(a: Expr, b: Expr) -> Expr:
    """Return the smaller of two sizes, as one of them where that can be proved."""
    return a if (b - a).is_nonnegative else b if (a - b).is_nonnegative else sympy.Min(a, b)


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation("inverse", ("inverse",), lambda a: (a,)),
        Operation("solve", ("solution",), lambda a, b: (b,)),
        Operation("determinant", ("determinant",), lambda a: ((),)),
        Operation("logdet", ("logdet",), lambda a: ((),)),  # log of a determinant that is positive
        Operation("cholesky", ("factor",), lambda a: (a,)),  # lower L with L Lᵀ = A, of a symmetric A
        Operation("eigh", ("values", "vectors"), lambda a: (a[:1], a)),  # of a symmetric A, values ascending
        Operation("svd", ("left", "values", "right"), _svd_shapes),  # A = U diag(s) Vᵀ, thin, values descending
    )
}
_TRANSPOSABLE = ("inverse", "determinant", "logdet")  # f(Aᵀ) follows from f(A): only one of the two is ever kept


class Call(Scalar):
    """``Call(op, which, operands, places)``: an element, at ``places``, of result ``which`` of an operation.

    ``operands``: for each a ``Tuple(content, (row, rows), (column, columns))``, whose two indices are bound in it.
    """

    def __new__(cls, op: Any, which: Any, operands: Any, places: Any) -> "Call":
        """Return the call in canonical indices; the operand's transpose becomes that of the result."""
        label = op if isinstance(op, Str) else Str(op)
        if label.name not in OPERATIONS:
            raise ExpressionError(f"unknown operation {label}; expected one of {', '.join(OPERATIONS)}")
        places = Tuple(*places)
        found = [_canonical(*operand) for operand in operands]
        if label.name in _TRANSPOSABLE and _is_turned(found[0]):
            (content, (row, rows), (column, columns)), places = found[0], Tuple(*reversed(places))
            mapping = {row: fresh_index(), column: row}
            content = substitute(substitute(content, mapping), {mapping[row]: column})
            found[0] = Tuple(content, Tuple(row, columns), Tuple(column, rows))
        if label.name == "inverse" and is_symmetric(*found[0]):
            places = Tuple(*sorted(places, key=sympy.default_sort_key))
        return Expr.__new__(cls, label, sympy.sympify(which), Tuple(*found), places)

    @property
    def op(self) -> str:
        """The operation's name."""
        return self.args[0].name

    @property
    def which(self) -> int:
        """Which of the operation's results it is an element of."""
        return int(self.args[1])

    @property
    def operands(self) -> tuple[Tuple, ...]:
        """The operands, in canonical indices."""
        return tuple(self.args[2])

    @property
    def places(self) -> tuple[Expr, ...]:
        """Where in the result: as many indices as that has axes."""
        return tuple(self.args[3])

    @property
    def operand_shapes(self) -> tuple[Shape, ...]:
        """Rows and columns of each operand."""
        return tuple(tuple(size for _, size in operand[1:]) for operand in self.operands)

    @property
    def result_shape(self) -> Shape:
        """The sizes of the axes of the result."""
        return OPERATIONS[self.op].shapes(*self.operand_shapes)[self.which]

    @cached_property
    def bound_indices(self) -> tuple[Index, ...]:
        """The bound indices of all operands."""
        return tuple(limit[0] for operand in self.operands for limit in operand[1:])

    @cached_property
    def own_symbols(self) -> frozenset[Basic]:
        """Those of the operands and places: sizes do not count."""
        return frozenset().union(*(symbols_of(part) for part in (*(item[0] for item in self.operands), *self.places)))

    @property
    def batch(self) -> frozenset[Index]:
        """The indices that are free in the operands."""
        return frozenset().union(*map(free_indices, self.operands)) - set(self.bound_indices)

    def open(self) -> list[tuple[Axes, Expr]]:
        """Return each operand as (axes with fresh indices, content in them)."""
        found = []
        for content, *limits in self.operands:
            mapping = {name: fresh_index() for name, _ in limits}
            found.append(([(mapping[name], size) for name, size in limits], substitute(content, mapping)))
        return found

    def at(self, *places: Any) -> "Call":
        """Return the same with other places."""
        return Call(self.args[0], self.args[1], self.args[2], places)

    def result(self, which: int) -> "ArrayOfCall":
        """Return another result of the same operation, as a function of places."""
        return lambda *places: Call(self.args[0], which, self.args[2], places)

    def over(self, contents: Sequence[tuple[Axes, Expr]]) -> "Call":
        """Return the same operation on other operands, given as ``open`` gives them."""
        operands = [(content, *axes) for axes, content in contents]
        return Call(self.args[0], self.args[1], operands, self.args[3])

    @cached_property
    def facts(self) -> frozenset[str]:
        """What is certain about the matrix of these elements where nothing else is free: see ``facts_of``."""
        plain = len(self.places) == 2 and not self.batch and len(set(self.places)) == 2
        if not plain:
            return frozenset()
        if self.op == "inverse" and is_symmetric(*self.operands[0]):
            return frozenset({"symmetric"}) | (_declared(self.operands[0][0]) & {"positive_definite"})
        return frozenset({"orthogonal"}) if self.op == "eigh" else frozenset()

    def _sympystr(self, printer: Any) -> str:
        operands = ", ".join(
            f"{{{printer._print(content)} : {', '.join(f'{name}<{size}' for name, size in limits)}}}"
            for content, *limits in self.operands
        )
        results = OPERATIONS[self.op].results
        label = self.op if len(results) == 1 else f"{self.op}.{results[self.which]}"
        return f"{label}({operands})[{', '.join(map(printer._print, self.places))}]"


ArrayOfCall = Callable[..., Call]


def _canonical(content: Any, *limits: Any) -> Tuple:
    level = height(content)
    mapping: dict[Any, Any] = {name: reduce_index(level + k) for k, (name, _) in enumerate(limits)}
    check_free(content, mapping)
    fresh = {name: fresh_index() for name in mapping}  # in two steps: old and new names may overlap
    content = substitute(substitute(sympy.sympify(content), fresh), {fresh[name]: new for name, new in mapping.items()})
    return Tuple(content, *(Tuple(mapping[name], size) for name, size in limits))


def _is_turned(operand: Tuple) -> bool:
    """Tell whether an operand is a plain element with its column index before its row index."""
    content, (row, rows), (column, columns) = operand
    if not isinstance(content, Element) or rows == 1 or columns == 1:
        return False
    positions = {index: place for place, index in enumerate(content.indices)}
    return row in positions and column in positions and positions[column] < positions[row]


def is_symmetric(content: Expr, *limits: Any) -> bool:
    """Tell whether a content is certain to be the same with its two indices exchanged."""
    (row, rows), (column, columns) = limits
    if rows != columns:
        return False
    first, second = fresh_index(), fresh_index()
    return _exchanged(substitute(content, {row: first, column: second}), first, second)


def _exchanged(content: Expr, row: Index, column: Index) -> bool:
    between = fresh_index()
    turned = substitute(substitute(substitute(content, {row: between}), {column: row}), {between: column})
    if turned == content:
        return True
    if isinstance(content, Element) and isinstance(content.tensor, Array) and content.indices == (row, column):
        return content.tensor.at(row, column) == content.tensor.at(column, row)
    if isinstance(content, sympy.Add):
        return all(_exchanged(term, row, column) for term in content.args)
    return False


def _declared(content: Expr) -> frozenset[str]:
    return content.tensor.properties if isinstance(content, Element) else frozenset()


def call(op: str, which: int, operands: Sequence[Any], batch: Shape = ()) -> Any:
    """Return a result of an operation on tensors, as a tensor (a scalar expression where it has no axes).

    Args:
        op: The operation.
        which: Which of its results.
        operands: Tensors whose last two axes are the matrices.
        batch: The sizes of the axes in front, equal for all operands.
    """
    outer = [(fresh_index(), size) for size in batch]
    front = [index for index, _ in outer]
    contents = []
    for tensor in operands:
        axes = [(fresh_index(), size) for size in tensor.shape[-2:]]
        own = [Integer(0) if size == 1 else index for index, size in axes]
        contents.append((Element(tensor, *front[len(batch) - tensor.order + 2 :], *own), *axes))
    shape = OPERATIONS[op].shapes(*(tuple(size for _, size in axes) for _, *axes in contents))[which]
    places = [(fresh_index(), size) for size in shape]
    body = Call(op, which, contents, [index for index, _ in places])
    return Array(body, *outer, *places) if outer or places else body


__all__ = ["OPERATIONS", "Axes", "Call", "Operation", "call", "is_symmetric", "smaller"]
