"""Convolutions, each as one equation; their gradients follow from the transposed index maps. Book chapter 6."""

from typing import Any

import sympy
from sympy import And, Integer

from symdl.errors import ShapeError
from symdl.expr.nodes import Array, Element, Reduce, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import same_size, shape_text
from symdl.ops.windows import Window, integers, output_size, padded, span, tensor_of


def _convolution(
    x: Any, kernel: Any, stride: Window, padding: Window, dilation: Window, groups: int, flip: bool, spatial: int
) -> Tensor:
    what = f"conv{spatial}d"
    value, weights = tensor_of(x, f"{what}: x", spatial + 1), tensor_of(kernel, f"{what}: K", spatial + 2)
    steps, pads = integers(stride, spatial, f"{what}: stride", 1), integers(padding, spatial, f"{what}: padding", 0)
    gaps = integers(dilation, spatial, f"{what}: dilation", 1)
    _check_groups(value, weights, groups, what)
    filters, depth, *windows = weights.shape
    sizes = [
        output_size(size, window, step, pad, gap)
        for size, window, step, pad, gap in zip(value.shape[1:], windows, steps, pads, gaps, strict=True)
    ]
    outer, inner = axes_of((filters, *sizes)), axes_of((depth, *windows))
    (output, _), *positions = outer
    (channel, _), *offsets = inner
    places = [
        span(position, offset, step, pad, gap)
        for (position, _), (offset, _), step, pad, gap in zip(positions, offsets, steps, pads, gaps, strict=True)
    ]
    source: Any = channel if groups == 1 else depth * sympy.floor(output / (filters / groups)) + channel
    taps: list[Any] = [size - 1 - offset if flip else offset for offset, size in offsets]
    body = Element(weights, output, channel, *taps) * padded(value, [source], places, pads)
    return Array(Reduce("add", body, *inner), *outer)


def _check_groups(x: Tensor, weights: Tensor, groups: int, what: str) -> None:
    filters, depth = weights.shape[:2]
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise ShapeError(f"{what}: groups: expected a positive integer, found {groups!r}")
    if not same_size(depth * groups, x.shape[0]):
        raise ShapeError(
            f"{what}: x has {x.shape[0]} channels, K takes {depth} for each of {groups} groups; "
            f"shapes {shape_text(x.shape)} and {shape_text(weights.shape)}"
        )
    if groups > 1 and (filters / groups).is_integer is not True:
        raise ShapeError(f"{what}: {filters} filters do not provably divide into {groups} groups")


def conv1d(
    x: Any,
    K: Any,
    stride: Window = 1,
    padding: Window = 0,
    dilation: Window = 1,
    groups: int = 1,
    flip: bool = False,
) -> Tensor:
    """Convolution along one axis: x (c, n), K (o, c/groups, k), result (o, n'). See ``conv2d``; 6.2-conv1d."""
    return _convolution(x, K, stride, padding, dilation, groups, flip, 1)


def conv2d(
    x: Any,
    K: Any,
    stride: Window = 1,
    padding: Window = 0,
    dilation: Window = 1,
    groups: int = 1,
    flip: bool = False,
) -> Tensor:
    """Convolution over two axes, catalogue 6.2-conv.

    Args:
        x: One sample, shape (c, h, w).
        K: Kernels, shape (o, c/groups, k, l).
        stride: Steps s, one or two integers.
        padding: Zeros p on each side.
        dilation: Distance d of the taps.
        groups: Channel groups that do not mix; ``groups=c`` is depthwise.
        flip: False is cross-correlation, as libraries compute it; True rotates the kernel by 180°: book figure 6.3.

    Returns:
        ``y[o,u,v] = Σ_{c,k,l} K[o,c,k,l]·x[c, s·u + d·k - p, s·v + d·l - p]``, zero outside x.

    Raises:
        ShapeError: if channels or sizes do not fit.
    """
    return _convolution(x, K, stride, padding, dilation, groups, flip, 2)


def conv3d(
    x: Any,
    K: Any,
    stride: Window = 1,
    padding: Window = 0,
    dilation: Window = 1,
    groups: int = 1,
    flip: bool = False,
) -> Tensor:
    """Convolution over three axes: x (c, d, h, w), K (o, c/groups, j, k, l). See ``conv2d``; catalogue 6.3-conv3d."""
    return _convolution(x, K, stride, padding, dilation, groups, flip, 3)


def conv_transpose2d(
    x: Any,
    K: Any,
    stride: Window = 1,
    padding: Window = 0,
    output_padding: Window = 0,
) -> Tensor:
    """Transposed convolution, the adjoint of ``conv2d`` with the same stride and padding; catalogue 6.3-transposed.

    Args:
        x: One sample, shape (c, h, w).
        K: Kernels, shape (c, o, k, l): as for the ``conv2d`` from o to c channels.
        stride: Steps s: the distance of the entries of x in the result.
        padding: Entries p that are cut off on each side.
        output_padding: Entries added at the end, fewer than the stride: which of the sizes that ``conv2d`` maps to h.

    Returns:
        ``y[o,a,b] = Σ K[c,o,k,l]·x[c,u,v]`` over all u, v, k, l with ``s·u + k - p = a`` and ``s·v + l - p = b``; the
        sizes are ``(h - 1)·s - 2p + k`` plus the output padding.

    Raises:
        ShapeError: if channels or sizes do not fit.
    """
    what = "conv_transpose2d"
    value, weights = tensor_of(x, f"{what}: x", 3), tensor_of(K, f"{what}: K", 4)
    steps, pads = integers(stride, 2, f"{what}: stride", 1), integers(padding, 2, f"{what}: padding", 0)
    extra = integers(output_padding, 2, f"{what}: output_padding", 0)
    if not same_size(weights.shape[0], value.shape[0]):
        raise ShapeError(f"{what}: x has {value.shape[0]} channels, K takes {weights.shape[0]}")
    if any(more >= step for more, step in zip(extra, steps, strict=True)):
        raise ShapeError(f"{what}: output_padding {extra} must be smaller than the stride {steps}")
    sizes = [
        (size - 1) * step - 2 * pad + window + more
        for size, step, pad, window, more in zip(value.shape[1:], steps, pads, weights.shape[2:], extra, strict=True)
    ]
    outer, inner = axes_of((weights.shape[1], *sizes)), axes_of((weights.shape[0], *weights.shape[2:]))
    (output, _), *positions = outer
    (channel, _), *taps = inner
    guards, places = [], []
    for (position, _), (tap, _), step, pad, size in zip(positions, taps, steps, pads, value.shape[1:], strict=True):
        shifted = position + pad - tap
        place = shifted if step == 1 else sympy.floor(shifted / step)
        guards += [sympy.Ge(shifted, 0), sympy.Lt(place, size)]
        if step > 1:
            guards.append(sympy.Eq(sympy.Mod(shifted, step), 0))
        places.append(place)
    load = SCALAR_OPS["where"](And(*guards), Element(value, channel, *places), Integer(0))
    return Array(Reduce("add", Element(weights, channel, output, *(tap for tap, _ in taps)) * load, *inner), *outer)
