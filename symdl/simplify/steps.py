"""Sums over an index of which conditions leave few values: every s-th one, or one alone."""

import sympy
from sympy import And, Basic, Expr, KroneckerDelta, Mod, Mul

from symdl.expr.index import Index, free_indices, fresh_index, substitute
from symdl.expr.nodes import Element
from symdl.expr.scalar import SCALAR_OPS
from symdl.simplify.guards import drop_guards
from symdl.simplify.scope import Scope

Axes = list[tuple[Index, Expr]]


def deltas_outside(content: Expr) -> Expr:
    """Use where(c, δ·f, 0) = δ·where(c, f, 0) for the factors of a product."""
    where = SCALAR_OPS["where"]
    found = []
    for factor in Mul.make_args(content):
        if isinstance(factor, where) and factor.args[2] == 0:
            inner = Mul.make_args(factor.args[1])
            deltas = [part for part in inner if isinstance(part, KroneckerDelta)]
            found += [*deltas, where(factor.args[0], Mul(*(part for part in inner if part not in deltas)), 0)]
        else:
            found.append(factor)
    return Mul(*found)


def solved_delta(axes: Axes, content: Expr, scope: Scope) -> tuple[Axes, Expr] | None:
    """Use Σ_k δ(i, j - k)·f(k) = f(j - i) where 0 <= j - i < size, else 0: the shorter sum, or None."""
    factors = Mul.make_args(content)
    for factor in factors:
        for index, size in axes if isinstance(factor, KroneckerDelta) else ():
            gap = sympy.expand(factor.args[0] - factor.args[1])
            slope = gap.coeff(index)
            rest = sympy.expand(gap - slope * index)
            if abs(slope) != 1 or index in free_indices(rest) or not free_indices(rest) or rest.has(Element):
                continue
            place = sympy.expand(-rest * slope)
            left = [axis for axis in axes if axis[0] != index]
            value = substitute(Mul(*(part for part in factors if part is not factor)), {index: place})
            inside = And(sympy.Ge(place, 0), sympy.Lt(place, size))
            extents = dict(scope.within(left).extents)
            return left, drop_guards(SCALAR_OPS["where"](inside, value, 0), extents)
    return None


def strides(axes: Axes, content: Expr, scope: Scope) -> tuple[Axes, Expr] | None:
    """Use Σ_k [s divides k - c] f(k)·x[(k - c)/s] = Σ_u f(s u + c)·x[u], where x has fewer entries than the sum terms.

    The rule needs the conditions that keep ⌊(k - c)/s⌋ inside the axis of x: it is one of its places then.
    """
    for factor in Mul.make_args(content):
        if not (isinstance(factor, SCALAR_OPS["where"]) and factor.args[2] == 0):
            continue
        for part in And.make_args(factor.args[0]):
            found = _every(part)
            for index, size in axes if found is not None else ():
                gap, step = found or (sympy.Integer(0), sympy.Integer(1))
                slope, length = gap.coeff(index), _extent(factor.args[1], gap, step)
                start = sympy.expand(gap - slope * index)
                shorter = length is not None and (size - length).is_positive
                if abs(slope) != 1 or index in free_indices(start) or length is None or not shorter:
                    continue
                new = fresh_index()
                place = sympy.expand((step * new - start) * slope)
                left = [(new, length) if axis[0] == index else axis for axis in axes]
                inside = And(sympy.Ge(place, 0), sympy.Lt(place, size))
                extents = dict(scope.within(left).extents)
                moved = SCALAR_OPS["where"](inside, substitute(content, {index: place}), 0)
                return left, drop_guards(moved, extents)
    return None


def _every(condition: Basic) -> tuple[Expr, Expr] | None:
    """Return (e, s) for a condition that says that s divides e."""
    if isinstance(condition, sympy.Eq) and condition.args[1] == 0 and isinstance(condition.args[0], Mod):
        value, step = condition.args[0].args
        return sympy.expand(value), step
    return None


def _extent(value: Expr, gap: Expr, step: Expr) -> Expr | None:
    """Return the extent of an axis that is read, under no further condition, at ⌊gap/step⌋."""
    loads = () if value.has(SCALAR_OPS["where"]) else value.atoms(Element)
    for load in sorted(loads, key=str):
        for place, size in zip(load.indices, load.tensor.shape, strict=True):
            if isinstance(place, sympy.floor):
                top, below = sympy.fraction(sympy.together(place.args[0]))
                if below == step and sympy.expand(top - gap) == 0:
                    return size
    return None
