"""Guards that always hold: conditions on indices that follow from the ranges of the indices."""

from collections.abc import Mapping

import sympy
from sympy import And, Basic, Expr

from symdl.expr.index import Index, free_indices, join_quotients, rebuild
from symdl.expr.nodes import Element, Reduce
from symdl.expr.scalar import SCALAR_OPS


def drop_guards(expr: Expr, extents: Mapping[Index, Expr]) -> Expr:
    """Return ``expr`` without the conditions that hold for all values of the indices.

    Args:
        expr: A scalar body.
        extents: The extents of its free indices, each index running from 0.
    """
    where = SCALAR_OPS["where"]
    if not expr.has(where):
        return expr

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return node
        if isinstance(node, Reduce):
            axes, content = node.open()
            inner = drop_guards(content, {**extents, **dict(axes)})
            return node if inner == content else Reduce(node.op, inner, *axes)
        if isinstance(node, where):
            condition, left, right = node.args
            kept = [part for part in And.make_args(condition) if not _always(part, extents)]
            return where(And(*kept), rebuild(left, visit), rebuild(right, visit))
        return None

    return rebuild(expr, visit)


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
