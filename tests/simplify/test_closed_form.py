"""Linear recurrences solved: the value is that of the loop, and other steps are refused."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DerivationError
from symdl.interpret import evaluate

T, k = sd.dims("T k")
inputs, old, fixed = sd.tensor("u", (T, k)), sd.vector("h0", k), sd.vector("g", k)
beta, W = sd.scalar("beta"), sd.matrix("W", k, k)
STEPS = {
    "inputs": (lambda t, h: beta * h + (1 - beta) * inputs[t], r"\beta^{T} h_{0}"),
    "squares": (lambda t, h: beta * h + (1 - beta) * sd.square(inputs[t]), r"\beta^{T} h_{0}"),
    "constant": (lambda t, h: beta * h + (1 - beta) * fixed, r"\beta^{T} h_{0} + \left(1 - \beta^{T}\right) g"),
    "constant without the factor": (lambda t, h: beta * h + fixed, r"\beta^{T} h_{0}"),
    "products": (lambda t, h: beta * h + W @ (sd.sin(inputs[t]) + W @ inputs[t]), r"\beta^{T} h_{0}"),
    "sums": (lambda t, h: h + inputs[t], r"h_{0}"),
    "time itself": (lambda t, h: t * fixed - beta**2 * h, r"h_{0}"),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_value_is_that_of_the_loop(step, reverse):
    h = sd.recurrence(STEPS[step][0], old, T, reverse=reverse)
    found = sd.closed_form(h)
    assert found.shape == (k,)
    assert STEPS[step][1] in sd.latex(found)
    rng = np.random.default_rng(0)
    arrays = {"u": rng.standard_normal((5, 3)), "h0": rng.standard_normal(3), "g": rng.standard_normal(3), "beta": 0.7}
    arrays["W"] = rng.standard_normal((3, 3))
    last = evaluate(h[0 if reverse else -1], arrays, {"T": 5, "k": 3})
    np.testing.assert_allclose(evaluate(found, arrays, {"T": 5, "k": 3}), last, rtol=1e-12)


@pytest.mark.parametrize(
    "step",
    [
        lambda t, h: sd.tanh(h),
        lambda t, h: sd.hadamard(inputs[t], h),
        lambda t, h: sd.ones(k) * sd.sum(h),
        lambda t, h: sd.flip(h, 0) + fixed,
    ],
)
def test_other_steps_are_refused(step):
    with pytest.raises(DerivationError, match="the step is not a·h \\+ f"):
        sd.closed_form(sd.recurrence(step, old, T))


def test_only_recurrences():
    with pytest.raises(DerivationError, match="expected a recurrence"):
        sd.closed_form(fixed)
