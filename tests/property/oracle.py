"""What derivatives must equal: central differences of the value alone at 60 digits; and the ways to get them."""

import mpmath
import numpy as np

import symdl as sd
from symdl.calculus import adjoints, jacobian_forward, variables_of
from symdl.expr.ingest import as_scalar
from symdl.interpret import evaluate, sample_inputs
from symdl.interpret.binding import name_of

DIGITS = 60
STEP = 20  # central differences with h = 1e-20 are good to about 40 digits


def exact(array):
    """Return an array as mpmath numbers, without rounding."""
    return np.frompyfunc(lambda value: mpmath.mpf(float(value)), 1, 1)(np.asarray(array, dtype=float))


def difference(f, name, arrays, sizes, direction, digits=DIGITS):
    """Return the directional derivative of ``f`` by central differences at high precision."""
    with mpmath.workdps(digits):
        h = mpmath.mpf(10) ** -STEP
        ends = []
        for sign in (1, -1):
            moved = np.asarray(exact(arrays[name]) + sign * h * exact(direction), dtype=object)
            ends.append(evaluate(f, {**arrays, name: moved}, sizes, precision=digits))
        return np.asarray((ends[0] - ends[1]) / (2 * h), dtype=object)


def gradient(f, variable, arrays, sizes):
    """Return the gradient by central differences, entry by entry, as floats."""
    name = name_of(variable)
    base = np.asarray(arrays[name], dtype=float)
    result = np.empty(base.shape)
    for place in np.ndindex(*base.shape):
        direction = np.zeros(base.shape)
        direction[place] = 1.0
        result[place] = float(difference(f, name, arrays, sizes, direction).item())
    return result


def inputs(*values, sizes, seed=1):
    """Return random arrays for everything that the expressions read."""
    symbols = set().union(*(sd.expr.ingest.ingest(value).free_symbols for value in values))
    return sample_inputs(symbols, sizes, seed)


def assert_gradient(f, *variables, sizes, arrays=None, seed=1, rtol=1e-9):
    """Assert that forward mode, reverse mode and the closed form are the gradient of ``f``; return the closed forms."""
    arrays = inputs(f, sizes=sizes, seed=seed) if arrays is None else arrays
    loss = as_scalar(f, "test")
    found = []
    for variable in variables:
        truth = gradient(f, variable, arrays, sizes)
        symbol = variables_of(variable, [loss], "test")[0][0]
        forms = {
            "reverse": adjoints(loss, [symbol])[0],
            "forward": jacobian_forward(loss, symbol),
            "closed form": sd.grad(f, variable),
        }
        for name, form in forms.items():
            value = np.asarray(evaluate(form, arrays, sizes), dtype=float)
            np.testing.assert_allclose(value, truth, rtol=rtol, atol=1e-12, err_msg=f"{name}: {form}")
        found.append(forms["closed form"])
    return found
