"""Bodies that mean one thing as a whole: matrices given entry by entry, blocks, Kronecker products."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sympy
from sympy import Add, Eq, Expr, Integer, KroneckerDelta, Lt, Mod, Mul
from sympy.logic.boolalg import Boolean

from symdl.expr.index import Index, free_indices, fresh_index, substitute
from symdl.expr.nodes import Element
from symdl.expr.scalar import ScalarOp
from symdl.latex.algebra import ZERO, scale
from symdl.latex.contraction import diag
from symdl.latex.forms import Explicit, Form, Identity, Kron, Zeros
from symdl.latex.pieces import Stretch, is_choice, shifted_diagonal, stretches

if TYPE_CHECKING:
    from symdl.latex.view import MatrixView

Places = tuple[Index, ...]
LARGEST_EXPLICIT = 8


def recognised(view: "MatrixView", expr: Expr, places: Places) -> Form | None:
    """Return the form of a body that is one of the patterns, or None."""
    if isinstance(expr, Add | Mul | KroneckerDelta):
        found = explicit(view, expr, places)
        found = kronecker(expr, places) if found is None else found
        return band(view, expr, places) if found is None else found
    if is_choice(expr):
        found = band(view, expr, places)
        return blocks(view, expr, places) if found is None else found
    return None


def explicit(view: "MatrixView", expr: Expr, places: Places) -> Form | None:
    """Return a small vector or matrix that is given entry by entry: a sum of entries times Kronecker deltas."""
    sizes = [view.sizes[place] for place in places]
    if not sizes or not all(size.is_Integer and size <= LARGEST_EXPLICIT for size in sizes):
        return None
    entries: dict[tuple[int, ...], Expr] = {}
    for term in Add.make_args(expr):
        where: dict[Expr, int] = {}
        rest = []
        for factor in Mul.make_args(term):
            fixed = [arg for arg in factor.args if arg.is_Integer] if isinstance(factor, KroneckerDelta) else []
            if fixed:
                where[next(arg for arg in factor.args if not arg.is_Integer)] = int(fixed[0])
            else:
                rest.append(factor)
        value = Mul(*rest)
        if set(where) != set(places) or free_indices(value):
            return None
        position = (*(where[place] for place in places), 0)[:2]
        entries[position] = entries.get(position, Integer(0)) + value
    if len(sizes) == 1 and len(entries) < 2:
        return None  # a multiple of a unit vector
    height, width = (*sizes, Integer(1))[:2]
    rows = tuple(
        tuple(view.form(entries.get((i, j), Integer(0))) for j in range(int(width))) for i in range(int(height))
    )
    return Explicit((height, width), rows)


def blocks(view: "MatrixView", expr: Expr, places: Places) -> Form | None:
    """Return a block matrix: what ``concat`` and ``stack`` write as choices by position along one axis."""
    for place in places:
        parts = _segments(expr, place, view.sizes[place])
        if parts is None:
            continue
        forms = []
        for start, end, value in parts:
            index = fresh_index()
            view.sizes[index] = sympy.expand(end - start)
            moved = substitute(value, {place: index + start})
            inner = tuple(index if other == place else other for other in places)
            form = view.form(moved, *inner)
            size = (*(view.sizes[other] for other in inner), Integer(1))[:2]
            forms.append(Zeros((size[0], size[1])) if form == ZERO else form)
        shape = (*(view.sizes[other] for other in places), Integer(1))[:2]
        rows = tuple((form,) for form in forms) if place == places[0] else (tuple(forms),)
        return Explicit((shape[0], shape[1]), rows)
    return None


def _segments(expr: Expr, place: Index, size: Expr) -> list[Stretch] | None:
    """Return (start, end, body) of consecutive stretches of an axis, or None."""
    found = stretches(expr, place, Integer(0), size) or _stacked(expr, place, size)
    return found if found and all(_plain(body, place) for _, _, body in found) else None


def _stacked(expr: Expr, place: Index, size: Expr) -> list[Stretch] | None:
    """Return the stretches of a body that chooses one place after the other."""
    start: Expr = Integer(0)
    found = []
    while is_choice(expr):
        end = _end(expr.args[0], place, start)
        if end is None:
            break
        found.append((start, end, expr.args[1]))
        start, expr = end, expr.args[2]
    inside = all((end - begin).is_positive is not False for begin, end, _ in found) and (size - start).is_positive
    return [*found, (start, size, expr)] if found and inside else None


def _end(condition: Boolean, place: Index, start: Expr) -> Expr | None:
    """Return where a stretch that begins at ``start`` ends, if the condition says so."""
    if isinstance(condition, Lt) and condition.lhs == place and not free_indices(condition.rhs):
        return condition.rhs if condition.rhs.is_Atom or not condition.rhs.has(ScalarOp) else None
    if isinstance(condition, Eq) and place in condition.args:
        other = condition.rhs if condition.lhs == place else condition.lhs
        return start + 1 if other == start else None
    return None


def _plain(expr: Expr, place: Index) -> bool:
    return not any(place in free_indices(condition) for condition in expr.atoms(sympy.Rel))


def band(view: "MatrixView", expr: Expr, places: Places) -> Form | None:
    """Return a matrix with one diagonal beside the main one, as a diagonal matrix in a block."""
    if len(places) != 2:
        return None
    rows, columns = places
    found = shifted_diagonal(expr, rows, columns, view.sizes)
    if found is None:
        return None
    shift, body = found
    height, width = view.sizes[rows], view.sizes[columns]
    first = Integer(0) if shift.is_nonnegative else -shift  # columns: 0 <= column < width, 0 <= column + shift < height
    length = sympy.expand((width if shift.is_nonpositive else height - shift) - first)
    right, below = (sympy.expand(end - length) for end in (width - first, height - first - shift))
    sizes = (first, length, right), (sympy.expand(first + shift), length, below)
    if shift.is_nonnegative is None or not all(size.is_nonnegative for part in sizes for size in part):
        return None
    number, body = body.as_coeff_Mul()
    index = fresh_index()
    view.sizes[index] = length
    inside = diag(view.form(substitute(body, {columns: index + first}), index)) if free_indices(body) else None
    if inside is None:
        inside = scale(Integer(1), [view.form(body)], (), Identity((length, length)))
    shown = tuple(
        tuple(inside if i == j == 1 else Zeros((down, across)) for j, across in enumerate(sizes[0]) if across != 0)
        for i, down in enumerate(sizes[1])
        if down != 0
    )
    return scale(number, (), (), Explicit((height, width), shown))


def kronecker(expr: Expr, places: Places) -> Form | None:
    """Return a Kronecker product: A[⌊i/r⌋, ⌊j/s⌋]·B[i mod r, j mod s]."""
    from symdl.latex.view import tensor_form

    loads = Mul.make_args(expr)
    if len(places) != 2 or len(loads) != 2 or not all(isinstance(load, Element) for load in loads):
        return None
    for outer, inner in (loads, loads[::-1]):
        if len(inner.indices) == 2 and _is_kronecker(outer, inner, places):
            return Kron(tensor_form(outer.tensor), tensor_form(inner.tensor))
    return None


def _is_kronecker(outer: Element, inner: Element, places: Sequence[Index]) -> bool:
    sizes = inner.tensor.shape
    floors = tuple(sympy.floor(place / size) for place, size in zip(places, sizes, strict=True))
    remainders = tuple(Mod(place, size) for place, size in zip(places, sizes, strict=True))
    return inner.indices == remainders and outer.indices == floors
