"""Index maps that number pairs: ``m·a + k`` with 0 <= k < m one way, ``floor(e/m)`` and ``e mod m`` the other way.

Reshapes, groups, heads and windows that do not overlap are such maps. They are one to one, so their transposes relabel.
"""

import sympy
from sympy import Expr, Mod
from sympy.logic.boolalg import Boolean

from symdl.expr.index import Index, free_indices, fresh_index, substitute

Target = tuple[Expr, Expr]  # an index expression of the result, and the size of the axis it runs over


def join_quotients(places: list[Expr], targets: list[Target]) -> tuple[list[Expr], list[Target]]:
    """Join places ``p`` with ``floor(e/m)`` in it and ``e mod m``: both equations together say m·p + e mod m = m·a + b.

    Args:
        places: The index expressions that are read.
        targets: For each of them the index that it must equal, and the size of its axis.
    """
    places, targets = list(places), list(targets)
    last = 0
    while last < len(places):
        remainder, (below, size) = places[last], targets[last]
        joined = None
        if isinstance(remainder, Mod) and remainder.args[1] == size:
            found = ((first, _whole(places[first], remainder)) for first in range(len(places)) if first != last)
            joined = next(((first, whole) for first, whole in found if whole is not None), None)
        if joined is None:
            last += 1
            continue
        first, whole = joined
        above, count = targets[first]
        places[first], targets[first] = whole, (sympy.expand(size * above + below), size * count)
        del places[last], targets[last]
        last = 0
    return places, targets


def split_digits(
    value: Expr, axes: list[Target], places: tuple[Expr, ...]
) -> tuple[Expr, list[Target], tuple[Expr, ...]] | None:
    """Put m·a + b, 0 <= b < m, for what places read by ``floor(e/m)`` and ``e mod m``: an index or a number of some.

    So a reshape from (8, 3) to (4, 6), x[⌊i/2⌋, 3 (i mod 2) + j], has digits a, b and j that determine each other.

    Returns:
        The value, the axes and the places over the new indices; None if there is no such number.
    """
    found = list(axes)
    for remainder in sorted({part for place in places for part in place.atoms(Mod)}, key=str):
        number, size = remainder.args
        extents = dict(found)
        own = [index for index, _ in found if index in free_indices(number)]
        if number.has(Mod, sympy.floor) or not own or free_indices(number) != set(own):
            continue
        total = sympy.Mul(*(extents[index] for index in own))
        if sympy.fraction(sympy.cancel(total / size))[1] != 1:
            continue
        above, below = fresh_index(), fresh_index()
        flat = size * above + below
        solved = ({own[0]: flat}, []) if number == own[0] else digits(number, (flat, total), own, extents)
        if solved is None or solved[1]:
            continue
        mapping = {sympy.floor(sympy.expand(number / size)): above, remainder: below}
        places = tuple(substitute(place.xreplace(mapping), solved[0]) for place in places)
        value = substitute(value.xreplace(mapping), solved[0])
        new = [(above, sympy.cancel(total / size)), (below, size)]
        found = [*(axis for axis in found if axis[0] not in own), *new]
    return (value, found, places) if found != axes else None


def _whole(place: Expr, remainder: Expr) -> Expr | None:
    """Return m·place + remainder without a floor, where the place's floor is the remainder's quotient."""
    size = remainder.args[1]
    for floor in sorted(place.atoms(sympy.floor), key=str):
        value = sympy.expand(size * floor.args[0])
        if place.coeff(floor) == 1 and _remainder(value, size) == _remainder(remainder, size):
            return sympy.expand(size * (place - floor) + value)
    return None


def _remainder(value: Expr, size: Expr) -> Expr:
    """Return ``value mod size`` with multiples of the size left out; (e mod k·m) mod m is e mod m."""
    if isinstance(value, Mod) and sympy.cancel(value.args[1] / size).is_integer:
        value = value.args[0]
    terms = (term.as_coeff_Mul() for term in sympy.Add.make_args(sympy.expand(value)))
    return Mod(
        sympy.Add(*(Mod(number, size) * rest if size.is_Integer else number * rest for number, rest in terms)), size
    )


def digits(
    place: Expr, target: Target, unsolved: list[Index], extents: dict[Index, Expr]
) -> tuple[dict[Index, Expr], list[Boolean]] | None:
    """Solve ``place == target`` for all its indices, if they are the digits of a number in a mixed radix.

    Args:
        place: The index expression.
        target: What it must equal, and the size of that axis.
        unsolved: Its indices that are not known yet: all are needed.
        extents: The extents of the indices.

    Returns:
        The solution, and the conditions under which it exists; None if the indices are no digits.
    """
    wanted, size = target
    if len(unsolved) < 2 or not free_indices(place) <= set(unsolved):
        return None
    factors = {index: place.coeff(index) for index in unsolved}
    wanted = sympy.expand(wanted - (place - sympy.Add(*(factor * index for index, factor in factors.items()))))
    if free_indices(wanted) & set(unsolved) or any(free_indices(factor) for factor in factors.values()):
        return None
    solution: dict[Index, Expr] = {}
    radix: Expr = sympy.Integer(1)
    while factors:
        index = next((index for index, factor in factors.items() if sympy.expand(factor - radix) == 0), None)
        if index is None:
            return None
        del factors[index]
        quotient = wanted if radix == 1 else sympy.floor(wanted / radix)
        solution[index] = Mod(quotient, extents[index]) if factors else quotient
        radix = sympy.expand(radix * extents[index])
    if sympy.expand(radix - size) == 0 and wanted == target[0]:
        return solution, []
    return solution, [guard for guard in (sympy.Ge(wanted, 0), sympy.Lt(wanted, radix)) if guard is not sympy.true]
