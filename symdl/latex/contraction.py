"""Contractions as products of matrices: indices are vertices, factors are vertex weights and edges.

Summed indices are eliminated one at a time: a vertex without edges is an inner product, one with a single neighbour a
matrix-vector product, one between two neighbours a product of matrices. What cannot be reduced that way has no matrix
form.
"""

from collections.abc import Mapping, Sequence

from sympy import Expr, Integer

from symdl.expr.index import Index
from symdl.latex.algebra import ONE, TWO, cost, hadamard, key, matmul, scale, split, squared_norm, structure, transpose
from symdl.latex.elements import size_form
from symdl.latex.forms import (
    Diag,
    DiagonalOf,
    Form,
    Hadamard,
    Identity,
    Inverse,
    MatMul,
    Ones,
    Power,
    Trace,
    Transpose,
)

Edge = list[tuple[Index, Form]]  # parallel matrices, each with its row index


class Contraction:
    """A product of factors, some of whose indices are summed over.

    Args:
        sizes: The extent of each index.
    """

    def __init__(self, sizes: Mapping[Index, Expr]) -> None:
        self.sizes = sizes
        self.scalars: list[Form] = []
        self.weights: dict[Index, list[Form]] = {}
        self.edges: dict[frozenset[Index], Edge] = {}

    def add(self, places: Sequence[Index], form: Form) -> None:
        """Add a factor: a scalar, a column over one place, or a matrix over (rows, columns)."""
        number, num, den, rest = split(form)
        self.scalars.append(scale(number, num, den))
        if rest is None:
            return
        if len(places) == 1:
            self.weights.setdefault(places[0], []).append(rest)
        else:
            self.edges.setdefault(frozenset(places), []).append((places[0], rest))

    def result(self, places: Sequence[Index], bound: Sequence[Index]) -> Form | None:
        """Return the contraction over ``bound`` as a form over ``places``; None if it has no matrix form."""
        left = list(bound)
        while left:
            pair = self.pair(left)
            if pair:
                self.scalars.append(self.closed(*pair))
                left = [index for index in left if index not in pair]
                continue
            index = min(left, key=lambda index: (len(self.neighbours(index)), left.index(index)))
            if not self.eliminate(index):
                return None
            left.remove(index)
        return scale(Integer(1), self.scalars, (), self.rest(places))

    def neighbours(self, index: Index) -> list[Index]:
        """Return the indices that share a matrix with an index."""
        return [other for edge in self.edges if index in edge for other in edge if other != index]

    def pair(self, bound: Sequence[Index]) -> tuple[Index, Index] | None:
        """Return two summed indices that are joined with each other only."""
        for index in bound:
            around = self.neighbours(index)
            if len(around) == 1 and around[0] in bound and self.neighbours(around[0]) == [index]:
                return index, around[0]
        return None

    def closed(self, rows: Index, columns: Index) -> Form:
        """Return the sum over a pair: a norm, a trace or a bilinear form, whichever is shortest to read."""
        edge = self.edges.pop(frozenset((rows, columns)))
        left, right = self.weights.pop(rows, []), self.weights.pop(columns, [])
        if not left and not right and len(edge) > 1:
            return min((self.trace_of(edge, position) for position in range(len(edge))), key=_preference)
        matrix = self.merged(edge, rows)
        if not left and not right and isinstance(matrix, Power) and matrix.exponent == TWO:
            return squared_norm(matrix.base)
        first, second = self.column(left, rows), self.column(right, columns)
        return min(
            (matmul(transpose(first), matrix, second), matmul(transpose(second), transpose(matrix), first)),
            key=_preference,
        )

    def trace_of(self, edge: Edge, position: int) -> Form:
        """Return the sum over a pair with parallel matrices as the trace of one of them times the others."""
        rows = edge[position][0]
        others = [item for place, item in enumerate(edge) if place != position]
        return trace(matmul(transpose(self.merged(others, rows)), edge[position][1]))

    def eliminate(self, index: Index) -> bool:
        """Sum over one index; False if it joins three or more others."""
        around = self.neighbours(index)
        if len(around) > 2:
            return False
        weights = self.weights.pop(index, [])
        if not around:
            self.scalars.append(inner_product(hadamard(weights)) if weights else size_form(self.sizes[index]))
        elif len(around) == 1:
            matrix = self.merged(self.edges.pop(frozenset((around[0], index))), around[0])
            self.add(around, matmul(matrix, self.column(weights, index)))
        else:
            first, second = around
            left = self.merged(self.edges.pop(frozenset((first, index))), first)
            right = self.merged(self.edges.pop(frozenset((index, second))), index)
            self.add(around, matmul(left, *self.diagonal(weights), right))
        return True

    def merged(self, edge: Edge, rows: Index) -> Form:
        """Return the element-wise product of parallel matrices, with ``rows`` as the row index."""
        return hadamard([form if first == rows else transpose(form) for first, form in edge])

    def column(self, weights: Sequence[Form], index: Index) -> Form:
        """Return the product of weights as a column; ones, if there are none."""
        return hadamard(weights) if weights else Ones((self.sizes[index], Integer(1)))

    def diagonal(self, weights: Sequence[Form]) -> list[Form]:
        """Return the product of weights as a diagonal matrix; nothing, if there are none."""
        return [diag(hadamard(weights))] if weights else []

    def rest(self, places: Sequence[Index]) -> Form:
        """Return what is left when all sums are done."""
        if not places:
            return ONE
        weights = [self.weights.get(place, []) for place in places]
        if len(places) == 1:
            return self.column(weights[0], places[0])
        edge = self.edges.get(frozenset(places), [])
        if not edge:
            left, right = (self.column(*item) for item in zip(weights, places, strict=True))
            return matmul(left, transpose(right))
        if all(isinstance(form, Identity) for _, form in edge):
            both = [*weights[0], *weights[1]]
            return diag(hadamard(both)) if both else edge[0][1]
        return matmul(*self.diagonal(weights[0]), self.merged(edge, places[0]), *self.diagonal(weights[1]))


