"""Transposition of index maps: from "read at e(i)" to "add at j": relabel, solve with guards, or select by a delta."""

import sympy
from sympy import And, Basic, Expr, Ge, Integer, KroneckerDelta, Lt, Mod
from sympy.logic.boolalg import Boolean

from symdl.derive.mixed_radix import digits, join_quotients, split_digits
from symdl.expr.index import Index, free_indices, rebuild, substitute
from symdl.expr.nodes import Array, Element, Reduce
from symdl.expr.scalar import SCALAR_OPS

LONG = 64  # what a symbolic extent counts as, when it is chosen for which index to solve


def transpose(
    value: Expr, axes: list[tuple[Index, Expr]], places: tuple[Expr, ...], targets: list[tuple[Index, Expr]]
) -> Expr:
    """Return ``t[j] = sum over axes of value where places == j`` as a scalar expression in the target indices.

    Args:
        value: What each iteration contributes; its free indices are among ``axes`` (and outer ones, untouched).
        axes: The iteration domain: indices and extents.
        places: Where each iteration contributes, one index expression per target axis.
        targets: The target's indices and extents.
    """
    split = split_digits(value, axes, places)
    if split is not None:
        found = _transpose(*split, targets)
        if {index for index, _ in found[1]} <= set(dict(axes)):
            return _summed(*found)
    return _summed(*_transpose(value, axes, places, targets))


def _summed(value: Expr, axes: list[tuple[Index, Expr]]) -> Expr:
    return Reduce("add", value, *axes) if axes else value


def _transpose(
    value: Expr, axes: list[tuple[Index, Expr]], places: tuple[Expr, ...], targets: list[tuple[Index, Expr]]
) -> tuple[Expr, list[tuple[Index, Expr]]]:
    """Return what is summed, and the axes over which it is: those whose indices are not determined by the places."""
    extents = dict(axes)
    value = _separate(value, extents)
    solution: dict[Index, Expr] = {}
    quotients: dict[Index, Expr] = {}  # what a solution rounds, where it is divided exactly
    guards: list[Boolean] = []
    deltas: list[Expr] = []
    wanted: list[tuple[Expr, Expr]] = [(target, size) for target, size in targets]
    exact = _divided(value)
    for place, (target, size) in zip(*join_quotients(list(places), wanted), strict=True):
        if place in exact:  # ⌊e/s⌋ = j is e = s j, where s divides e
            place, divisor = exact[place]
            target, size = divisor * target, divisor * size
        place = sympy.expand(substitute(place, solution))
        unsolved = [
            index
            for index in sorted(free_indices(place), key=lambda index: index.name)
            if index in extents and index not in solution
        ]
        if size == 1:
            continue
        numbered = digits(place, (target, size), unsolved, extents)
        if numbered is not None:
            solution = {key: substitute(old, numbered[0]) for key, old in solution.items()} | numbered[0]
            guards += numbered[1]
            continue
        found = _solve(place, target, unsolved, extents)
        if found is None:
            plain = place.is_Atom or isinstance(place, Element)
            deltas.append(KroneckerDelta(target, place) if plain else _equal(target, place))
            continue
        index, quotient, divisor = found
        solved = quotient if divisor == 1 else sympy.floor(quotient)
        solution = {key: substitute(old, {index: solved}) for key, old in solution.items()}
        quotients = {key: substitute(old, {index: solved}) for key, old in quotients.items()}
        solution[index] = solved
        if divisor != 1:
            quotients[index] = quotient
            guards.append(sympy.Eq(Mod(sympy.expand(divisor * quotient), divisor), 0))
        if solved != target or extents[index] != size:
            guards += _inside(quotient, divisor, extents[index])
    rest = [(index, extent) for index, extent in axes if index not in solution]
    result = substitute(_in_steps(value, quotients), solution) * sympy.Mul(
        *(substitute(delta, solution) for delta in deltas)
    )
    conditions = [guard for guard in (substitute(guard, solution) for guard in guards) if guard is not sympy.true]
    if conditions:
        result = SCALAR_OPS["where"](And(*conditions), result, Integer(0))
    return result, rest


