"""The same language model in PyTorch from equal weights: loss and gradients, the course of a training. Needs torch."""

import numpy as np
import pytest

import symdl as sd
from symdl.models.language import language_model
from symdl.models.transformer import Sizes
from tests.structures.checks import compiled

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.slow


def norm(v, name, a):
    """Layer normalisation of columns."""
    return F.layer_norm(a.T, (a.shape[0],), v[f"gamma{name}"], v[f"beta{name}"]).T


def loss(v, x, y, depth):
    """The mean cross entropy of one window, tokens as columns."""
    a = v["E"][x].T + v["R"]
    for mark in (f"[{level}]" for level in range(1, depth + 1)):
        u = norm(v, f"1{mark}", a)
        q, k, w = (torch.einsum("hmp,pt->htm", v[f"W_{part}{mark}"], u) for part in "qkv")
        heads = F.scaled_dot_product_attention(q, k, w, is_causal=True)
        a = a + torch.einsum("hpm,htm->pt", v[f"W_c{mark}"], heads)
        hidden = torch.relu(F.linear(norm(v, f"3{mark}", a).T, v[f"W_1{mark}"], v[f"b_1{mark}"]))
        a = a + F.linear(hidden, v[f"W_2{mark}"], v[f"b_2{mark}"]).T
    return F.cross_entropy(F.linear(norm(v, "0", a).T, v["W_o"], v["b_o"]), y)


def test_loss_and_gradients():
    model = language_model(11, 7, Sizes.of(12, 3, 20), 2)
    random = np.random.default_rng(0)
    codes = random.integers(0, 11, 8)
    values = {name: array + 0.1 * random.normal(size=array.shape) for name, array in model.values.items()}
    v = {name: torch.tensor(array, requires_grad=True) for name, array in values.items()}
    expected = loss(v, torch.tensor(codes[:-1]), torch.tensor(codes[1:]), 2)
    expected.backward()
    cost, parameters = model.declared.loss, model.declared.parameters
    arrays = {**values, "x": codes[:-1], "y": codes[1:]}
    found, *gradients = compiled([cost, *sd.grad(cost, list(parameters))], arrays, target="numpy")
    np.testing.assert_allclose(found, expected.item(), rtol=1e-12)
    for symbol, gradient in zip(parameters, gradients, strict=True):
        other = v[symbol.name].grad.numpy()
        np.testing.assert_allclose(gradient, other, rtol=1e-10, atol=1e-13, err_msg=symbol.name)


def test_fifty_steps():
    """The losses of fifty steps of Adam in float32, each on the same twelve windows, to 1e-4."""
    steps, depth = 50, 2
    model = language_model(11, 16, Sizes.of(32, 4, 64), depth)
    random = np.random.default_rng(1)
    codes = random.integers(0, 11, (12, 1)) + np.cumsum(random.integers(0, 3, (12, 17)), axis=1)
    x, y = codes[:, :-1] % 11, codes[:, 1:] % 11
    v = {name: torch.tensor(a.astype(np.float32), requires_grad=True) for name, a in model.values.items()}
    optimizer = torch.optim.Adam(v.values(), lr=3e-3)
    expected = []
    for _ in range(steps):
        optimizer.zero_grad()
        mean = torch.vmap(lambda a, b: loss(v, a, b, depth))(torch.tensor(x), torch.tensor(y)).mean()
        mean.backward()
        optimizer.step()
        expected.append(mean.item())
    adam = sd.optimizers.Adam(alpha=3e-3)
    history = sd.fit(model, {"x": x, "y": y}, optimizer=adam, epochs=steps, batch_size=12, dtype="float32")
    assert expected[-1] < 0.75 * expected[0]
    np.testing.assert_allclose(history.loss, expected, rtol=1e-4)
