"""Linear recurrences solved: h[t] = a·h[t-1] + f[t] is a power of a and a weighted sum; book §4.3."""

from typing import Any

import sympy
from sympy import Basic, Dummy, Eq, Expr

from symdl.errors import DerivationError
from symdl.expr.index import axis_index, free_indices, fresh_index, rebuild, substitute
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Reduce, opened
from symdl.expr.recurrence import Recurrence
from symdl.expr.scalar import SCALAR_OPS


def closed_form(h: Any) -> Array:
    """Return what a linear recurrence has come to after its T times, without a loop: a^T·h₀ + Σ a^(T-1-τ)·f(τ).

    Args:
        h: What ``sd.recurrence`` returned for one carried tensor, whose step is a·h + f: the factor a depends neither
            on the time nor on the place, f may depend on both. Where f does not depend on the time and has 1 - a as a
            factor, the geometric sum is written as 1 - a^T.

    Returns:
        The value after the last time, of the shape of what is carried.

    Raises:
        DerivationError: for another kind of step, and for what is no recurrence.
    """
    value = ingest(h)
    if not isinstance(value, Recurrence):
        raise DerivationError(f"closed_form: expected a recurrence, found {h}")
    axis, length, own = value.axis, value.shape[value.axis], value.placeholders[value.which]
    time = axis_index(axis)
    first, before = (Eq(time, length - 1), time + 1) if value.reverse else (Eq(time, 0), time - 1)
    indices = [axis_index(place) if size != 1 else sympy.Integer(0) for place, size in enumerate(value.shape)]
    indices[axis] = before
    carried = Dummy("carried", real=True)
    starts: list[Expr] = []

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, SCALAR_OPS["where"]) and (node.args[0], node.args[2]) == (first, Element(own, *indices)):
            starts.append(node.args[1])
            return carried
        if isinstance(node, Element) and isinstance(node.tensor, Array):
            return rebuild(node.tensor.at(*node.indices), visit)
        if isinstance(node, Element) and node.tensor in value.placeholders and node.tensor != own:
            inner = value.bodies[value.placeholders.index(node.tensor)]
            inner = substitute(inner, {axis_index(place): index for place, index in enumerate(node.indices)})
            return rebuild(inner, visit)
        return opened(node, lambda content: rebuild(content, visit))

    body = rebuild(value.bodies[value.which], visit)
    factor, rest = sympy.diff(body, carried), body.xreplace({carried: sympy.Integer(0)})
    linear = not factor.has(carried) and not free_indices(factor) and body.free_symbols.isdisjoint(value.placeholders)
    if not starts or not linear:
        raise DerivationError("closed_form: the step is not a·h + f with one factor a for all times and places")
    axes = [(axis_index(place), size) for place, size in enumerate(value.shape) if place != axis]
    return Array(factor**length * starts[0] + _weighted(factor, rest, time, length, value.reverse), *axes)


def _weighted(factor: Expr, rest: Expr, time: Any, length: Expr, reverse: bool) -> Expr:
    """Return Σ a^(T-1-τ) f(τ) over the times τ; as a geometric sum where that has no denominator."""
    if time not in free_indices(rest):
        quotient = sympy.cancel(sympy.factor(rest) / (1 - factor))
        if not sympy.denom(quotient).has(*factor.free_symbols):
            return quotient * (1 - factor**length)
    place = fresh_index()
    power = place if reverse else length - 1 - place
    return Reduce("add", factor**power * substitute(rest, {time: place}), (place, length))
