"""Random structures with quasi-affine index maps: convolution, pooling, windows, slices, padding, reshaping."""

from typing import Any

import numpy as np
import sympy
from hypothesis import strategies as st

from symdl.expr.nodes import Element
from symdl.ops import convolution, pooling, rearrange, structure
from symdl.testing.model import Part, Pool
from symdl.testing.operands import applied, largest, new, operand


def correlated(x: Any, K: Any, stride: int, padding: int, dilation: int, groups: int, flip: bool) -> Any:
    """Return a convolution by loops over the places of the result, for any number of axes."""
    spatial = K.ndim - 2
    padded = np.pad(x, [(0, 0), *[(padding, padding)] * spatial])
    spans = [dilation * (k - 1) + 1 for k in K.shape[2:]]
    sizes = [(n - span) // stride + 1 for n, span in zip(padded.shape[1:], spans, strict=True)]
    kernel = np.flip(K, tuple(range(2, K.ndim))) if flip else K
    found = np.zeros((K.shape[0], *sizes), dtype=np.result_type(x, K))
    each = K.shape[0] // groups
    for place in np.ndindex(*sizes):
        starts = [stride * u for u in place]
        window = padded[(slice(None), *(slice(a, a + b, dilation) for a, b in zip(starts, spans, strict=True)))]
        for o in range(K.shape[0]):
            first = (o // each) * K.shape[1]
            found[(o, *place)] = np.sum(kernel[o] * window[first : first + K.shape[1]])
    return found


def convolved(pool: Pool, spatial: int) -> Part:
    """Convolve along ``spatial`` axes, with stride, padding, dilation, groups, or a kernel that is turned."""
    groups = pool.draw(st.sampled_from([1, 1, 2]))
    stride, dilation = pool.draw(st.integers(1, 2)), pool.draw(st.integers(1, 2))
    padding, flip = pool.draw(st.integers(0, 1)), pool.draw(st.booleans())
    taps = [pool.draw(st.integers(1, 2)) for _ in range(spatial)]
    depth = 1 if spatial > 1 else pool.draw(st.integers(1, 2))
    least = [dilation * (k - 1) + 1 for k in taps]
    x = operand(pool, groups * depth, *least, spread=0 if spatial > 1 else 2)
    channels = int(np.shape(x.value)[0])
    if channels % groups or not x.expr.shape[0].is_Integer:
        x = new(pool, groups * depth, *(n + 1 for n in least))
        channels = groups * depth
    K = new(pool, groups * pool.draw(st.integers(1, 3 - groups)), channels // groups, *taps)
    function = {1: convolution.conv1d, 2: convolution.conv2d, 3: convolution.conv3d}[spatial]
    value = function(x.expr, K.expr, stride, padding, dilation, groups, flip)
    return applied(pool, value, lambda u, k: correlated(u, k, stride, padding, dilation, groups, flip), x, K)


def conv1d(pool: Pool) -> Part:
    """Convolve along one axis."""
    return convolved(pool, 1)


def conv2d(pool: Pool) -> Part:
    """Convolve over two axes."""
    return convolved(pool, 2)


def conv3d(pool: Pool) -> Part:
    """Convolve over three axes."""
    return convolved(pool, 3)


def conv_transpose2d(pool: Pool) -> Part:
    """Convolve in reverse, with stride, padding and output padding."""
    stride = pool.draw(st.integers(1, 3))
    padding, extra = pool.draw(st.integers(0, 1)), pool.draw(st.integers(0, stride - 1))
    x = operand(pool, 1, 2, 2, spread=1)
    K = new(pool, x.expr.shape[0], pool.draw(st.integers(1, 2)), *(pool.draw(st.integers(1, 3)) for _ in range(2)))
    sizes = [
        (n - 1) * stride - 2 * padding + k + extra for n, k in zip(x.value.shape[1:], K.value.shape[2:], strict=True)
    ]
    if min(sizes) < 1:
        padding = 0

    def numeric(u: Any, k: Any) -> Any:
        h, w = ((n - 1) * stride + taps + extra for n, taps in zip(u.shape[1:], k.shape[2:], strict=True))
        found = np.zeros((k.shape[1], h, w), dtype=np.result_type(u, k))
        for a, b in np.ndindex(*u.shape[1:]):
            rows = slice(a * stride, a * stride + k.shape[2])
            columns = slice(b * stride, b * stride + k.shape[3])
            found[:, rows, columns] += np.einsum("c,cokl->okl", u[:, a, b], k)
        return found[:, padding : h - padding, padding : w - padding]

    return applied(pool, convolution.conv_transpose2d(x.expr, K.expr, stride, padding, extra), numeric, x, K)


def pooled(pool: Pool, kind: str) -> Part:
    """Take the largest entry or the mean of windows that may overlap or leave gaps."""
    size, stride = pool.draw(st.integers(2, 3)), pool.draw(st.integers(1, 3))
    padding = pool.draw(st.integers(0, size // 2))
    x = operand(pool, 1, size, size, spread=1)

    def numeric(u: Any) -> Any:
        outside = -np.inf if kind == "max" else 0.0
        around = np.pad(u, [(0, 0), *[(padding, padding)] * 2], constant_values=outside)
        h, w = ((n - size) // stride + 1 for n in around.shape[1:])
        found = np.zeros((u.shape[0], h, w), dtype=u.dtype)
        for a, b in np.ndindex(h, w):
            part = around[:, a * stride : a * stride + size, b * stride : b * stride + size].reshape(u.shape[0], -1)
            found[:, a, b] = largest(part, 1) if kind == "max" else part.mean(axis=1)
        return found

    function = pooling.max_pool if kind == "max" else pooling.avg_pool
    return applied(pool, function(x.expr, size, stride, padding), numeric, x, analytic=kind != "max")


def max_pool(pool: Pool) -> Part:
    """Take the largest entry of each window."""
    return pooled(pool, "max")


def avg_pool(pool: Pool) -> Part:
    """Take the mean of each window."""
    return pooled(pool, "avg")


def sliced(pool: Pool) -> Part:
    """Take every second or third entry along two axes, from some place on, forward or backward."""
    x = operand(pool, 2, 2)
    keys = []
    for size in x.value.shape:
        step = pool.draw(st.sampled_from([1, 2, 3, -1]))
        first = pool.draw(st.integers(0, size - 1)) if step > 0 else None
        keys.append(slice(first, None, step))
    key = tuple(keys)
    return applied(pool, x.expr[key], lambda u: u[key], x)


def padded(pool: Pool) -> Part:
    """Surround a matrix with zeros, differently on each side."""
    x = operand(pool, 1, 2)
    widths = [(pool.draw(st.integers(0, 2)), pool.draw(st.integers(0, 2))) for _ in range(2)]
    return applied(pool, rearrange.pad(x.expr, widths), lambda u: np.pad(u, widths), x)


def flipped(pool: Pool) -> Part:
    """Reverse a matrix along an axis."""
    x, axis = operand(pool, 2, 2), pool.draw(st.integers(0, 1))
    return applied(pool, rearrange.flip(x.expr, axis), lambda u: np.flip(u, axis), x)


def reshaped(pool: Pool) -> Part:
    """Divide an axis into two, join two axes, or go through another shape with as many entries."""
    a, b, c = (pool.draw(st.integers(1, 3)) for _ in range(3))
    first, second = pool.draw(
        st.sampled_from([((a * b, c), (a, b, c)), ((a, b * c), (a * b, c)), ((a * b, c), (a, b * c))])
    )
    x = operand(pool, *first, exactly=True)
    return applied(pool, rearrange.reshape(x.expr, second), lambda u: np.reshape(u, second), x)


def joined(pool: Pool) -> Part:
    """Concatenate along an axis, or stack along a new one, after an operation on one of the parts."""
    x, y = operand(pool, 2, 3, exactly=True), operand(pool, 2, 3, exactly=True)
    axis = pool.draw(st.integers(0, 1))
    if pool.draw(st.booleans()):
        value = structure.concat([x.expr, y.expr, x.expr], axis)
        return applied(pool, value, lambda u, v: np.concatenate([u, v, u], axis), x, y)
    value = structure.stack([x.expr, y.expr, x.expr], axis + 1)
    return applied(pool, value, lambda u, v: np.stack([u, v, u], axis + 1), x, y)


def windowed(pool: Pool) -> Part:
    """Lay out windows as rows: in index notation ``y[u, k] = x[s·u + d·k]``."""
    stride, dilation, taps = (pool.draw(st.integers(1, 2)) for _ in range(3))
    x = operand(pool, dilation * (taps - 1) + 2, spread=2)
    last = [size - dilation * (taps - 1) - 1 for size in (x.expr.shape[0], x.value.shape[0])]  # where a window begins
    u, k = sympy.symbols("u k", integer=True)
    value = structure.array(
        Element(x.expr, stride * u + dilation * k), (u, sympy.floor(last[0] / sympy.Integer(stride)) + 1), (k, taps)
    )
    places = stride * np.arange(last[1] // stride + 1)[:, None] + dilation * np.arange(taps)
    return applied(pool, value, lambda array: array[places], x)
