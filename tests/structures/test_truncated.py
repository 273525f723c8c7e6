"""Truncated backpropagation through time: what is carried into a stretch of k times is a constant there."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExpressionError
from symdl.interpret import evaluate
from symdl.models.recurrent import lstm

T, m, p = sd.dims("T m p")
x, h0 = sd.matrix("x", T, p), sd.vector("h0", m)
U, W = sd.matrix("U", m, p), sd.matrix("W", m, m)
TIMES = 7


def recurrence(truncate, reverse=False):
    return sd.recurrence(lambda t, h: sd.tanh(U @ x[t] + W @ h), h0, T, names="h", reverse=reverse, truncate=truncate)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(size=(TIMES, 2)),
        "U": rng.normal(size=(3, 2)),
        "W": rng.normal(size=(3, 3)),
        "h0": rng.normal(size=3),
    }


def by_hand(arrays, truncate, reverse):
    """Return the gradients of Σ_t Σ_i sin h_i⟨t⟩: a loop over stretches, each with its own backward sweep."""
    order = list(range(TIMES))[::-1] if reverse else list(range(TIMES))
    found = {name: np.zeros_like(arrays[name]) for name in ("U", "W", "h0", "x")}
    state = arrays["h0"]
    for first in range(0, TIMES, truncate):
        stretch = order[first : first + truncate]
        states = [state]
        for t in stretch:
            states.append(np.tanh(arrays["U"] @ arrays["x"][t] + arrays["W"] @ states[-1]))
        carried = np.zeros(3)
        for number, t in reversed(list(enumerate(stretch))):
            delta = (1 - states[number + 1] ** 2) * (np.cos(states[number + 1]) + carried)
            found["U"] += np.outer(delta, arrays["x"][t])
            found["W"] += np.outer(delta, states[number])
            found["x"][t] = arrays["U"].T @ delta
            carried = arrays["W"].T @ delta
        if first == 0:
            found["h0"] = carried
        state = states[-1]
    return found


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("truncate", [1, 3, 7, 9])
def test_gradients_are_those_of_a_loop_over_stretches(arrays, truncate, reverse):
    h = recurrence(truncate, reverse)
    np.testing.assert_allclose(evaluate(h, arrays), evaluate(recurrence(None, reverse), arrays), rtol=1e-15)
    expected = by_hand(arrays, truncate, reverse)
    cost = sd.sum(sd.sin(h))
    for variable in (U, W, h0, x):
        found = evaluate(sd.grad(cost, variable), arrays)
        np.testing.assert_allclose(found, expected[variable.name], rtol=1e-12, atol=1e-14, err_msg=variable.name)


def test_a_longer_stretch_than_there_are_times_changes_nothing(arrays):
    for variable in (U, W, h0):
        whole, truncated = (sd.grad(sd.sum(sd.sin(recurrence(each))), variable) for each in (None, TIMES))
        np.testing.assert_allclose(evaluate(truncated, arrays), evaluate(whole, arrays), rtol=1e-13)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_compiled_for_any_length(arrays, target):
    derived = sd.compile(list(sd.grad(sd.sum(sd.sin(recurrence(3))), [U, W, h0, x])), target=target, dtype="float64")
    for name, value in zip(("U", "W", "h0", "x"), derived(arrays), strict=True):
        np.testing.assert_allclose(value, by_hand(arrays, 3, False)[name], rtol=1e-12, atol=1e-14, err_msg=name)


def test_both_states_of_a_long_short_term_memory_are_cut():
    y = sd.matrix("y", TIMES, 2)
    whole, cut = (lstm(y, 3, truncate=each) for each in (None, 1))
    rng = np.random.default_rng(1)
    arrays = {part.name: rng.normal(size=[int(size) for size in part.shape]) for part in (y, *whole.parameters)}
    last = [sd.sum(layer.h[TIMES - 1]) for layer in (whole, cut)]
    gradients = [evaluate(sd.grad(cost, y), arrays) for cost in last]
    assert np.abs(gradients[0][:-1]).max() > 1e-3
    np.testing.assert_array_equal(gradients[1][:-1], 0)
    np.testing.assert_allclose(gradients[1][-1], gradients[0][-1], rtol=1e-13)


@pytest.mark.parametrize("truncate", [0, -2, 1.5, m])
def test_what_is_no_number_of_times_is_refused(truncate):
    with pytest.raises(ExpressionError, match="recurrence: truncate: expected an integer of at least 1, found"):
        recurrence(truncate)
