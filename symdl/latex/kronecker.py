"""Tensors of order 3 and more: Kronecker products where exact, else elements in brackets."""

from collections.abc import Mapping

from sympy import Add, Expr, Mul

from symdl.expr.index import Index, free_indices
from symdl.expr.nodes import Array, Element
from symdl.latex.algebra import add, scale, split
from symdl.latex.forms import Form, Kron
from symdl.latex.view import MatrixView


def high_order(body: Expr, sizes: Mapping[Index, Expr]) -> Form:
    """Return the form of a body over three or more indices.

    Over (i, j, k, l) a body Σ f(i, k) g(j, l) is the matrix Σ F ⊗ G with row (i, j) and column (k, l), both counted
    row by row.
    """
    view = MatrixView(sizes)
    places = tuple(sizes)
    if len(places) == 4 and all(size != 1 for size in sizes.values()):
        terms = [_kron(view, term, places) for term in Add.make_args(body)]
        if None not in terms:
            return add(term for term in terms if term is not None)
    return view.elements(body, places)


def _kron(view: MatrixView, term: Expr, places: tuple[Index, ...]) -> Form | None:
    i, j, k, l = places
    factors = _unfolded(term)
    left, right = [], []
    for factor in factors:
        free = free_indices(factor)
        if free <= {i, k}:
            left.append(factor)
        elif free <= {j, l}:
            right.append(factor)
        else:
            return None
    if not all(set(pair) <= free_indices(Mul(*side)) for pair, side in (((i, k), left), ((j, l), right))):
        return None
    first, second = split(view.form(Mul(*left), i, k)), split(view.form(Mul(*right), j, l))
    if first[3] is None or second[3] is None:
        return None
    return scale(first[0] * second[0], (*first[1], *second[1]), (*first[2], *second[2]), Kron(first[3], second[3]))


def _unfolded(expr: Expr) -> list[Expr]:
    """Return the factors of a product, those inside unnamed arrays included."""
    found = []
    for factor in Mul.make_args(expr):
        inside = isinstance(factor, Element) and isinstance(factor.tensor, Array)
        found += _unfolded(factor.tensor.at(*factor.indices)) if inside else [factor]
    return found
