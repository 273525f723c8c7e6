"""Scatter: a sum that selects its terms by an integer load, ``t[j] = Σ_e [j == s(e)]·b(e)``, in one pass over e.

So are largest and smallest terms, ``t[j] = max_e where(j = s(e), b(e), −∞)`` and ``min_e where(j = s(e), b(e), ∞)``.
"""

from dataclasses import dataclass

import sympy
from sympy import Basic, Expr, Integer, KroneckerDelta, Mul

from symdl.expr.index import Index, axis_index, free_indices, substitute
from symdl.expr.nodes import Element, Reduce
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation


@dataclass(frozen=True)
class Scatter:
    """``target[at]`` combined by ``op`` with ``body`` over ``axes``; the target starts at what is neutral."""

    axes: tuple[tuple[Index, Expr], ...]
    at: tuple[Expr, ...]
    body: Expr
    op: str = "add"


NEUTRAL = {"add": Integer(0), "max": sympy.S.NegativeInfinity, "min": sympy.S.Infinity}


def as_scatter(equation: Equation) -> Scatter | None:
    """Return the scatter an equation means, or None if it is none."""
    body = equation.body
    if not (isinstance(body, Reduce) and body.op in NEUTRAL):
        return None
    neutral = NEUTRAL[body.op]
    reduced, content = body.open()
    places: dict[Index, Expr] = {}
    rest: list[Expr] = []
    bound = {index for index, _ in reduced}
    for factor in Mul.make_args(content) if body.op == "add" else [content]:
        found = selected(factor, bound, neutral)
        if found is None or found[0] in places:
            rest.append(factor)
        else:
            places[found[0]] = found[1]
            rest.append(found[2])
    if not places:
        return None
    value = substitute(Mul(*rest), places)
    kept = tuple((index, size) for index, size in equation.axes if index not in places)
    at = tuple(
        places.get(axis_index(k), axis_index(k) if size != 1 else Integer(0))
        for k, size in enumerate(equation.target.shape)
    )
    return Scatter((*kept, *reduced), at, value, body.op)


def selected(factor: Basic, bound: set[Index], neutral: Expr) -> tuple[Index, Expr, Expr] | None:
    """Return (axis, integer load, value) for what has the value where they agree and is neutral elsewhere."""
    pair: tuple[Basic, ...] = ()
    value: Expr = Integer(1)
    if isinstance(factor, KroneckerDelta):
        pair = factor.args if neutral == 0 else ()
    elif isinstance(factor, SCALAR_OPS["where"]) and factor.args[2] == neutral and isinstance(factor.args[0], sympy.Eq):
        pair, value = factor.args[0].args, factor.args[1]
    for axis, place in (pair, pair[::-1]) if pair else ():
        if (
            isinstance(axis, Index)
            and axis not in bound
            and isinstance(place, Element)
            and free_indices(place) <= bound
            and "integer" in place.tensor.properties
        ):
            return axis, place, value
    return None
