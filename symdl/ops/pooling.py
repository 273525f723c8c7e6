"""Pooling: the largest entry, or the mean, of each window. Book §6.4."""

from typing import Any

import sympy
from sympy import Expr, Integer

from symdl.errors import ShapeError
from symdl.expr.nodes import Array, Reduce, Tensor, axes_of
from symdl.ops.masked import MASKED
from symdl.ops.windows import Window, integers, output_size, padded, span, tensor_of


def _pool(x: Any, size: Window, stride: Window | None, padding: Window, what: str, outside: Expr) -> tuple[Any, ...]:
    value = tensor_of(x, f"{what}: x", 3)
    windows = integers(size, 2, f"{what}: size", 1)
    steps = windows if stride is None else integers(stride, 2, f"{what}: stride", 1)
    pads = integers(padding, 2, f"{what}: padding", 0)
    if any(pad >= window for pad, window in zip(pads, windows, strict=True)):
        raise ShapeError(f"{what}: padding {pads} must be smaller than the window {windows}")
    sizes = [
        output_size(extent, Integer(window), step, pad, 1)
        for extent, window, step, pad in zip(value.shape[1:], windows, steps, pads, strict=True)
    ]
    outer, inner = axes_of((value.shape[0], *sizes)), axes_of([Integer(window) for window in windows])
    places = [
        span(position, offset, step, pad)
        for (position, _), (offset, _), step, pad in zip(outer[1:], inner, steps, pads, strict=True)
    ]
    return padded(value, [outer[0][0]], places, pads, outside), outer, inner


def max_pool(x: Any, size: Window, stride: Window | None = None, padding: Window = 0) -> Tensor:
    """Largest entry of each window, the padding never being chosen; catalogue 6.4-maxpool.

    Args:
        x: One sample, shape (c, h, w).
        size: Height and width of a window, or one integer for both.
        stride: Steps; by default the size, so that windows do not overlap.
        padding: Rows and columns added on each side, fewer than the window has.

    Returns:
        Shape (c, h', w'). At ties the derivative goes to the first entry of the window.
    """
    body, outer, inner = _pool(x, size, stride, padding, "max_pool", MASKED)
    return Array(Reduce("max", body, *inner), *outer)


def avg_pool(x: Any, size: Window, stride: Window | None = None, padding: Window = 0) -> Tensor:
    """Mean of each window, zeros of the padding included; arguments as for ``max_pool``; catalogue 6.4-avgpool."""
    body, outer, inner = _pool(x, size, stride, padding, "avg_pool", sympy.S.Zero)
    return Array(Reduce("add", body / sympy.Mul(*(extent for _, extent in inner)), *inner), *outer)
