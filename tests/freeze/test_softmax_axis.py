"""What is made of exponentials over their sum is a softmax along an axis only if all of the axis have the same sum."""

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.structures.checks import compiled

n = sd.dims("n")
x, X = sd.vector("x", n), sd.matrix("X", n, n)
w, t = sd.vector("w", n, integer=True), sd.vector("t", n)
by_segment = sd.segment_softmax(x, w, 2)
of_rows = sd.divide(sd.diag(sd.exp(X)), sd.sum(sd.exp(X), axis=1))  # each sample against all others
VALUES = {
    "segments": by_segment + sd.sin(by_segment),
    "segments less targets": by_segment - t,
    "diagonal less targets": of_rows - t,
    "gradient with segments": sd.grad(t @ sd.tanh(by_segment), x),
    "gradient of a contrast": sd.grad(-sd.mean(sd.log(of_rows)) + t @ of_rows, X),
    "product with a Hessian": sd.hvp(t @ sd.square(by_segment), x, t),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_sums_that_differ_along_the_axis(name, target):
    rng = np.random.default_rng(4)
    arrays = {"x": rng.normal(size=5), "X": rng.normal(size=(5, 5)) + 4 * np.eye(5), "t": rng.random(5)}
    arrays["w"] = np.array([0, 1, 1, 0, 1])
    arrays["x"][3] += 4  # nearly all of its segment
    value = VALUES[name]
    np.testing.assert_allclose(
        compiled(value, arrays, target=target), evaluate(value, arrays), rtol=1e-12, atol=1e-14, err_msg=name
    )
