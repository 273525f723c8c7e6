"""Guards that say nothing: conditions that follow from the ranges of indices, or from one that they stand under."""

from collections.abc import Mapping

import sympy
from sympy import And, Basic, Expr

from symdl.expr.index import Index, free_indices, join_quotients, rebuild
from symdl.expr.nodes import Element, Reduce
from symdl.expr.scalar import SCALAR_OPS

Known = Mapping[Basic, bool]


def drop_guards(expr: Expr, extents: Mapping[Index, Expr], known: Known | None = None) -> Expr:
    """Return ``expr`` without the conditions that hold for all values of the indices, or where they stand.

    Args:
        expr: A scalar body.
        extents: The extents of its free indices, each index running from 0.
        known: Whether conditions hold, for those under which the body stands.
    """
    known = known or {}
    where = SCALAR_OPS["where"]
    if not expr.has(where):
        return expr

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return node
        if isinstance(node, Reduce):
            axes, content = node.open()
            inner = drop_guards(content, {**extents, **dict(axes)}, known)
            return node if inner == content else Reduce(node.op, inner, *axes)
        if isinstance(node, where):
            condition, left, right = node.args
            if condition in known:
                return drop_guards(left if known[condition] else right, extents, known)
            kept = And(*(part for part in And.make_args(condition) if not _always(part, extents)))
            branches = ((left, {**known, condition: True}), (right, {**known, condition: False}))
            return where(kept, *(drop_guards(branch, extents, inside) for branch, inside in branches))
        return None

    return rebuild(expr, visit)


def drop_signs(expr: Expr) -> Expr:
    """Use max(0, a)·1{a > 0} = max(0, a), and with ≥ too."""
    where = SCALAR_OPS["where"]
    if not expr.has(where):
        return expr

    def visit(node: Basic) -> Basic | None:
        if not isinstance(node, sympy.Mul):
            return None
        factors = [rebuild(factor, visit) for factor in node.args]
        rising = [part for part in map(_positive_part, factors) if part is not None]
        kept = [factor for factor in factors if _where_positive(factor) not in rising] if rising else factors
        return sympy.Mul(*kept)

    return rebuild(expr, visit)


def _positive_part(factor: Expr) -> Expr | None:
    """Return a of max(0, a) or a power of it."""
    base = factor.base if isinstance(factor, sympy.Pow) and factor.exp.is_positive else factor
    if isinstance(base, SCALAR_OPS["relu"]):
        return base.args[0]
    if isinstance(base, SCALAR_OPS["maximum"]) and 0 in base.args:
        return next(arg for arg in base.args if arg != 0)
    return None


def _where_positive(factor: Expr) -> Expr | None:
    """Return a of an indicator of a > 0 or a >= 0."""
    if not isinstance(factor, SCALAR_OPS["where"]):
        return None
    condition, *branches = factor.args
    if not isinstance(condition, sympy.Lt | sympy.Le | sympy.Gt | sympy.Ge) or branches not in ([1, 0], [0, 1]):
        return None
    low, high = condition.args if isinstance(condition, sympy.Lt | sympy.Le) else condition.args[::-1]
    gap = high - low if branches == [1, 0] else low - high
    return sympy.expand(gap)


def _always(condition: Basic, extents: Mapping[Index, Expr]) -> bool:
    if isinstance(condition, sympy.Lt | sympy.Le):
        gap, strict = condition.args[1] - condition.args[0], isinstance(condition, sympy.Lt)
    elif isinstance(condition, sympy.Gt | sympy.Ge):
        gap, strict = condition.args[0] - condition.args[1], isinstance(condition, sympy.Gt)
    else:
        return False
    lowest = join_quotients(sympy.expand(gap))
    if lowest.has(Element, sympy.floor, sympy.Mod):
        return False
    for index in sorted(free_indices(lowest), key=str):
        factor = lowest.coeff(index)
        if index not in extents or index in free_indices(lowest - factor * index):
            return False
        if factor.is_nonnegative:
            lowest = lowest.xreplace({index: sympy.Integer(0)})
        elif factor.is_nonpositive:
            lowest = sympy.expand(lowest.xreplace({index: extents[index] - 1}))
        else:
            return False
    return bool(lowest.is_positive if strict else lowest.is_nonnegative)
