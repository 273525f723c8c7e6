"""Recurrent layers in PyTorch: values, gradients in double precision, and a training from equal weights."""

import numpy as np
import pytest

import symdl as sd
from symdl.models.lstm_text import character_model
from symdl.models.recurrent import gru, lstm
from symdl.optimizers import SGD

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow
T, P, M = 12, 5, 7
SYMBOLS, LENGTH, SIZE, STEPS = 11, 16, 24, 50  # of a character model


def joined(values, letters, kind):
    """Return the parameters of a layer as PyTorch stacks those of its gates."""
    rows = {"W": "_h", "U": "_x"}
    names = [f"W_{letter}{rows[kind]}" if kind != "b" else f"b_{letter}" for letter in letters]
    return np.concatenate([values[name] for name in names])


def torch_lstm(values, width, size):
    """Return an LSTM of PyTorch with the given values: gates in the order i, f, c̃, o, the second bias 0."""
    layer = torch.nn.LSTM(width, size, batch_first=True).to(torch.from_numpy(next(iter(values.values()))).dtype)
    letters = ("i", "f", "tilde_c", "o")
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.from_numpy(joined(values, letters, "W")))
        layer.weight_ih_l0.copy_(torch.from_numpy(joined(values, letters, "U")))
        layer.bias_ih_l0.copy_(torch.from_numpy(joined(values, letters, "b")))
        layer.bias_hh_l0.zero_()
    layer.bias_hh_l0.requires_grad_(False)
    return layer


def drawn(symbols, seed=0):
    rng = np.random.default_rng(seed)
    return {symbol.name: rng.normal(size=[int(size) for size in symbol.shape]) / 2 for symbol in symbols}


def derived(layer, x, values):
    """Return the states, and the gradients of Σ sin(h) by name."""
    symbols = [*layer.parameters, x]
    function = sd.compile([layer.h, *sd.grad(sd.sum(sd.sin(layer.h)), symbols)], dtype="float64")
    h, *gradients = function({symbol.name: values[symbol.name] for symbol in symbols})
    return h, {symbol.name: gradient for symbol, gradient in zip(symbols, gradients, strict=True)}


def test_long_short_term_memory():
    x = sd.matrix("x", T, P)
    layer = lstm(x, M)
    values = drawn([*layer.parameters, x])
    h, gradients = derived(layer, x, values)
    other = torch_lstm(values, P, M)
    inputs = torch.tensor(values["x"], requires_grad=True)
    expected, _ = other(inputs[None])
    torch.sum(torch.sin(expected)).backward()
    letters = ("i", "f", "tilde_c", "o")
    np.testing.assert_allclose(h, expected[0].detach().numpy(), rtol=1e-10, atol=1e-12)
    for kind, found in (("W", other.weight_hh_l0), ("U", other.weight_ih_l0), ("b", other.bias_ih_l0)):
        np.testing.assert_allclose(joined(gradients, letters, kind), found.grad.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gradients["x"], inputs.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_gated_recurrent_unit():
    """PyTorch's own unit resets after the product: book (7.18) as a loop, derived by PyTorch."""
    x = sd.matrix("x", T, P)
    layer = gru(x, M)
    values = drawn([*layer.parameters, x], seed=1)
    h, gradients = derived(layer, x, values)
    v = {name: torch.tensor(value, requires_grad=True) for name, value in values.items()}
    state, states = torch.zeros(M, dtype=torch.float64), []
    for t in range(T):
        r, u = (torch.sigmoid(v[f"W_{g}_h"] @ state + v[f"W_{g}_x"] @ v["x"][t] + v[f"b_{g}"]) for g in "ru")
        new = torch.tanh(v["W_tilde_h_h"] @ (r * state) + v["W_tilde_h_x"] @ v["x"][t] + v["b_tilde_h"])
        state = (1 - u) * state + u * new
        states.append(state)
    expected = torch.stack(states)
    torch.sum(torch.sin(expected)).backward()
    np.testing.assert_allclose(h, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, v[name].grad.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


def text_to_learn():
    """Windows of a text in which every second character repeats the one before: inputs, and what follows."""
    text = np.random.default_rng(2).integers(0, SYMBOLS, size=(8, LENGTH + 1))
    text[:, 1::2] = text[:, :-1:2]
    return text[:, :-1], text[:, 1:]


def losses_of(values, dtype, rate):
    """The loss of each of 50 steps of gradient descent on a character model, from the given values."""
    x, y = text_to_learn()
    model = character_model(SYMBOLS, LENGTH, SIZE)
    model.set_values(values)
    options = {"optimizer": SGD(alpha=rate), "epochs": STEPS, "batch_size": 8, "dtype": dtype, "progress": False}
    return np.array(sd.fit(model, {"x": x, "y": y}, shuffle=False, **options).loss)


def losses_in_torch(values, rate):
    """The same in PyTorch."""
    x, y = map(torch.tensor, text_to_learn())
    layer = torch_lstm(values, SYMBOLS, SIZE)
    W, b = (torch.tensor(values[name], requires_grad=True) for name in ("W_yh", "b_y"))
    trained = [W, b, *(parameter for parameter in layer.parameters() if parameter.requires_grad)]
    optimizer = torch.optim.SGD(trained, lr=rate)
    inputs = torch.nn.functional.one_hot(x, SYMBOLS).to(W.dtype)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        z = layer(inputs)[0] @ W.T + b
        loss = torch.nn.functional.cross_entropy(z.reshape(-1, SYMBOLS), y.ravel())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def start(dtype, off=0.0):
    """Initial values, each off by a random part of itself of the given size."""
    model, rng = character_model(SYMBOLS, LENGTH, SIZE), np.random.default_rng(5)
    model.initialise(3)
    return {n: (v * (1 + off * rng.choice([-1, 1], v.shape))).astype(dtype) for n, v in model.values.items()}


@pytest.mark.parametrize(("dtype", "rate", "rtol"), [("float32", 0.3, 1e-4), ("float64", 0.3, 1e-10)])
def test_a_training_from_equal_weights(dtype, rate, rtol):
    expected = losses_in_torch(start(dtype), rate)
    assert expected[-1] < expected[0] - 0.1
    np.testing.assert_allclose(losses_of(start(dtype), dtype, rate), expected, rtol=rtol)


@pytest.mark.parametrize(("dtype", "early", "whole"), [("float32", 1e-5, 1.0), ("float64", 1e-13, 1e-7)])
def test_a_training_that_amplifies_rounding(dtype, early, whole):
    """At rate 1 the losses are equal up to rounding until they begin to oscillate, which amplifies the rounding.

    They are then as far apart as those of one library from weights that differ in the last digit: by 1e-9 in double
    precision, and in single precision by as much as they oscillate.
    """
    last = float(np.finfo(dtype).eps)
    in_torch, found = (
        (losses_in_torch(start(dtype, off), 1.0) for off in (0.0, last)),
        losses_of(start(dtype), dtype, 1.0),
    )
    expected, beside = in_torch
    np.testing.assert_allclose(found[: STEPS // 2], expected[: STEPS // 2], rtol=early)
    np.testing.assert_allclose(found, expected, rtol=whole)
    assert max(abs(found - expected)) < 30 * max(abs(beside - expected))
    assert max(abs(beside - expected)) > 1e5 * last
