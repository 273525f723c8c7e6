"""Second order through an LSTM, and one compilation for all lengths."""

import numpy as np

import symdl as sd
from symdl.calculus import adjoints, jacobian_forward
from symdl.interpret import evaluate
from symdl.models.recurrent import lstm

p, m = 2, 3


def cost_of(length):
    x = sd.matrix("x", length, p)
    layer = lstm(x, m)
    return sd.sum(sd.sin(layer.h)), x, layer


def test_hessian_vector_product_of_a_long_short_term_memory():
    """Against differences of the gradient, by every kind of parameter and the input."""
    cost, x, layer = cost_of(5)
    rng = np.random.default_rng(0)
    arrays = {s.name: rng.normal(size=[int(size) for size in s.shape]) for s in (x, *layer.parameters)}
    for variable in (*layer.parameters[:3], x):
        shape, name = variable.shape, variable.name
        v = sd.matrix("v", *shape) if len(shape) == 2 else sd.vector("v", *shape)
        direction = rng.normal(size=arrays[name].shape)
        product = sd.compile(sd.hvp(cost, variable, v), target="numpy", dtype="float64")
        gradient = sd.compile(sd.grad(cost, variable), target="numpy", dtype="float64")
        ends = [gradient({**arrays, name: arrays[name] + sign * 1e-5 * direction}) for sign in (1, -1)]
        found = product({**arrays, "v": direction})
        np.testing.assert_allclose(found, (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-8, err_msg=name)


def test_lengths_share_their_kernels():
    """With a symbol for the length one function serves 28 and 280 times; with a number, the kernels are the same."""
    cost, _, layer = cost_of(sd.dims("T"))
    function = sd.compile([cost, *sd.grad(cost, list(layer.parameters))], target="numpy", dtype="float64")
    rng = np.random.default_rng(0)
    values = {s.name: rng.normal(size=[int(size) for size in s.shape]) for s in layer.parameters}
    for length in (28, 280):
        fixed, _, same = cost_of(length)
        arrays = {**values, "x": rng.normal(size=(length, p))}
        expected = sd.compile([fixed, *sd.grad(fixed, list(same.parameters))], target="numpy", dtype="float64")
        assert len(expected.kernels) == len(function.kernels)
        for found, value in zip(function(arrays), expected(arrays), strict=True):
            np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)


def test_hessian_through_linear_equations_in_a_step():
    """Reverse over reverse, where time is the first axis of what linear algebra reads and the second of the block."""
    x, h = sd.matrix("x", 2, 2), sd.vector("h", 2)
    states = sd.recurrence(lambda t, c: sd.solve(sd.outer(c, c) + 2 * sd.eye(2), x[t]) + c / 2, h, 2)
    cost = sd.sum(sd.sin(states))
    rng = np.random.default_rng(3)
    arrays = {"x": rng.normal(size=(2, 2)), "h": rng.normal(size=2)}
    for variable in (x, h):
        [gradient] = adjoints(cost, [variable])
        expected = evaluate(jacobian_forward(gradient, variable), arrays)
        np.testing.assert_allclose(evaluate(sd.hessian(cost, variable), arrays), expected, rtol=1e-10, atol=1e-12)
        for target in ("numpy", "cpu"):
            found = sd.compile(sd.hessian(cost, variable), target=target)(arrays)
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
