"""Bodies by ranges of a place: ``where(i < n - 1, f(i), 0)`` as stretches of an axis, guards that say nothing dropped.

Slices leave such guards in their derivatives: x[1:] is read at i - 1, which exists from the second place on.
"""

from collections.abc import Mapping

import sympy
from sympy import Add, And, Expr, KroneckerDelta, Mul
from sympy.logic.boolalg import Boolean

from symdl.derive.guards import may_have_no_value
from symdl.expr.index import Index, free_indices, substitute
from symdl.expr.nodes import Array, Element, Reduce
from symdl.expr.scalar import SCALAR_OPS, ScalarOp

Stretch = tuple[Expr, Expr, Expr]  # start, end, body


def is_choice(expr: Expr) -> bool:
    """Tell whether an expression is a choice by a condition."""
    return isinstance(expr, ScalarOp) and expr.name == "where"


def bound(condition: Boolean, place: Index) -> tuple[Expr, bool] | None:
    """Return (b, True) for a condition that says ``place < b``, (b, False) for ``place >= b``; None for any other."""
    if not isinstance(condition, sympy.Lt | sympy.Le | sympy.Gt | sympy.Ge):
        return None
    low, high = condition.args if isinstance(condition, sympy.Lt | sympy.Le) else condition.args[::-1]
    strict = isinstance(condition, sympy.Lt | sympy.Gt)
    if any(side.has(ScalarOp) or not side.is_polynomial(place) for side in (low, high)):
        return None
    gap = sympy.expand(high - low - (1 if strict else 0))  # the condition says gap >= 0
    slope, rest = gap.coeff(place), sympy.expand(gap - gap.coeff(place) * place)
    if free_indices(rest) or abs(slope) != 1:
        return None
    return (rest + 1, True) if slope == -1 else (-rest, False)


def stretches(expr: Expr, place: Index, start: Expr, end: Expr) -> list[Stretch] | None:
    """Return (start, end, body) of the stretches of an axis between which a body chooses; None if it does not.

    Bounds are compared for all sizes: where their order is unknown, there are no stretches.
    """
    if not is_choice(expr):
        return [(start, end, expr)]
    condition, first, second = expr.args
    if isinstance(condition, And):
        head, *rest = sorted(condition.args, key=sympy.default_sort_key)
        where = SCALAR_OPS["where"]
        return stretches(where(head, where(And(*rest), first, second), second), place, start, end)
    found = bound(condition, place)
    if found is None:
        return None
    limit, below = found
    if not (_up(start, limit) and _up(limit, end)):
        return None
    left = stretches(first if below else second, place, start, limit)
    right = stretches(second if below else first, place, limit, end)
    return None if left is None or right is None else [*left, *right]


def smaller_or_larger(expr: Expr) -> tuple[str, Expr, Expr] | None:
    """Return ("minimum" or "maximum", a, b) for a choice between the two sides of its own comparison; else None."""
    condition, first, second = expr.args
    if not isinstance(condition, sympy.Lt | sympy.Le | sympy.Gt | sympy.Ge) or {first, second} != set(condition.args):
        return None
    below = isinstance(condition, sympy.Lt | sympy.Le)
    return "minimum" if below == (first == condition.args[0]) else "maximum", first, second


def the_same_at_zero(expr: Expr) -> Expr | None:
    """Return f(x) for a choice of f(x) where x > 0, f(0) elsewhere, of an x that is never negative; else None."""
    condition, first, second = expr.args
    if isinstance(condition, sympy.Gt) and condition.args[1] == 0 and _never_negative(condition.args[0]):
        return first if first.xreplace({condition.args[0]: sympy.Integer(0)}) == second else None
    return None


def _never_negative(expr: Expr) -> bool:
    while isinstance(expr, Element) and isinstance(expr.tensor, Array):
        expr = expr.tensor.at(*expr.indices)
    summed = isinstance(expr, Reduce) and expr.op == "add"
    return bool(expr.is_nonnegative) or (summed and _never_negative(expr.open()[1]))


