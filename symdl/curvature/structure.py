"""Which structure a Hessian has: read off its equations, without numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

from sympy import Add, Expr, Mul

from symdl.curvature.block_diagonal import BlockDiagonal
from symdl.curvature.dense import Dense
from symdl.curvature.diagonal import Diagonal
from symdl.curvature.kronecker import Kronecker
from symdl.curvature.kronecker_sum import KroneckerSum
from symdl.curvature.low_rank import LowRank, Piece
from symdl.curvature.structured import Structured
from symdl.errors import ExpressionError
from symdl.expr.index import free_indices, substitute
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Reduce, Tensor
from symdl.expr.terms import Axis, Pairs, Product, opened, products_of, terms_of


def structure(hessian: Any) -> Structured:
    """Return a Hessian in the form its equations have: diagonal, block diagonal, Kronecker, low rank, or dense.

    Products, solves, diagonal, trace and determinant of the result are computed from its factors.

    Args:
        hessian: A tensor of shape ``s + s``, as ``sd.hessian(f, w)`` or ``sd.gauss_newton(f, z, w)`` returns it.

    Raises:
        ShapeError: for a tensor of another shape.
        ExpressionError: for a scalar.
    """
    value = ingest(hessian)
    if not isinstance(value, Tensor):
        raise ExpressionError(
            "structure: expected the Hessian in a tensor variable, found a scalar; a 1-by-1 Hessian has no structure"
        )
    pairs, body = opened(value)
    products = products_of(body)
    for attempt in (_diagonal, _kronecker, _block_diagonal, _low_rank, _kronecker_sum):
        found = attempt(value, pairs, products)
        if found is not None:
            return found
    return Dense(value)


def _diagonal(value: Tensor, pairs: Pairs, products: Sequence[Product]) -> Structured | None:
    if len(deltas(pairs, products)) < len(pairs):
        return None
    entries = summed(pairs, products, range(len(pairs)))
    return Diagonal(value, Array(entries, *pairs.rows))


def _kronecker(value: Tensor, pairs: Pairs, products: Sequence[Product]) -> Structured | None:
    terms = terms_of(products, pairs)
    if len(terms) != 1 or terms[0].sums or len(terms[0].groups) < 2:
        return None
    groups = []
    for own, body in terms[0].groups:
        rows, columns = pairs.sides(own)
        groups.append((tuple(sorted(own)), structure(Array(body, *rows, *columns))))
    return Kronecker(value, tuple(groups))


def _block_diagonal(value: Tensor, pairs: Pairs, products: Sequence[Product]) -> Structured | None:
    shared = sorted(deltas(pairs, products))
    if not shared:
        return None
    rows, columns = pairs.sides(set(range(len(pairs))).difference(shared))
    body = summed(pairs, products, shared)
    return BlockDiagonal(value, tuple(shared), Array(body, *pairs.sides(shared)[0], *rows, *columns))


def _low_rank(value: Tensor, pairs: Pairs, products: Sequence[Product]) -> Structured | None:
    base: list[Product] = []
    pieces = []
    for product in products:
        if len(deltas(pairs, [product])) == len(pairs):
            base.append(product)
            continue
        piece = low_rank_piece(pairs.rows, pairs.columns, product)
        if piece is None:
            return None
        pieces.append(piece)
    if not base:
        return LowRank(value, None, tuple(pieces))
    entries = Array(summed(pairs, base, range(len(pairs))), *pairs.rows)
    dense = Array(Mul(*map(pairs.delta, range(len(pairs)))) * summed(pairs, base, ()), *pairs.rows, *pairs.columns)
    return LowRank(value, Diagonal(dense, entries), tuple(pieces))


def _kronecker_sum(value: Tensor, pairs: Pairs, products: Sequence[Product]) -> Structured | None:
    terms = terms_of(products, pairs)
    return KroneckerSum(value, pairs, tuple(terms)) if all(len(term.groups) > 1 for term in terms) else None


def deltas(pairs: Pairs, products: Sequence[Product]) -> frozenset[int]:
    """Return the pairs in which every product has a Kronecker delta; an axis of size 1 is diagonal by itself."""
    return frozenset(
        pair
        for pair in range(len(pairs))
        if pairs.rows[pair][1] == 1 or all(pairs.delta(pair) in factors for _, factors in products)
    )


def summed(pairs: Pairs, products: Sequence[Product], same: Iterable[int]) -> Expr:
    """Return the sum of products without the deltas of the pairs ``same``, whose column is the row."""
    chosen = list(same)
    deltas = {pairs.delta(pair) for pair in chosen}
    columns = {pairs.columns[pair][0]: pairs.rows[pair][0] for pair in chosen if pairs.rows[pair][1] != 1}
    parts = (
        Reduce("add", substitute(Mul(*(part for part in factors if part not in deltas)), columns), *sums)
        for sums, factors in products
    )
    return Add(*parts)


def low_rank_piece(rows: Sequence[Axis], columns: Sequence[Axis], product: Product) -> Piece | None:
    """Return a product that has factors of rows, factors of columns and none of both."""
    sides = separated(rows, columns, product[1])
    if sides is None:
        return None
    sums, (weights, left, right) = product[0], sides
    return Piece(Array(weights, *sums), Array(left, *sums, *rows), Array(right, *sums, *columns))


def separated(rows: Sequence[Axis], columns: Sequence[Axis], factors: Sequence[Expr]) -> tuple[Expr, Expr, Expr] | None:
    """Return the products of the factors without rows and columns, of those with rows and of those with columns."""
    first, second = ({index for index, _ in side} for side in (rows, columns))
    sides: tuple[list[Expr], list[Expr], list[Expr]] = ([], [], [])
    for factor in factors:
        free = free_indices(factor)
        if free & first and free & second:
            return None
        sides[1 if free & first else 2 if free & second else 0].append(factor)
    weights, left, right = (Mul(*side) for side in sides)
    return weights, left, right
