"""Rules on sums, deltas and names must respect where indices run: parts of axes are not whole axes."""

import numpy as np
import pytest

import symdl as sd
from symdl.expr.ingest import ingest
from symdl.interpret import evaluate
from symdl.simplify import simplify
from tests.property.oracle import assert_gradient, inputs

SIZES = {"n": 5, "p": 3, "m": 2}
n, p, m = sd.dims("n p m")
x, y, w = sd.vector("x", n), sd.vector("y", n), sd.vector("w", p)
X, Y = sd.matrix("X", n, p), sd.matrix("Y", m, p)
s = sd.vector("s", n, simplex=True)
S = sd.matrix("S", m, n, simplex=True)

CASES = {
    "log-sum-exp of a part": (sd.logsumexp(x[:3]), x),
    "log-sum-exp of a part and of all": (sd.logsumexp(x[:3]) * sd.logsumexp(x), x),
    "log-sum-exp of rows of a part": (sd.sum(sd.logsumexp(X[:2, 1:], axis=1)), X),
    "quotient by a partial sum": (sd.sum(sd.divide(sd.exp(x), sd.broadcast(sd.sum(sd.exp(x[:3])), (n,)))), x),
    "partial sum of a simplex": (sd.sum(s[:3]) * sd.sum(sd.exp(x)), x),
    "partial sums of simplex rows": (sd.sum(sd.exp(sd.sum(S[:, 1:], axis=1))) * sd.sum(x), x),
    "selection of rows of the identity": (sd.sum(sd.exp(sd.eye(n)[:3, :] @ x)), x),
    "selection, transposed": (sd.sum(sd.hadamard(sd.eye(n)[:3, :].T @ x[:3], y)), y),
    "selection of both": (x.T @ sd.eye(n)[:, :p] @ sd.exp(w), x),
    "part of a diagonal": (sd.sum(sd.exp(sd.diag(x)[:2, :]) @ y), x),
    "named part": (sd.sum(sd.named("z", sd.tanh(x[:2]))) * sd.sum(sd.hadamard(sd.tanh(x), y)), x),
    "named transpose of a softmax": (
        sd.sum(sd.exp(sd.named("a", sd.softmax(X, axis=1).T))) * sd.trace(sd.softmax(X, axis=1).T @ X), X),
    "named part of a softmax": (
        sd.sum(sd.exp(sd.named("a", sd.softmax(X, axis=1)[:2]))) * sd.sum(sd.hadamard(sd.softmax(X, axis=1), X)), X),
    "softmax plus a shorter matrix": (sd.sum(sd.square(sd.softmax(X[:m] + Y, axis=1))), X),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_gradient(name):
    f, variable = CASES[name]
    assert_gradient(f, variable, sizes=SIZES)


@pytest.mark.parametrize("name", CASES)
def test_value(name):
    f, _ = CASES[name]
    arrays = inputs(f, sizes=SIZES)
    simple = simplify([ingest(f)]).values[0]
    np.testing.assert_allclose(evaluate(simple, arrays, SIZES), evaluate(f, arrays, SIZES), rtol=1e-12)


def test_delta_between_axes_of_different_length_keeps_a_condition():
    selected = simplify([sd.eye(n)[:3, :].T @ x[:3]]).values[0]
    assert selected.shape == (n,)
    values = {"x": np.arange(1.0, 6.0)}
    np.testing.assert_array_equal(evaluate(selected, values, SIZES), [1, 2, 3, 0, 0])


def test_whole_simplex_still_sums_to_one():
    assert simplify([sd.sum(s)]).values[0] == 1
    assert simplify([sd.sum(S)]).values[0] == m
