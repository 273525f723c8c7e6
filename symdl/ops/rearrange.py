"""Rearrangements that are index maps: padding, reversal, reshaping."""

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import And, Basic, Expr, Integer

from symdl.errors import ShapeError
from symdl.expr.index import Index, free_indices, rebuild
from symdl.expr.nodes import Array, Element, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import as_size, same_size, shape_text
from symdl.ops.windows import tensor_of


def pad(x: Any, widths: Sequence[tuple[int, int]]) -> Tensor:
    """Surround a tensor with zeros: ``widths`` holds (before, after) for each axis; catalogue 6.3-padding.

    Raises:
        ShapeError: unless there is one pair of non-negative integers for each axis.
    """
    value = tensor_of(x, "pad")
    listed = list(widths) if isinstance(widths, tuple | list) else [widths]
    pairs = [tuple(pair) if isinstance(pair, tuple | list) else (pair,) for pair in listed]
    if len(pairs) != value.order or any(
        len(pair) != 2 or any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in pair) for pair in pairs
    ):
        raise ShapeError(
            f"pad: expected one (before, after) pair of non-negative integers for each axis of shape "
            f"{shape_text(value.shape)}, as [{', '.join(['(1, 1)'] * value.order)}], found {widths}"
        )
    axes = axes_of([size + before + after for size, (before, after) in zip(value.shape, pairs, strict=True)])
    places = [index - before for (index, _), (before, _) in zip(axes, pairs, strict=True)]
    guards = [
        guard
        for place, size, (before, after) in zip(places, value.shape, pairs, strict=True)
        for guard, needed in ((sympy.Ge(place, 0), before), (sympy.Lt(place, size), after))
        if needed
    ]
    element = Element(value, *places)
    return Array(SCALAR_OPS["where"](And(*guards), element, Integer(0)) if guards else element, *axes)


def flip(x: Any, axis: int) -> Tensor:
    """Reverse a tensor along an axis.

    Raises:
        ShapeError: if it has no such axis.
    """
    value = tensor_of(x, "flip")
    if isinstance(axis, bool) or not isinstance(axis, int) or not -value.order <= axis < value.order:
        raise ShapeError(f"flip: axis {axis} is out of range for shape {shape_text(value.shape)}")
    axes = axes_of(value.shape)
    places: list[Any] = [index for index, _ in axes]
    number = axis % value.order
    places[number] = value.shape[number] - 1 - places[number]
    return Array(Element(value, *places), *axes)


def reshape(x: Any, shape: Any) -> Tensor:
    """Same entries in row-major order in another shape; one size may be -1.

    Raises:
        ShapeError: if the numbers of entries are not provably equal.
    """
    value = tensor_of(x, "reshape")
    wanted = list(shape) if isinstance(shape, tuple | list | sympy.Tuple) else [shape]
    total = sympy.Mul(*value.shape)
    known = [as_size(size, "reshape") for size in wanted if size != -1]
    rest = sympy.cancel(total / sympy.Mul(*known))
    sizes = [rest if size == -1 else as_size(size, "reshape") for size in wanted]
    if len(known) < len(wanted) - 1 or rest.is_integer is False or not same_size(sympy.Mul(*sizes), total):
        raise ShapeError(
            f"reshape: shape {shape_text(value.shape)} does not provably have as many entries as "
            f"({', '.join(map(str, wanted))})"
        )
    axes = axes_of(sizes)
    digits = [index if size != 1 else Integer(0) for index, size in axes]
    element = Element(value, *_unravel(digits, sizes, value.shape))
    places = [_narrowed(place, dict(axes)) for place in element.indices]
    return Array(Element(element.tensor, *places), *axes)


def _narrowed(place: Expr, extents: dict[Index, Expr]) -> Expr:
    """Return an index expression without floors that are 0 and remainders of numbers below the divisor."""

    def visit(node: Basic) -> Basic | None:
        if not isinstance(node, sympy.floor | sympy.Mod):
            return None
        value, divisor = node.args if isinstance(node, sympy.Mod) else sympy.fraction(sympy.together(node.args[0]))
        quotient, rest = Integer(0), Integer(0)
        for term in sympy.Add.make_args(sympy.expand(rebuild(value, visit))):
            ratio = sympy.cancel(term / divisor)
            quotient, rest = (quotient + ratio, rest) if sympy.fraction(ratio)[1] == 1 else (quotient, rest + term)
        if _below(rest, divisor, extents):
            return rest if isinstance(node, sympy.Mod) else quotient
        return None

    return rebuild(place, visit)


def _below(value: Expr, bound: Expr, extents: dict[Index, Expr]) -> bool:
    """Tell whether 0 <= value < bound is certain for a sum of indices with factors that are not negative."""
    highest = value
    for index in free_indices(value):
        factor = value.coeff(index)
        if index not in extents or not factor.is_nonnegative or index in free_indices(value - factor * index):
            return False
        highest = highest.xreplace({index: extents[index] - 1})
    return bool(sympy.expand(bound - 1 - highest).is_nonnegative)


def _unravel(digits: list[Any], sizes: Sequence[Expr], shape: Sequence[Expr]) -> list[Expr]:
    """Return the places, one for each axis of ``shape``, of the entry whose row-major number has the given digits."""
    flat = _number(digits, sizes)
    places: list[Expr] = []
    for position in range(len(shape)):
        upper, flat = _divide(flat, sympy.Mul(*shape[position + 1 :]), digits, sizes)
        places.append(upper)
    return places


def _number(digits: Sequence[Expr], sizes: Sequence[Expr]) -> Expr:
    number: Expr = Integer(0)
    for digit, size in zip(digits, sizes, strict=True):
        number = number * size + digit
    return sympy.expand(number)


def _divide(flat: Expr, divisor: Expr, digits: Sequence[Expr], sizes: Sequence[Expr]) -> tuple[Expr, Expr]:
    """Split an index expression into quotient and remainder, by its last digits where they make up the divisor.

    With flat = g·a + b, 0 <= b < g, and g a factor of the divisor, both follow from those of a by divisor / g.
    """
    whole: Expr = Integer(0)
    rest: Expr = Integer(0)
    for term in sympy.Add.make_args(flat):
        ratio = sympy.cancel(term / divisor)
        if sympy.fraction(ratio)[1] == 1:
            whole += ratio
        else:
            rest += term
    if divisor == 1 or rest == 0:
        return whole, rest
    for position in range(len(sizes)):
        unit = sympy.Mul(*sizes[position:])
        factor = sympy.cancel(divisor / unit)
        low = _number(digits[position:], sizes[position:])
        high = sympy.cancel((rest - low) / unit)
        if sympy.fraction(factor)[1] != 1 or sympy.fraction(high)[1] != 1:
            continue
        if high == 0:
            return whole, rest
        return whole + sympy.floor(high / factor), sympy.expand(unit * sympy.Mod(high, factor) + low)
    return whole + sympy.floor(rest / divisor), sympy.Mod(rest, divisor)
