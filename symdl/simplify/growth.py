"""How much a formula would grow if it were multiplied out: known before it is done, so that it is not done in vain."""

from collections.abc import Iterable
from functools import lru_cache

from sympy import Add, Basic, Expr, Mul, Pow

from symdl.expr.nodes import Tensor

LARGEST_EXPANSION = 200
_LIMIT = 10**6


@lru_cache(maxsize=100_000)
def terms_expanded(expr: Basic) -> int:
    """Return a bound on the number of terms of the expanded form, a function being one term."""
    if isinstance(expr, Add):
        return min(sum(map(terms_expanded, expr.args)), _LIMIT)
    if isinstance(expr, Mul):
        return _product(map(terms_expanded, expr.args))
    if isinstance(expr, Pow) and expr.exp.is_Integer:
        return _power(terms_expanded(expr.base), abs(int(expr.exp)))
    return 1


@lru_cache(maxsize=100_000)
def terms_over_one_denominator(expr: Expr) -> tuple[int, int]:
    """Return bounds on the numbers of terms of numerator and denominator of a rational function in expanded form."""
    if isinstance(expr, Mul):
        tops, bottoms = zip(*map(terms_over_one_denominator, expr.args), strict=True)
        return _product(tops), _product(bottoms)
    if isinstance(expr, Pow) and expr.exp.is_Integer:
        top, bottom = (_power(count, abs(int(expr.exp))) for count in terms_over_one_denominator(expr.base))
        return (top, bottom) if expr.exp > 0 else (bottom, top)
    if isinstance(expr, Add):
        parts = [terms_over_one_denominator(term) for term in expr.args]
        whole = _product([bottom for _, bottom in parts])
        return min(sum(top * (whole // bottom) for top, bottom in parts), _LIMIT), whole
    return 1, 1


@lru_cache(maxsize=100_000)
def may_expand(expr: Basic) -> bool:
    """Tell whether the expanded form stays small, in arguments of functions as well."""
    if isinstance(expr, Tensor):
        return True
    return terms_expanded(expr) <= LARGEST_EXPANSION and all(map(may_expand, expr.args))


def may_cancel(expr: Expr) -> bool:
    """Tell whether numerator and denominator stay small."""
    return max(terms_over_one_denominator(expr)) <= LARGEST_EXPANSION


def _product(counts: Iterable[int]) -> int:
    total = 1
    for count in counts:
        total = min(total * count, _LIMIT)
    return total


def _power(count: int, exponent: int) -> int:
    return 1 if count == 1 else min(count ** min(exponent, 20), _LIMIT)
