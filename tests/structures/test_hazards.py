"""Cases in which a wrong number could come out without a word."""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.interpret.evaluate import evaluate

n = sd.dims("n")


def test_a_root_of_an_exponential_is_no_softmax():
    x, w = sd.vector("x", n), sd.vector("w", n)
    f = w.T @ sd.power(sd.exp(x), 0.5 * 1) / sd.sum(sd.exp(x))
    half = w.T @ sd.sqrt(sd.exp(x)) / sd.sum(sd.exp(x))
    values = np.array([0.3, -1.0, 2.0])
    for loss in (f, half):
        found = evaluate(sd.grad(loss, w), {"x": values})
        np.testing.assert_allclose(found, np.exp(values / 2) / np.exp(values).sum(), rtol=1e-12)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_names_made_on_the_way_capture_no_input(target):
    x, largest = sd.vector("x", n), sd.scalar("s_max")
    s = sd.named("s", sd.sum(sd.exp(x)))
    values = np.array([0.1, 0.7])
    found = sd.compile(sd.log(s) * largest, target=target)(x=values, s_max=3.0)
    np.testing.assert_allclose(found, 3 * np.log(np.exp(values).sum()), rtol=1e-12)
    soft = sd.vector("softmax0", n)
    value = sd.sum(sd.hadamard(soft, sd.grad(sd.logsumexp(x), x)))
    found = sd.compile(value, target=target)(x=values, softmax0=[1.0, 5.0])
    np.testing.assert_allclose(found, np.array([1.0, 5.0]) @ np.exp(values) / np.exp(values).sum(), rtol=1e-12)


def test_axes_out_of_range_are_refused():
    a, b = sd.matrix("A", n, 2), sd.matrix("B", n, 3)
    with pytest.raises(ShapeError, match="concat: axis 5 is out of range for order 2"):
        sd.concat([a, b], axis=5)
    with pytest.raises(ShapeError, match="stack: axis 7 is out of range for order 3"):
        sd.stack([a, a], axis=7)
    with pytest.raises(ShapeError, match="concat: expected at least one tensor"):
        sd.concat([])


def test_a_recurrence_in_a_step_is_refused_with_a_way_out():
    T, S = sd.dims("T S")
    x, h0 = sd.tensor("x", (T, S, n)), sd.vector("h0", n)

    def outer(t, h):
        inner = sd.recurrence(lambda s, g: g + x[t, s], h0, S)
        return h + inner[0]

    with pytest.raises(ExpressionError, match="holds a recurrence that depends on its time"):
        sd.recurrence(outer, h0, T, names="h")


def test_a_users_symbol_t_is_not_the_time():
    T, t = sd.dims("T"), sd.scalar("t", nonnegative=True, integer=True)
    x, h0 = sd.matrix("x", T, n), sd.vector("h0", n)
    h = sd.recurrence(lambda time, h: h + t * x[time], h0, T)
    found = evaluate(h, {"x": np.ones((3, 2)), "h0": np.zeros(2), "t": 2})
    np.testing.assert_allclose(found, [[2, 2], [4, 4], [6, 6]])


def test_a_sum_with_hidden_deltas_comes_to_an_end():
    p, m = sd.dims("p m")
    j, k = sympy.symbols("j k", integer=True)
    x1, x2 = sympy.IndexedBase("x1", shape=(p,)), sympy.IndexedBase("x2", shape=(p, m))
    inner = sympy.KroneckerDelta(j, k) * x2[j, k] + x1[j] + x2[j, k]
    limits = (j, 0, p - 1), (k, 0, m - 1)
    f = sympy.Sum(inner * sympy.cos(inner), *limits) + sympy.Sum((x1[j] + x2[j, k]) * sympy.cos(x1[j]) * x1[j], *limits)
    assert sd.check(f, wrt=[x1], sizes={p: 2, m: 3}, second_order=False).ok
