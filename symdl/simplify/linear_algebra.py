"""Rules of linear algebra: inverses of inverses, products, multiples and diagonals, and what cancels in a product.

    (A⁻¹)⁻¹ = A    (c A)⁻¹ = A⁻¹/c    diag(d)⁻¹ = diag(1/d)    Q⁻¹ = Qᵀ for an orthogonal Q    (Aᵀ)⁻¹ = (A⁻¹)ᵀ
    det A⁻¹ = 1/det A    det c A = cⁿ det A    det diag(d) = Π d    likewise log det, where what is left is positive
    A⁻¹ e_k = column k of A⁻¹
    A A⁻¹ = I    A solve(A, B) = B    L Lᵀ = A for L = chol(A)    Vᵀ V = V Vᵀ = I for eigenvectors, Uᵀ U = I

Each is an identity wherever both sides have a value. Inverses and determinants of products stay as they are: taken
apart they are longer, take more operations and lose the symmetry of XᵀAX.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Add, Expr, KroneckerDelta, Mul

from symdl.expr.calls import Axes, Call
from symdl.expr.index import Index, free_indices, substitute
from symdl.expr.nodes import Element, Reduce, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.simplify.recognise import unify

Definition = Callable[[Element], Expr | None]  # what an element of an equation's target is, in its indices


@dataclass(frozen=True)
class _Operand:
    """A square operand as a function of its indices."""

    content: Expr
    row: Index
    column: Index
    size: Expr

    def at(self, i: Expr, j: Expr) -> Expr:
        return substitute(self.content, {self.row: i, self.column: j})

    @property
    def facts(self) -> frozenset[str]:
        """What is declared about the matrix, if it is a whole tensor: a part of an orthogonal matrix is not."""
        content = self.content
        if not isinstance(content, Element) or content.tensor.shape[-2:] != (self.size, self.size):
            return frozenset()
        whole = content.indices[-2:] in ((self.row, self.column), (self.column, self.row))
        return content.tensor.properties if whole else frozenset()

    def call(self, op: str, *places: Expr) -> Call:
        """Return an operation on it."""
        return Call(op, 0, [(self.content, (self.row, self.size), (self.column, self.size))], places)


def simplify_call(call: Call, definition: Definition, note: Callable[[str], None]) -> Expr:
    """Return a simpler form of an element of a result, or the call itself."""
    if call.op not in ("inverse", "solve", "determinant", "logdet"):
        return call
    opened = call.open()
    [(row, size), (column, _)], content = opened[0]
    operand = _Operand(content, row, column, size)
    for rule in (_diagonal, _multiple, _orthogonal, _of_inverse, _unit):
        found = rule(call, operand, definition)
        if found is not None:
            note("linear algebra")
            return found
    return call


def _right(call: Call) -> Callable[..., Expr]:
    content, (row, _), (column, _) = call.operands[1]
    return lambda i, j: substitute(content, {row: i, column: j})


def _sum(content: Callable[[Expr], Expr], size: Expr) -> Expr:
    [(k, _)] = axes = axes_of([size])
    return Reduce("add", content(k), *axes)


def _diagonal(call: Call, operand: _Operand, definition: Definition) -> Expr | None:
    content = operand.content
    if "diagonal" in operand.facts:
        entry = operand.at(operand.row, operand.row)
    else:
        deltas = [
            factor
            for factor in Mul.make_args(content)
            if isinstance(factor, KroneckerDelta) and set(factor.args) == {operand.row, operand.column}
        ]
        if len(deltas) != 1:
            return None
        rest = Mul(*(factor for factor in Mul.make_args(content) if factor is not deltas[0]))
        entry = substitute(rest, {operand.column: operand.row})
    along = (operand.row, operand.size)
    if call.op == "determinant":
        return Reduce("mul", entry, along)
    if call.op == "logdet":
        positive = bool(entry.is_positive) or "positive_definite" in operand.facts
        return Reduce("add", SCALAR_OPS["log"](entry), along) if positive else None
    i, j = call.places
    entry = substitute(entry, {operand.row: i})
    return KroneckerDelta(i, j) / entry if call.op == "inverse" else _right(call)(i, j) / entry


def _multiple(call: Call, operand: _Operand, definition: Definition) -> Expr | None:
    content = operand.content
    if isinstance(content, Add):
        number, rest = content.as_content_primitive()
    else:
        own = {operand.row, operand.column}
        outside = [factor for factor in Mul.make_args(content) if not free_indices(factor) & own]
        number, rest = Mul(*outside), Mul(*(factor for factor in Mul.make_args(content) if factor not in outside))
    if number == 1 or not free_indices(rest) & {operand.row, operand.column}:
        return None
    axes = [(operand.row, operand.size), (operand.column, operand.size)]
    inner = call.over([(axes, rest), *call.open()[1:]])
    if call.op == "determinant":
        return number**operand.size * inner
    if call.op == "logdet":
        return operand.size * SCALAR_OPS["log"](number) + inner if number.is_positive else None
    return inner / number


def _orthogonal(call: Call, operand: _Operand, definition: Definition) -> Expr | None:
    if "orthogonal" not in operand.facts:
        return None
    if call.op == "inverse":
        return operand.at(*reversed(call.places))
    if call.op != "solve":
        return None  # a determinant of 1 or -1
    i, j = call.places
    return _sum(lambda k: operand.at(k, i) * _right(call)(k, j), operand.size)


def _of_inverse(call: Call, operand: _Operand, definition: Definition) -> Expr | None:
    inner = definition(operand.content) if isinstance(operand.content, Element) else None
    if not isinstance(inner, Call) or inner.op != "inverse" or set(inner.places) != {operand.row, operand.column}:
        return None
    [(row, size), (column, _)], content = inner.open()[0]
    if size != operand.size:  # a part of an inverse
        return None
    turned = inner.places[0] == operand.column
    matrix = _Operand(content, column, row, size) if turned else _Operand(content, row, column, size)
    if call.op == "inverse":
        return matrix.at(*call.places)
    if call.op == "solve":
        i, j = call.places
        return _sum(lambda k: matrix.at(i, k) * _right(call)(k, j), operand.size)
    other = matrix.call(call.op)
    return 1 / other if call.op == "determinant" else -other


def _unit(call: Call, operand: _Operand, definition: Definition) -> Expr | None:
    """Use A⁻¹ e_k = column k of A⁻¹."""
    if call.op != "solve":
        return None
    content, (row, _), (column, _) = call.operands[1]
    factors = list(Mul.make_args(content))
    having = [factor for factor in factors if row in free_indices(factor)]
    if len(having) != 1 or not isinstance(having[0], KroneckerDelta) or row not in having[0].args:
        return None
    place = next(arg for arg in having[0].args if arg != row)
    i, j = call.places
    rest = Mul(*(factor for factor in factors if factor is not having[0]))
    mapping = {column: j}
    return substitute(rest, mapping) * operand.call("inverse", i, substitute(place, mapping))


def cancel(axes: Axes, content: Expr, definition: Definition) -> tuple[Axes, Expr] | None:
    """Return a sum of products in which a matrix has met its inverse, as (axes, content); None where none does."""
    factors = list(Mul.make_args(content))
    for index, size in axes:
        having = [factor for factor in factors if index in free_indices(factor)]
        if len(having) != 2 or not all(isinstance(factor, Element) for factor in having):
            continue
        for one, other in (having, having[::-1]):
            found = _met(one, other, index, size, definition)
            if found is not None:
                rest = [factor for factor in factors if factor not in (one, other)]
                return [axis for axis in axes if axis[0] != index], Mul(*rest, found)
    return None


def _met(one: Element, other: Element, k: Index, size: Expr, definition: Definition) -> Expr | None:
    """Return Σ_k one·other, where that is known."""
    if one.tensor == other.tensor:
        return _columns(one, other, k, size, definition)
    meaning = definition(one)
    if not isinstance(meaning, Call) or k not in meaning.places or size != meaning.operand_shapes[0][0]:
        return None
    if k in meaning.batch or sum(k in free_indices(place) for place in meaning.places) > 1:
        return None
    contents = meaning.open()
    (row, _), (column, _) = contents[0][0]
    matrix = contents[0][1]
    if meaning.op == "solve" and meaning.places[0] == k:
        place = unify(substitute(matrix, {column: k}), other, row)
        [(right_row, _), (right_column, _)], right = contents[1]
        return None if place in (None, k) else substitute(right, {right_row: place, right_column: meaning.places[1]})
    if meaning.op != "inverse":
        return None
    first = meaning.places[0] == k
    rest = meaning.places[1] if first else meaning.places[0]
    bound, free = (column, row) if first else (row, column)
    place = unify(substitute(matrix, {bound: k}), other, free)
    return None if place in (None, k) else KroneckerDelta(place, rest)


def _columns(one: Element, other: Element, k: Index, size: Expr, definition: Definition) -> Expr | None:
    """Return Σ_k of two elements of one matrix: orthogonal columns, or L Lᵀ."""
    if len(one.indices) < 2 or one.indices[:-2] != other.indices[:-2]:
        return None
    (a, b), (c, d) = one.indices[-2:], other.indices[-2:]
    if any(k in free_indices(index) for index in one.indices[:-2]):
        return None
    meaning = definition(one)
    op = (meaning.op, meaning.which) if isinstance(meaning, Call) else None
    square = "orthogonal" in one.tensor.properties or op == ("eigh", 1)
    within, across = ({index for place in pair for index in free_indices(place)} for pair in ((b, d), (a, c)))
    if a == c == k and k not in within and size == one.tensor.shape[-2] and (square or op in (("svd", 0), ("svd", 2))):
        return KroneckerDelta(b, d)
    if b == d == k and k not in across and size == one.tensor.shape[-1]:
        if square:
            return KroneckerDelta(a, c)
        if op == ("cholesky", 0) and isinstance(meaning, Call):
            content, (row, _), (column, _) = meaning.operands[0]
            return substitute(content, {row: a, column: c})
    return None


__all__ = ["cancel", "simplify_call"]
