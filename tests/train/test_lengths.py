"""Lengths of recurrences stay dynamic in training: one program for sequences of any length."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InputError
from symdl.models.recipe import training_step
from symdl.ops.cells import Affine, LSTMParameters, lstm_cell
from symdl.optimizers.adam import Adam

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


def lstm_step(length):
    """Compile the training step of a long short-term memory of that many times."""
    gates = LSTMParameters(
        *(Affine(sd.matrix(f"W_{k}", m, m), sd.matrix(f"U_{k}", m, p), sd.vector(f"b_{k}", m)) for k in "fioc")
    )
    x, y = sd.matrix("x", T, p), sd.vector("y", m)
    start = (sd.zeros(m), sd.zeros(m))
    h, _ = sd.recurrence(lambda t, h, c: lstm_cell(gates, x[t], h, c), start, T, names=("h", "c"))
    parameters = [symbol for gate in gates for symbol in gate]
    model = sd.Model(sd.sum(sd.square(h[T - 1] - y)), parameters, [x], [y], sizes={"T": length, "m": 4, "p": 3})
    return training_step(model, {"optimizer": Adam(), "batch_size": 2}, "numpy", "float64")


def test_kernels_do_not_depend_on_a_length_that_is_given():
    short, long = lstm_step(28), lstm_step(280)
    assert len(short.kernels) == len(long.kernels)
    assert len(short.source.splitlines()) == len(long.source.splitlines())
