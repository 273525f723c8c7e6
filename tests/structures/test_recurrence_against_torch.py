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


@pytest.mark.parametrize(("dtype", "rate", "rtol"), [("float32", 0.3, 1e-4)])
def test_a_training_from_equal_weights(dtype, rate, rtol):
    """A character model, 50 steps of gradient descent. At rate 1 the loss oscillates, which amplifies rounding."""
    symbols, length, size, steps = 11, 16, 24, 50
    rng = np.random.default_rng(2)
    text = rng.integers(0, symbols, size=(8, length + 1))
    text[:, 1::2] = text[:, :-1:2]  # so that there is something to learn
    x, y = text[:, :-1], text[:, 1:]
    model = character_model(symbols, length, size)
    model.initialise(3)
    values = {name: value.astype(dtype) for name, value in model.values.items()}
    history = sd.fit(
        model,
        {"x": x, "y": y},
        optimizer=SGD(alpha=rate),
        epochs=steps,
        batch_size=8,
        shuffle=False,
        seed=3,
        progress=False,
    )
    layer = torch_lstm(values, symbols, size)
    W, b = (torch.tensor(values[name], requires_grad=True) for name in ("W_yh", "b_y"))
    trained = [W, b, *(parameter for parameter in layer.parameters() if parameter.requires_grad)]
    optimizer = torch.optim.SGD(trained, lr=rate)
    inputs = torch.nn.functional.one_hot(torch.tensor(x), symbols).to(W.dtype)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            (layer(inputs)[0] @ W.T + b).reshape(-1, symbols), torch.tensor(y.ravel())
        )
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    np.testing.assert_allclose(history.loss, losses, rtol=rtol)
