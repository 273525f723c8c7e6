"""Pooling: values against loops, ties, padding, windows that overlap or leave a rest."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ShapeError
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, check_value, inputs

CASES = [(2, None, 0), (2, None, 1), (3, 2, 1), (3, 1, 0), ((2, 3), (1, 2), (0, 1)), (1, 2, 0)]


def by_loops(x, size, stride, padding, reduce, outside):
    size, padding = ((value,) * 2 if isinstance(value, int) else value for value in (size, padding))
    stride = size if stride is None else (stride,) * 2 if isinstance(stride, int) else stride
    x = np.pad(x, [(0, 0), *((p, p) for p in padding)], constant_values=outside)
    sizes = [(m - k) // s + 1 for m, k, s in zip(x.shape[1:], size, stride, strict=True)]
    found = np.zeros((x.shape[0], *sizes))
    for u, v in np.ndindex(*sizes):
        window = x[:, u * stride[0] : u * stride[0] + size[0], v * stride[1] : v * stride[1] + size[1]]
        found[:, u, v] = reduce(window, axis=(1, 2))
    return found


@pytest.mark.parametrize(("size", "stride", "padding"), CASES, ids=str)
@pytest.mark.parametrize("shape", [(2, 6, 8), (3, 7, 5)], ids=str)
def test_pools(size, stride, padding, shape):
    x = sd.tensor("x", shape)
    for pool, reduce, outside in ((sd.max_pool, np.max, -np.inf), (sd.avg_pool, np.mean, 0.0)):
        y = pool(x, size, stride, padding)
        arrays = inputs(y)
        check_value(y, by_loops(arrays["x"], size, stride, padding, reduce, outside), arrays)
        check_gradient(sd.sum(sd.sin(y)), x, arrays=arrays)


def test_symbolic_sizes():
    c, h, w = sd.dims("c h w")
    x = sd.tensor("x", (c, h, w))
    for sizes in ({c: 2, h: 6, w: 4}, {c: 1, h: 5, w: 7}):
        f = sd.sum(sd.sin(sd.max_pool(x, 2))) + sd.sum(sd.exp(sd.avg_pool(x, 2)))
        check_gradient(f, x, sizes=sizes)


def test_ties_go_to_the_first_entry():
    x = sd.tensor("x", (1, 2, 2))
    gradient = sd.grad(sd.sum(sd.max_pool(x, 2)), x)
    assert evaluate(gradient, {"x": np.ones((1, 2, 2))}).tolist() == [[[1, 0], [0, 0]]]


def test_padding_is_never_the_largest():
    x = sd.tensor("x", (1, 2, 2))
    arrays = {"x": -5 * np.ones((1, 2, 2))}
    check_value(sd.max_pool(x, 2, 2, 1), -5 * np.ones((1, 2, 2)), arrays)


def test_windows_that_do_not_overlap_need_no_sum():
    x, d = sd.tensor("x", (2, 6, 6)), sd.tensor("delta", (2, 3, 3))
    gradient = sd.grad(sd.sum(sd.hadamard(d, sd.avg_pool(x, 2))), x)
    assert str(gradient) == "{delta[i0, floor(i1/2), floor(i2/2)]/4 : i0<2, i1<6, i2<6}"


def test_global_pooling():
    x = sd.tensor("x", (3, 4, 5))
    arrays = inputs(x)
    check_value(sd.avg_pool(x, (4, 5)), arrays["x"].mean((1, 2), keepdims=True), arrays)


def test_errors():
    x = sd.tensor("x", (1, 3, 3))
    with pytest.raises(ShapeError, match="padding \\(2, 2\\) must be smaller than the window \\(2, 2\\)"):
        sd.max_pool(x, 2, padding=2)
    with pytest.raises(ShapeError, match="a window of 4"):
        sd.avg_pool(x, 4)
