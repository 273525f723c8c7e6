"""Steps that hand on what they were given: shift registers, delayed inputs, constants, exchanges."""

import numpy as np
import pytest

import symdl as sd
from tests.structures.checks import check_gradient, check_value

T, m = sd.dims("T m")
x, b = sd.matrix("x", T, m), sd.vector("b", m)
starts = sd.vector("u", m), sd.vector("v", m)
SIZES = {"T": 5, "m": 2}
STEPS = {
    "the input of the time before": (lambda t, g, h: (sd.tanh(g) + h, x[t]), lambda x, b, g, h: (np.tanh(g) + h, x)),
    "a function of it": (lambda t, g, h: (g / 2 + h, sd.sin(x[t])), lambda x, b, g, h: (g / 2 + h, np.sin(x))),
    "a shift register": (lambda t, g, h: (x[t], g), lambda x, b, g, h: (x, g)),
    "an exchange": (lambda t, g, h: (h, g), lambda x, b, g, h: (h, g)),
    "an exchange and more": (lambda t, g, h: (sd.sin(h), g), lambda x, b, g, h: (np.sin(h), g)),
    "the start for all times": (lambda t, g, h: (sd.sin(g) + h, h), lambda x, b, g, h: (np.sin(g) + h, h)),
    "what no time changes": (lambda t, g, h: (g / 2 + h, b), lambda x, b, g, h: (g / 2 + h, b)),
    "the same twice": (lambda t, g, h: (g + x[t], g + x[t]), lambda x, b, g, h: (g + x, g + x)),
}


def by_hand(step, arrays, reverse):
    g, h = arrays["u"], arrays["v"]
    found = np.zeros((2, *arrays["x"].shape))
    for t in reversed(range(len(found[0]))) if reverse else range(len(found[0])):
        g, h = found[:, t] = step(arrays["x"][t], arrays["b"], g, h)
    return found


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("name", STEPS)
def test_values_and_gradients(name, reverse):
    step, plain = STEPS[name]
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(5, 2)), **{key: rng.normal(size=2) for key in "buv"}}
    found = sd.recurrence(step, starts, T, names=("g", "h"), reverse=reverse)
    for value, expected in zip(found, by_hand(plain, arrays, reverse), strict=True):
        check_value(value, expected, arrays, SIZES)
    read = [symbol for symbol in (x, b, *starts) if any(symbol in value.free_symbols for value in found)]
    loss = sd.sum(sd.sin(found[0]) + sd.hadamard(sd.cos(found[1]), found[0]))
    check_gradient(loss, *read, arrays={symbol.name: arrays[symbol.name] for symbol in read}, sizes=SIZES)


def test_a_shift_register_prints_its_own_names():
    g, _ = sd.recurrence(lambda t, g, h: (x[t] + h, g), starts, T, names=("g", "h"))
    text = str(sd.derivation(sd.norm(g) ** 2, x))
    assert "g⟨t⟩" in text
    assert "copy" not in text