def diag(column: Form) -> Form:
    """Return the diagonal matrix of a column, scalar factors in front."""
    number, num, den, rest = split(column)
    if isinstance(rest, Ones):
        return scale(number, num, den, Identity((rest.size[0], rest.size[0])))
    return scale(number, num, den, None if rest is None else Diag(rest))


def trace(matrix: Form) -> Form:
    """Return the trace; a product is turned round to where it reads best."""
    number, num, den, rest = split(matrix)
    if isinstance(rest, MatMul):
        turns = [rest.factors[k:] + rest.factors[:k] for k in range(len(rest.factors))]
        turns += [tuple(transpose(factor) for factor in reversed(turn)) for turn in turns]
        rest = min((MatMul(turn) for turn in turns), key=_trace_preference)
    return scale(number, num, den, None if rest is None else Trace(rest))


def _trace_preference(form: MatMul) -> tuple[int, bool, tuple[int, str]]:
    first = form.factors[0]
    textbook = isinstance(first, Transpose) and (first == transpose(form.factors[-1]) or len(form.factors) == 2)
    textbook |= isinstance(first, Inverse)
    return cost(form), not textbook, key(form)


def _preference(form: Form) -> tuple[int, str]:
    return cost(form), structure(form)


def diagonal_of(matrix: Form) -> Form:
    """Return the diagonal of a square matrix as a column."""
    number, num, den, rest = split(matrix)
    if isinstance(rest, Diag):
        return scale(number, num, den, rest.arg)
    return scale(number, num, den, None if rest is None else DiagonalOf(rest))


def inner_product(column: Form) -> Form:
    """Return the sum of the entries of a column: a squared norm, an inner product or a product with ones."""
    number, num, den, rest = split(column)
    if rest is None:
        raise ValueError("the sum of the entries of a scalar")
    return scale(number, (*num, _entries(rest)), den)


def _entries(column: Form) -> Form:
    if isinstance(column, DiagonalOf):
        return trace(column.arg)
    factors = column.num if isinstance(column, Hadamard) else (column,)
    below = column.den if isinstance(column, Hadamard) else ()
    above, under = (
        [part.base for part in side if isinstance(part, Power) and part.exponent == TWO] for side in (factors, below)
    )
    if above and len(above) == len(factors) and len(under) == len(below):
        return squared_norm(hadamard(above, under))
    if len(factors) < 2:
        return matmul(transpose(Ones(column.shape)), column)
    choices = []
    for position, first in enumerate(factors):
        second = hadamard(factors[:position] + factors[position + 1 :], below)
        choices += [matmul(transpose(first), second), matmul(transpose(second), first)]
    return min(choices, key=lambda form: (cost(form), key(form), structure(form)))
