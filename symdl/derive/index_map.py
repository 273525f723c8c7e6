"""Transposition of index maps: from "read at e(i)" to "add at j": relabel, solve with guards, or select by a delta."""

import sympy
from sympy import And, Basic, Expr, Ge, Integer, KroneckerDelta, Lt, Mod
from sympy.logic.boolalg import Boolean

from symdl.derive.mixed_radix import digits, join_quotients
from symdl.expr.index import Index, free_indices, rebuild, substitute
from symdl.expr.nodes import Array, Element, Reduce
from symdl.expr.scalar import SCALAR_OPS


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
    extents = dict(axes)
    value = _separate(value, extents)
    solution: dict[Index, Expr] = {}
    guards: list[Boolean] = []
    deltas: list[Expr] = []
    wanted: list[tuple[Expr, Expr]] = [(target, size) for target, size in targets]
    for place, (target, size) in zip(*join_quotients(list(places), wanted), strict=True):
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
        found = _solve(place, target, unsolved)
        if found is None:
            plain = place.is_Atom or isinstance(place, Element)
            deltas.append(KroneckerDelta(target, place) if plain else _equal(target, place))
            continue
        index, solved, divides = found
        solution = {key: substitute(old, {index: solved}) for key, old in solution.items()}
        solution[index] = solved
        if divides is not None:
            guards.append(divides)
        if solved != target or extents[index] != size:
            guards += [Ge(solved, 0), Lt(solved, extents[index])]
    rest = [(index, extent) for index, extent in axes if index not in solution]
    result = substitute(value, solution) * sympy.Mul(*(substitute(delta, solution) for delta in deltas))
    conditions = [guard for guard in (substitute(guard, solution) for guard in guards) if guard is not sympy.true]
    if conditions:
        result = SCALAR_OPS["where"](And(*conditions), result, Integer(0))
    return Reduce("add", result, *rest) if rest else result


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


def _solve(place: Expr, target: Expr, unsolved: list[Index]) -> tuple[Index, Expr, Boolean | None] | None:
    """Solve ``place == target`` for one index; the third part is a divisibility condition, where one is needed."""
    candidates = []
    for index in unsolved:
        factor = place.coeff(index)
        rest = sympy.expand(place - factor * index)
        if factor.is_integer and factor != 0 and index not in free_indices(rest) and not free_indices(factor):
            candidates.append((factor not in (1, -1), index.name, index, factor, rest))
    if not candidates:
        return None
    _, _, index, factor, rest = min(candidates, key=lambda item: item[:2])
    if factor in (1, -1):
        return index, sympy.expand((target - rest) * factor), None
    return index, sympy.floor((target - rest) / factor), sympy.Eq(Mod(target - rest, factor), 0)