def _separate(value: Expr, extents: dict[Index, Expr]) -> Expr:
    """Make each reduction inside a value a tensor of its own, read where it is needed and never outside its axes."""

    def lift(node: Basic) -> Basic | None:
        if not isinstance(node, Reduce) or not free_indices(node) <= set(extents):
            return None
        outer = [(index, size) for index, size in extents.items() if index in free_indices(node)]
        return Element(Array(node, *outer), *(index for index, _ in outer)) if outer else None

    return rebuild(value, lift)


def _equal(left: Expr, right: Expr) -> Expr:
    return SCALAR_OPS["where"](sympy.Eq(left, right), Integer(1), Integer(0))


def _divided(value: Expr) -> dict[Expr, tuple[Expr, Expr]]:
    """Return (e, s) for each ⌊e/s⌋ for which a value is 0 unless s divides e."""
    where = SCALAR_OPS["where"]
    found: dict[Expr, tuple[Expr, Expr]] = {}
    for factor in sympy.Mul.make_args(value):
        if isinstance(factor, where) and factor.args[2] == 0:
            for part in And.make_args(factor.args[0]):
                if isinstance(part, sympy.Eq) and part.args[1] == 0 and isinstance(part.args[0], Mod):
                    place, divisor = part.args[0].args
                    found[sympy.floor(place / divisor)] = place, divisor
            found |= _divided(factor.args[1])
    return found


def _inside(quotient: Expr, divisor: Expr, size: Expr) -> list[Boolean]:
    """Return that a quotient that is exact is at least 0 and below ``size``, as conditions without the division."""
    place = sympy.expand(divisor * quotient)
    steps = sorted(size.atoms(sympy.floor), key=str)
    if divisor != 1 and len(steps) == 1 and size.coeff(steps[0]) == 1:  # q < floor(f) + c is q <= f + c - 1
        end = sympy.expand(divisor * (size - steps[0] + steps[0].args[0] - 1)) + 1
        if all(term.as_coeff_Mul()[0].is_Integer for term in sympy.Add.make_args(end)):
            return [Ge(place, 0), Lt(place, end)]
    return [Ge(place, 0), Lt(place, sympy.expand(divisor * size))]


def _in_steps(value: Expr, quotients: dict[Index, Expr]) -> Expr:
    """Put exact quotients for their indices into places and comparisons in which they stay whole numbers."""
    if not quotients:
        return value

    def place(expr: Expr) -> Expr:
        for index, quotient in quotients.items():
            if index in free_indices(expr):
                expr = sympy.expand(expr)
                factor = expr.coeff(index)
                whole = sympy.expand(expr - factor * index + factor * quotient)
                if all(term.as_coeff_Mul()[0].is_Integer for term in sympy.Add.make_args(whole)):
                    expr = whole
        return expr

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return Element(node.tensor, *(rebuild(place(index), visit) for index in node.indices))
        if isinstance(node, sympy.core.relational.Relational):
            return node.func(*(rebuild(place(side), visit) for side in node.args))
        return None

    return rebuild(value, visit)


def _solve(
    place: Expr, target: Expr, unsolved: list[Index], extents: dict[Index, Expr]
) -> tuple[Index, Expr, Expr] | None:
    """Solve ``place == target`` for one index, a quotient that must be exact; the third part is what it divides by.

    The other indices are summed over: it is the longest one that is solved for, so that a window's gradient is a sum
    over its taps and not over all places at which it lies.
    """
    candidates = []
    for index in unsolved:
        factor = place.coeff(index)
        rest = sympy.expand(place - factor * index)
        known = factor.is_integer and (factor.is_positive or factor.is_negative) and not free_indices(factor)
        if known and index not in free_indices(rest):
            length = int(extents[index]) if extents[index].is_Integer else LONG
            candidates.append((-length, index.name, index, factor, rest))
    if not candidates:
        return None
    _, _, index, factor, rest = min(candidates, key=lambda item: item[:2])
    sign = -1 if factor.is_negative else 1
    return index, sympy.expand((target - rest) / factor), sign * factor
