"""Lengths of recurrences stay dynamic in training: one program for sequences of any length."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InputError
from symdl.models.recipe import training_step
from symdl.ops.cells import Affine, LSTMParameters, lstm_cell
from symdl.optimizers.gradient_descent import GradientDescent

T, p, m = sd.dims("T p m")


def sequence_model(**options):
    x, y = sd.matrix("x", T, p), sd.vector("y", m)
    W, U = sd.matrix("W", m, m), sd.matrix("U", m, p)
    h = sd.recurrence(lambda t, h: sd.tanh(W @ h + U @ x[t]), sd.zeros(m), T, names="h")
    return sd.Model(
        sd.sum(sd.square(h[T - 1] - y)), [W, U], [x], [y], outputs={"h": h}, sizes={"m": 4, "p": 3}, **options
    )


def samples(length, count=6):
    rng = np.random.default_rng(length)
    return {"x": rng.normal(size=(count, length, 3)), "y": rng.normal(size=(count, 4)) / 2}


def last_states(model, x):
    h = np.zeros((len(x), 4))
    for t in range(x.shape[1]):
        h = np.tanh(h @ model.values["W"].T + x[:, t] @ model.values["U"].T)
    return h


def test_one_program_serves_all_lengths():
    model = sequence_model()
    sd.fit(model, samples(5), epochs=2, target="numpy", dtype="float64")
    program = model.training_program()
    for length in (1, 2, 9):
        data = samples(length)
        found = model.predict({"x": data["x"]}, target="numpy")["h"]
        assert found.shape == (6, length, 4)
        np.testing.assert_allclose(found[:, -1], last_states(model, data["x"]), atol=1e-12)
        expected = np.sum((last_states(model, data["x"]) - data["y"]) ** 2) / 6
        assert model.evaluate(data, target="numpy")["loss"] == pytest.approx(expected)
    sd.fit(model, samples(9), epochs=2, target="numpy", dtype="float64")
    assert model.training_program() is program


def test_a_length_that_was_given_stays():
    x, y, W = sd.matrix("x", T, m), sd.vector("y", m), sd.matrix("W", m, m)
    h = sd.recurrence(lambda t, h: sd.tanh(W @ h + x[t]), sd.zeros(m), T, names="h")
    model = sd.Model(sd.sum(sd.square(h[T - 1] - y)), [W], [x], [y], sizes={T: 5})
    with pytest.raises(InputError, match=r"x: expected shape \(n, 5, 4\)"):
        model.evaluate({"x": np.zeros((2, 7, 4)), "y": np.zeros((2, 4))})


def test_sizes_of_parameters_stay():
    model = sequence_model()
    sd.fit(model, samples(5), epochs=1, target="numpy")
    with pytest.raises(InputError, match=r"x: expected shape"):
        model.predict({"x": np.zeros((2, 5, 7))})


def gates():
    """The parameters of a long short-term memory."""
    names = [(f"W_{k}", f"U_{k}", f"b_{k}") for k in "fioc"]
    return LSTMParameters(*(Affine(sd.matrix(W, m, m), sd.matrix(U, m, p), sd.vector(b, m)) for W, U, b in names))


def lstm_model(length, known):
    """A long short-term memory with a cost at every time; ``length`` is a number, or a symbol of which it is known."""
    own = gates()
    x, y = sd.matrix("x", length, p), sd.vector("y", m)
    start = (sd.zeros(m), sd.zeros(m))
    h, _ = sd.recurrence(lambda t, h, c: lstm_cell(own, x[t], h, c), start, length, names=("h", "c"))
    miss = sd.sum(sd.square(h[length - 1] - y)) + sd.sum(sd.square(h)) / (length if known else 1)
    parameters = [symbol for gate in own for symbol in gate]
    return sd.Model(miss, parameters, [x], [y], sizes={"m": 4, "p": 3, **known})


def lines_of(step):
    """The text of each kernel without its comments, which tell the equations with the numbers in them."""
    return [[line for line in k.source.splitlines() if "#" not in line] for k in step.kernels]


@pytest.mark.parametrize(("target", "symbolic"), [("cpu", True), ("cpu", False), ("numpy", True)])
def test_kernels_do_not_depend_on_a_length_that_is_given(target, symbolic):
    """An LSTM of 28 and one of 280 times have the same kernels, and the second compiles none."""
    steps = []
    for length in (28, 280):
        model = lstm_model(T, {"T": length}) if symbolic else lstm_model(length, {})
        steps.append(training_step(model, {"optimizer": GradientDescent(), "batch_size": 2}, target, "float64"))
    short, long = steps
    assert lines_of(short) == lines_of(long)
    if target == "cpu":
        assert long.engine.compiled == 0


@pytest.mark.parametrize("length", [1, 2, 5, 6])
def test_a_number_and_a_symbol_compute_the_same(length):
    """The last time, the ends of the gradient's recurrence and reversals are counted from either end."""
    rng = np.random.default_rng(length)
    arrays = {"x": rng.normal(size=(length, 3)), "W": rng.normal(size=(4, 4)), "U": rng.normal(size=(4, 3))}
    results = []
    for size in (length, T):
        x, W, U = sd.matrix("x", size, 3), sd.matrix("W", 4, 4), sd.matrix("U", 4, 3)
        h = sd.recurrence(lambda t, h, W=W, U=U, x=x: sd.tanh(W @ h + U @ x[t]), sd.ones(4), size, names="h")
        g = sd.recurrence(lambda t, g, W=W, h=h: sd.tanh(W @ g + h[t]), sd.zeros(4), size, reverse=True, names="g")
        cost = sd.sum(sd.square(h[size - 1])) + sd.sum(sd.hadamard(sd.flip(h, 0), g)) + g[0, 1]
        function = sd.compile([cost, h, *sd.grad(cost, [x, W, U])], target="numpy")
        results.append(function(arrays))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