def by_indicator(expr: Expr) -> tuple[Expr, Expr] | None:
    """Return (1{c}, f) for a choice of f where c holds, 0 elsewhere; None where f may have no value without c."""
    condition, first, second = expr.args
    if second != 0 or first == 1 or free_indices(condition):
        return None
    risky = may_have_no_value(first) and bool(condition.free_symbols & first.free_symbols)
    return None if risky else (expr.func(condition, sympy.Integer(1), sympy.Integer(0)), first)


def _up(small: Expr, large: Expr) -> bool:
    return bool(sympy.expand(large - small).is_nonnegative)


def gathered(expr: Add) -> Expr:
    """Return a sum in which choices by the same condition, zero elsewhere, are one choice."""
    where = SCALAR_OPS["where"]
    chosen: dict[Expr, list[Expr]] = {}
    others = []
    for term in expr.args:
        factors = Mul.make_args(term)
        choices = [factor for factor in factors if is_choice(factor) and factor.args[2] == 0]
        if len(choices) == 1:
            condition, value, _ = choices[0].args
            chosen.setdefault(condition, []).append(Mul(value, *(part for part in factors if part is not choices[0])))
        else:
            others.append(term)
    if all(len(parts) == 1 for parts in chosen.values()):
        return expr
    return Add(*others, *(where(condition, Add(*parts), 0) for condition, parts in chosen.items()))


def without_implied_guards(expr: Expr, sizes: Mapping[Index, Expr]) -> Expr:
    """Return a body without the conditions that a Kronecker delta beside them implies.

    ``where(j - 1 >= 0, δ(i, j - 1) x[j - 1], 0)`` becomes δ(i, j - 1) x[i]: nothing is read outside.
    """
    if isinstance(expr, Add | Mul):
        return expr.func(*(without_implied_guards(part, sizes) for part in expr.args))
    if is_choice(expr) and expr.args[2] == 0:
        factors = Mul.make_args(expr.args[1])
        for delta in factors:
            found = _meeting(expr.args[0], delta, sizes) if isinstance(delta, KroneckerDelta) else None
            if found is not None:
                rest = Mul(*(factor for factor in factors if factor is not delta))
                return delta * rest.xreplace(found)
    return expr


def _meeting(condition: Boolean, delta: KroneckerDelta, sizes: Mapping[Index, Expr]) -> dict[Expr, Expr] | None:
    """Return {place + s: i} of δ(i, place + s) if it is zero wherever the condition fails, because 0 <= i < size."""
    for one, other in (delta.args, delta.args[::-1]):
        places = free_indices(other)
        if one not in sizes or len(places) != 1:
            continue
        [place] = places
        shift, found = sympy.expand(other - place), bound(condition, place)
        if found is not None and not free_indices(shift):
            limit, below = found
            if _up(sizes[one] - shift, limit) if below else _up(limit, -shift):
                return {other: one}
    return None


def shifted_diagonal(expr: Expr, rows: Index, columns: Index, sizes: Mapping[Index, Expr]) -> tuple[Expr, Expr] | None:
    """Return (s, f) of a body δ(rows, columns + s) f(columns) with s not 0, its implied guards dropped; else None."""
    factors = Mul.make_args(without_implied_guards(expr, sizes))
    deltas = [factor for factor in factors if isinstance(factor, KroneckerDelta)]
    if len(deltas) != 1 or free_indices(deltas[0]) != {rows, columns}:
        return None
    for one, other in (deltas[0].args, deltas[0].args[::-1]):
        if one in (rows, columns):
            shift = sympy.expand(other - columns if one == rows else rows - other)
            if shift != 0 and not free_indices(shift):
                rest = Mul(*(factor for factor in factors if factor is not deltas[0]))
                return shift, substitute(rest, {rows: columns + shift})
    return None
