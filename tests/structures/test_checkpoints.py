"""``recurrence(..., checkpoint=k)``: the same values and derivatives, in memory that grows with T/k + k."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExpressionError
from symdl.ops.cells import Affine, LSTMParameters, lstm_cell

T, p, m, n = sd.dims("T p m n")
SIZES = {"p": 2, "m": 3}


def parameters():
    names = [(f"W_{k}", f"U_{k}", f"b_{k}") for k in "fioc"]
    return LSTMParameters(*(Affine(sd.matrix(W, m, m), sd.matrix(U, m, p), sd.vector(b, m)) for W, U, b in names))


def memory(x, gates, **options):
    """The states of a long short-term memory over the rows of x."""
    start = (sd.zeros(m), sd.zeros(m))
    return sd.recurrence(lambda t, h, c: lstm_cell(gates, x[t], h, c), start, T, names=("h", "c"), **options)[0]


def last_state(x, gates, **options):
    return sd.sum(sd.square(memory(x, gates, **options)[T - 1]))


def states(x, gates, **options):
    """The same for a plain recurrent network."""
    p = gates.f
    return sd.recurrence(lambda t, h: sd.tanh(p.W_h @ h + p.W_x @ x[t] + p.b), sd.zeros(m), T, names="h", **options)


def every_state(x, gates, **options):
    return sd.mean(sd.sin(states(x, gates, **options) @ gates.i.W_h))


def layers(x, gates, **options):
    """A recurrence over the states of another, in reverse, and both ends of it."""
    h, W = states(x, gates, **options), gates.i.W_h
    g = sd.recurrence(lambda t, g: sd.tanh(W @ g + h[t]), sd.ones(m), T, reverse=True, names="g", **options)
    return sd.sum(sd.hadamard(h, g)) + g[0, 1] + h[T - 1, 0]


def attention(x, gates, **options):
    """Every time with every other: the states are kept, what they are made of is not."""
    h = states(x, gates, **options)
    return sd.sum(sd.square(sd.softmax(h @ h.T, axis=1) @ h))


def arrays_for(length):
    rng = np.random.default_rng(length)
    shapes = dict.fromkeys(("W_f", "W_i", "W_o", "W_c", "V"), (3, 3))
    shapes |= {f"U_{k}": (3, 2) for k in "fioc"} | {f"b_{k}": (3,) for k in "fioc"} | {"x": (length, 2)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def functions(cost, second=False, **options):
    x, gates, V = sd.matrix("x", T, p), parameters(), sd.matrix("V", m, m)
    value = cost(x, gates, **options)
    found = [value, *sd.grad(value, [gates.f.W_h, gates.f.b])]
    if second:
        found.append(sd.hvp(value, gates.f.W_h, V))
    return found


@pytest.mark.parametrize(
    ("cost", "second"),
    [
        pytest.param(last_state, True, marks=pytest.mark.slow),
        (every_state, True),
        (layers, False),
        (attention, False),
    ],
)
def test_values_and_derivatives(cost, second):
    reference = sd.compile(functions(cost, second), target="numpy")
    saving = sd.compile(functions(cost, second, checkpoint=3))
    for length in (1, 3, 7):
        arrays = {name: a for name, a in arrays_for(length).items() if name in reference.inputs}
        for found, expected in zip(saving(arrays), reference(arrays), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_memory():
    """Planned bytes: O(T) when states are saved, O(T/k + k) with checkpoints; the two states of a block, by hand."""
    x, gates = sd.matrix("x", T, p), parameters()
    bytes_of = {}
    for k in (None, 8, 16):
        value = last_state(x, gates, checkpoint=k)
        wanted = [value, *sd.grad(value, [gate.W_h for gate in gates])]
        [executable] = sd.compile(wanted)._executables.values()
        bytes_of[k] = [executable.arena_bytes({"T": length, "m": 64, "p": 32}) for length in (128, 256, 1024)]
    saved = bytes_of.pop(None)
    assert saved[2] - saved[1] > 10 * 768 * 64 * 8
    for k, (small, middle, large) in bytes_of.items():
        assert middle - small <= 2 * 128 // k * 64 * 8 + 2048  # less where the blocks leave room for states
        assert large - middle <= 2 * 768 // k * 64 * 8 + 2048
        assert large < saved[2] / 18


def model_of(checkpoint):
    x, y, gates = sd.matrix("x", T, p), sd.vector("y", m), parameters()
    h = states(x, gates, checkpoint=checkpoint)
    cost = sd.sum(sd.square(h[T - 1] - y))
    return sd.Model(cost, list(gates.f), [x], [y], outputs={"h": h}, sizes=SIZES)


def test_a_training_with_checkpoints_is_that_without():
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(10, 11, 2)), "y": rng.normal(size=(10, 3))}
    options = {"optimizer": sd.optimizers.GradientDescent(alpha=0.1), "epochs": 3, "batch_size": 4, "dtype": "float64"}
    losses = [sd.fit(model_of(k), data, seed=1, **options).loss for k in (None, 4)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-12)


def test_it_is_saved_with_the_model(tmp_path):
    model_of(4).save(tmp_path / "m.safetensors")
    assert sd.load(tmp_path / "m.safetensors").declared.outputs["h"].checkpoint == 4


@pytest.mark.parametrize("k", [0, -1, 2.5, True])
def test_what_is_no_number_of_times_is_refused(k):
    with pytest.raises(ExpressionError, match="checkpoint: expected an integer of at least 1"):
        memory(sd.matrix("x", T, p), parameters(), checkpoint=k)
