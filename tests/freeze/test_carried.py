"""Stable forms of recurrences: equations that carry a state are not written out in themselves."""

import numpy as np
import pytest

import symdl as sd


@pytest.mark.parametrize("outer", ["power", "log"])
def test_functions_of_what_is_carried(outer):
    T = sd.dims("T")
    x, omega = sd.vector("x", T), sd.scalar("omega", positive=True)
    h = sd.recurrence(lambda t, h: sd.exp(h - x[t]), sd.zeros(2), T)
    value = sd.power(h, -omega) if outer == "power" else sd.log(h)
    given = np.array([0.3, -0.2, 0.5, 1.0])
    state, expected = np.zeros(2), []
    for entry in given:
        state = np.exp(state - entry)
        expected.append(state**-0.7 if outer == "power" else np.log(state))
    arrays = {"x": given, "omega": 0.7} if outer == "power" else {"x": given}
    np.testing.assert_allclose(sd.compile(value, target="numpy")(arrays), expected, rtol=1e-12)
