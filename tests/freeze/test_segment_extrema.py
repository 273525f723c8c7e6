"""Largest entries of segments: one pass over the entries, for values, gradients and products with the Hessian."""

import numpy as np
import pytest

import symdl as sd
from symdl.freeze import freeze
from symdl.interpret import evaluate
from symdl_codegen import build
from tests.codegen.programs import Builder, ap, axes, ld

E, V, d = sd.dims("E V d")
x, u, s = sd.matrix("x", E, d), sd.matrix("u", E, d), sd.vector("s", E, integer=True)
largest = sd.segment_max(x, s, V)
loss = sd.sum(sd.sin(largest) + sd.square(largest))
VALUES = [largest, sd.grad(loss, x), sd.hvp(loss, x, u)]


def test_no_kernel_runs_over_entries_and_segments():
    program = freeze({f"out{k}": value for k, value in enumerate(VALUES)})
    assert [equation.reduction for equation in program.equations if equation.at] == [None, "max", "min", None]
    for equation in program.equations:
        extents = {str(axis.extent) for axis in (*equation.axes, *equation.reduced)}
        assert not any("'E'" in extent for extent in extents) or not any("'V'" in extent for extent in extents)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_ties_and_segments_without_entries(target, dtype):
    """The derivative goes to the first of equal entries; a segment without entries is 0 and has none."""
    rng = np.random.default_rng(2)
    segments = rng.integers(0, 5, 40)
    segments[segments == 3] = 1
    arrays = {"x": rng.integers(-2, 2, (40, 3)).astype(float), "u": rng.normal(size=(40, 3)), "s": segments}
    expected = [np.zeros((5, 3)), np.zeros((40, 3)), np.zeros((40, 3))]
    for segment in (0, 1, 2, 4):
        [rows] = np.nonzero(segments == segment)
        for column in range(3):
            first = rows[np.argmax(arrays["x"][rows, column])]
            top = arrays["x"][first, column]
            expected[0][segment, column] = top
            expected[1][first, column] = np.cos(top) + 2 * top
            expected[2][first, column] = (2 - np.sin(top)) * arrays["u"][first, column]
    found = sd.compile(VALUES, target=target, dtype=dtype)(arrays, V=5)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    for result, wanted, value in zip(found, expected, VALUES, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(evaluate(value, arrays, {V: 5}), wanted, rtol=1e-12, atol=1e-12)


def test_not_a_number_stays():
    found = sd.compile(largest, target="numpy")(
        {"x": np.array([[np.nan], [1.0], [2.0]]), "s": np.array([0, 0, 1])}, V=2
    )
    np.testing.assert_array_equal(found, [[np.nan], [2.0]])


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_scatters_that_keep_the_largest_or_smallest(target):
    b = Builder("kept", n=None, m=None)
    b.input("x", "n")
    b.input("e", "m")
    b.input("w", "n", kind="int")
    for op in ("max", "min"):
        b.eq(op, axes(i="n"), ap("mul", 2.0, ld("x", "i")), op, at=(ld("w", "i"),), extents=b.tensors["e"].shape)
    found = build(b.program("max", "min"), target)({"x": [1.0, 3.0, -2.0, 5.0], "w": [1, 1, 0, 1], "e": np.zeros(3)})
    np.testing.assert_array_equal(found["max"], [-4, 10, -np.inf])
    np.testing.assert_array_equal(found["min"], [-4, 2, np.inf])
