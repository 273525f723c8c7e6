"""Recurrences: values, backpropagation through time, forward mode, second order, batches, both directions."""

import numpy as np
import pytest

import symdl as sd
from symdl.calculus import jacobian_forward
from symdl.errors import ShapeError
from symdl.expr.batch import batched
from symdl.expr.system import trace
from symdl.interpret.evaluate import evaluate

T, m, p = sd.dims("T m p")
x, h0, b = sd.matrix("x", T, p), sd.vector("h0", m), sd.vector("b", m)
Wx, Wh = sd.matrix("Wx", m, p), sd.matrix("Wh", m, m)


def rnn(reverse=False):
    return sd.recurrence(lambda t, h: sd.tanh(Wx @ x[t] + Wh @ h + b), h0, T, names="h", reverse=reverse)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    shapes = {"x": (4, 2), "Wx": (3, 2), "Wh": (3, 3), "b": 3, "h0": 3}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def by_hand(arrays, reverse):
    h, found = arrays["h0"], np.zeros((4, 3))
    for t in reversed(range(4)) if reverse else range(4):
        h = found[t] = np.tanh(arrays["Wx"] @ arrays["x"][t] + arrays["Wh"] @ h + arrays["b"])
    return found


def difference(f, name, arrays, step=1e-6):
    found = np.zeros_like(arrays[name])
    for place in np.ndindex(found.shape):
        shift = np.zeros_like(found)
        shift[place] = step
        above, below = (evaluate(f, {**arrays, name: arrays[name] + sign * shift}) for sign in (1, -1))
        found[place] = (above - below) / (2 * step)
    return found


@pytest.mark.parametrize("reverse", [False, True])
def test_values(arrays, reverse):
    np.testing.assert_allclose(evaluate(rnn(reverse), arrays), by_hand(arrays, reverse), atol=1e-14)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("variable", [Wh, Wx, b, h0, x], ids=lambda tensor: tensor.name)
def test_gradient_in_three_ways(arrays, reverse, variable):
    f = sd.sum(sd.sin(rnn(reverse)))
    derived = evaluate(sd.grad(f, variable), arrays)
    np.testing.assert_allclose(derived, difference(f, variable.name, arrays), atol=1e-8)
    np.testing.assert_allclose(derived, evaluate(jacobian_forward(f, variable), arrays), atol=1e-13)


def test_the_gradient_is_the_reversed_recurrence(arrays):
    system = trace([sd.grad(sd.norm(rnn()) ** 2, Wh)])
    loops = {equation.loop for equation in system.equations if equation.loop}
    assert sorted(loop.reverse for loop in loops) == [False, True]
    hoisted = next(equation for equation in system.equations if any(load.tensor == Wx for load in equation.loads))
    assert hoisted.loop is None, "the input product does not depend on the recurrence and stands before it"


def test_second_order(arrays):
    f = sd.sum(sd.sin(rnn()))
    hessian = evaluate(sd.hessian(f, b), arrays)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-13)
    gradient = sd.grad(f, b)
    shift = np.array([0, 1e-6, 0])
    column = (
        evaluate(gradient, {**arrays, "b": arrays["b"] + shift})
        - evaluate(gradient, {**arrays, "b": arrays["b"] - shift})
    ) / 2e-6
    np.testing.assert_allclose(hessian[:, 1], column, atol=1e-8)
    v = np.array([1.0, -2.0, 0.5])
    product = evaluate(sd.hvp(f, b, sd.vector("v", m)), {**arrays, "v": v})
    np.testing.assert_allclose(product, hessian @ v, atol=1e-12)


def test_batch(arrays):
    N = sd.dims("N")
    [many] = batched([rnn()], [x], N)
    xs = np.random.default_rng(1).normal(size=(5, 4, 2))
    values = evaluate(many, {**arrays, "x": xs})
    for n in range(5):
        np.testing.assert_allclose(values[n], evaluate(rnn(), {**arrays, "x": xs[n]}), atol=1e-14)


def test_two_carried_tensors(arrays):
    c0 = sd.vector("c0", m)

    def step(t, h, c):
        following = sd.sigmoid(Wh @ h) * 1
        cell = sd.hadamard(following, c) + sd.tanh(Wx @ x[t])
        return sd.hadamard(following, sd.tanh(cell)), cell

    h, c = sd.recurrence(step, (h0, c0), T, names=("h", "c"))
    f = sd.sum(h) + sd.norm(c) ** 2
    arrays["c0"] = np.array([0.3, -0.2, 0.9])
    for variable in (Wh, c0):
        derived = evaluate(sd.grad(f, variable), arrays)
        np.testing.assert_allclose(derived, difference(f, variable.name, arrays), atol=1e-7)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_compiled(arrays, target):
    f = sd.sum(sd.sin(rnn()))
    values = [rnn(), *sd.grad(f, [Wh, b, x])]
    found = sd.compile(values, target=target)(arrays)
    for value, expected in zip(found, evaluate(values, arrays), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-12)


def test_a_step_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"h starts with shape \(m,\), but the step returns shape \(p,\)"):
        sd.recurrence(lambda t, h: x[t], h0, T, names="h")
