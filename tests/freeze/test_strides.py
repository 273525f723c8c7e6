"""Sums over strided windows: gradients of strided convolutions are products without gaps, with the same values."""

import numpy as np
import pytest

import symdl as sd
from symdl.freeze import freeze
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, inputs


def by_image(y, x):
    return sd.grad(sd.sum(sd.hadamard(sd.tensor("delta", y.shape), y)), x)


def targets(value):
    return [equation.target for equation in freeze({"out": value}).equations]


def compared(value):
    """Compile ``value`` and compare it with the interpreter of the equations as they were derived."""
    arrays = inputs(value)
    expected = evaluate(value, arrays)
    np.testing.assert_allclose(sd.compile(value, dtype="float64")(arrays), expected, rtol=1e-11, atol=1e-12)
    return any("strided" in target for target in targets(value))


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding"),
    [
        ((17, 13), (5, 4), 2, 0),
        ((9, 18), (3, 7), (1, 2), 3),
        ((17, 22), (4, 6), 3, 2),
        ((8, 24), (2, 6), (2, 3), 0),
        ((22, 13), (4, 5), (4, 2), 1),
        ((29, 29), (5, 5), 4, 1),
        ((15, 21), (5, 6), (2, 3), (1, 4)),
    ],
)
def test_gradients_by_the_image(size, window, stride, padding):
    x, K = sd.tensor("x", (2, *size)), sd.tensor("K", (3, 2, *window))
    steps = (stride, stride) if isinstance(stride, int) else stride
    terms = [-(-w // s) * s / w for w, s in zip(window, steps, strict=True) if s > 1]
    assert compared(by_image(sd.conv2d(x, K, stride=stride, padding=padding), x)) == (np.prod(terms) <= 1.5)


def test_one_axis_and_kernels_turned_round():
    x, K = sd.matrix("x", 2, 16), sd.tensor("K", (3, 2, 5))
    assert compared(by_image(sd.conv1d(x, K, stride=2, padding=1, flip=True), x))
    assert compared(by_image(sd.conv1d(x, K, stride=2, padding=1), x))


def test_what_needs_no_remainders_is_left_alone():
    x, K = sd.tensor("x", (2, 14, 14)), sd.tensor("K", (3, 2, 4, 4))
    h = sd.dims("h")
    assert not compared(by_image(sd.conv2d(x, K, padding=1), x)), "no stride"
    assert not compared(by_image(sd.conv2d(x, K, stride=4), x)), "no overlap"
    assert not compared(by_image(sd.conv2d(x, K, stride=2, dilation=2), x)), "gaps between the offsets"
    small = sd.tensor("K", (3, 2, 3, 3))
    assert not compared(by_image(sd.conv2d(x, small, stride=2), x)), "as many terms that are zero as not"
    unknown = sd.tensor("x", (2, h, h))
    assert not any("strided" in name for name in targets(by_image(sd.conv2d(unknown, K, stride=2), unknown)))


def test_second_derivatives_and_finite_differences():
    x, K = sd.tensor("x", (1, 12, 14)), sd.tensor("K", (2, 1, 4, 4))
    y = sd.conv2d(x, K, stride=2, padding=1)
    check_gradient(sd.sum(sd.tanh(y)), x)
    gradient = by_image(sd.tanh(y), x)
    assert compared(sd.grad(sd.sum(sd.hadamard(gradient, gradient)), K)) in (True, False)
