"""Sums of contractions: Σ_k (f_k·g_k + u_k·v_k) is two matrix products.

They arise where the derivative of a product is derived again: a Hessian-vector product's Σ_k (ȧ_k·W_k + a_k·Ẇ_k).
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from sympy import Add, Expr, Mul

from symdl.expr.index import Index, free_indices

MOST_TERMS = 64  # a sum that expands to more stays as it is


def products(content: Expr, kept: Sequence[Index]) -> list[Expr] | None:
    """Return what is summed as a list of products, each of a factor per side, or None where it is no such sum.

    The sides are those of a matrix product: what depends on one of the kept indices and what depends on another. Terms
    with a side in common become one product, whose other side is their sum.

    Args:
        content: What is summed over the reduced indices.
        kept: The indices of the result.
    """
    for pair in combinations(reversed(kept), 2):
        found = _products(content, pair)
        if found is not None:
            return found
    return None


def _products(content: Expr, pair: tuple[Index, Index]) -> list[Expr] | None:
    meet = frozenset(pair)
    terms = _expanded(content, meet)
    if not 1 < len(terms) <= MOST_TERMS:
        return None
    sides = [_sides(term, pair) for term in terms]
    found = [side for side in sides if side is not None]
    if len(found) < len(sides):
        return None
    left = [(number, Mul(one, neither), other) for number, one, other, neither in found]
    right = [(number, one, Mul(other, neither)) for number, one, other, neither in found]
    return min((_joined(left), _joined(right)), key=len)


def _expanded(content: Expr, meet: frozenset[Index]) -> list[Expr]:
    """Multiply out the sums in which both indices of the pair meet, and those only."""
    if isinstance(content, Add) and meet <= free_indices(content):
        return [term for part in content.args for term in _expanded(part, meet)]
    parts = Mul.make_args(content)
    inner = next((part for part in parts if isinstance(part, Add) and meet <= free_indices(part)), None)
    if inner is None or inner is content:
        return [content]
    rest = Mul(*(part for part in parts if part is not inner))
    return [term for part in inner.args for term in _expanded(Mul(rest, part), meet)]


def _sides(term: Expr, pair: tuple[Index, Index]) -> tuple[Expr, Expr, Expr, Expr] | None:
    """Return a term's number, its factors with the one index, with the other and with neither; None if one has both."""
    number, rest = term.as_coeff_Mul()
    sides: tuple[list[Expr], list[Expr], list[Expr]] = ([], [], [])
    for factor in Mul.make_args(rest):
        first, second = (index in free_indices(factor) for index in pair)
        if first and second:
            return None
        sides[0 if first else 1 if second else 2].append(factor)
    if not sides[0] or not sides[1]:
        return None
    return number, Mul(*sides[0]), Mul(*sides[1]), Mul(*sides[2])


def _joined(terms: list[tuple[Expr, Expr, Expr]]) -> list[Expr]:
    """Return as few products as a greedy choice of common sides gives."""
    found = []
    while terms:
        common = Counter((number, term[number]) for term in terms for number in (1, 2))
        (place, side), _ = common.most_common(1)[0]
        other = Add(*(term[0] * term[3 - place] for term in terms if term[place] == side))
        terms = [term for term in terms if term[place] != side]
        found.append(Mul(side, other))
    return found
