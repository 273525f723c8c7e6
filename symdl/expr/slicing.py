"""Indexing and slicing of tensors: ``x[i, :, a:b]``, zero-based, as affine index maps."""

from typing import Any

import sympy
from sympy import Expr, Integer

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import fresh_index
from symdl.expr.nodes import Array, Element, Tensor
from symdl.expr.sizes import shape_text


def get_item(tensor: Tensor, key: Any) -> Any:
    """Return an element, or the tensor of a slice.

    Args:
        tensor: The tensor.
        key: Integers, index symbols and slices, at most one per axis; missing ones take the whole axis, ``...`` stands
            for as many whole axes as fit. Negative integers count from the end.

    Raises:
        ShapeError: too many indices, or an index that is provably out of range.
        ExpressionError: a key that is neither an integer expression nor a slice.
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    dots = [place for place, part in enumerate(keys) if part is Ellipsis]
    if len(dots) > 1:
        raise ExpressionError(f"{tensor}: an index can hold '...' only once")
    for place in dots:
        keys[place : place + 1] = [slice(None)] * (tensor.order - len(keys) + 1)
    if len(keys) > tensor.order:
        raise ShapeError(f"{tensor}: {len(keys)} indices for order {tensor.order}, shape {shape_text(tensor.shape)}")
    keys += [slice(None)] * (tensor.order - len(keys))
    indices: list[Expr] = []
    axes = []
    for part, size in zip(keys, tensor.shape, strict=True):
        if isinstance(part, slice):
            index, start, step, length = _resolve(tensor, part, size)
            axes.append((index, length))
            indices.append(start + step * index)
        else:
            indices.append(_position(tensor, part, size))
    element = Element(tensor, *indices)
    return Array(element, *axes) if axes else element


def _position(tensor: Tensor, part: Any, size: Expr) -> Expr:
    index = _whole(tensor, part)
    return index + size if index.is_Integer and index.is_negative else index


def _whole(tensor: Tensor, part: Any) -> Expr:
    try:
        index = sympy.sympify(part, strict=True)
    except (sympy.SympifyError, TypeError):
        index = None
    if not isinstance(index, Expr) or index.is_integer is False or isinstance(part, bool):
        raise ExpressionError(
            f"{tensor}: {part!r} is no index; use integers, index symbols or slices, or sd.take for several places"
        )
    return index


def _resolve(tensor: Tensor, part: slice, size: Expr) -> tuple[Any, Expr, Expr, Expr]:
    step = Integer(1) if part.step is None else _whole(tensor, part.step)
    if not step.is_Integer or step == 0:
        raise ShapeError(f"{tensor}: the step of a slice must be an integer other than 0, found {step}")
    given = [_whole(tensor, bound) for bound in (part.start, part.stop) if bound is not None]
    if size.is_Integer and all(bound.is_Integer for bound in given):  # as Python's lists: bounds are cut at the ends
        places = range(int(size))[int_slice(part)]
        return fresh_index(), Integer(places.start), step, Integer(len(places))
    forward = step.is_positive

    def bound(value: Any, default: Expr) -> Expr:
        if value is None:
            return default
        found = _position(tensor, value, size)
        return sympy.Min(found, size) if found.is_Integer and size.is_Integer else found

    start = bound(part.start, Integer(0) if forward else size - 1)
    stop = bound(part.stop, size if forward else Integer(-1))
    span = stop - start if forward else start - stop
    length = span if abs(step) == 1 else sympy.floor((span + abs(step) - 1) / abs(step))
    if (size - (stop if forward else start + 1)).is_negative or start.is_negative:
        raise ShapeError(f"{tensor}: slice {start}:{stop} leaves the axis of size {size}")
    if length.is_negative:
        length = Integer(0)
    return fresh_index(), start, step, length


def int_slice(part: slice) -> slice:
    """Return a slice with Python integers for SymPy's."""
    return slice(*(None if bound is None else int(bound) for bound in (part.start, part.stop, part.step)))
