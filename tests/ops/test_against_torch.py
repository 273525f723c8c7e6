"""The same functions in PyTorch: values and gradients to 1e-10 in double precision, on random shapes. Needs torch."""

import numpy as np
import pytest

import symdl as sd
from tests.structures.checks import compiled, inputs

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)


def compare(value, other, names):
    """Compare ``value`` and the gradients of Σ sin(value) with those of ``other``, a function of torch tensors."""
    arrays = inputs(value)
    tensors = {name: torch.tensor(np.asarray(array), requires_grad=name in names) for name, array in arrays.items()}
    expected = other(**tensors)
    torch.sum(torch.sin(expected)).backward()
    symbols = {symbol.name: symbol for symbol in value.free_symbols}
    loss = sd.sum(sd.sin(value))
    found, *gradients = compiled([value, *sd.grad(loss, [symbols[name] for name in names])], arrays)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    for name, gradient in zip(names, gradients, strict=True):
        np.testing.assert_allclose(gradient, tensors[name].grad.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)


def sizes(*ranges):
    return [int(RNG.integers(low, high + 1)) for low, high in ranges]


@pytest.mark.parametrize("number", range(6))
def test_conv2d(number):
    groups, stride, padding, dilation = sizes((1, 3), (1, 3), (0, 2), (1, 2))
    per, out, h, w, k, l = sizes((1, 2), (1, 2), (6, 9), (6, 9), (1, 3), (1, 3))
    x, K = sd.tensor("x", (groups * per, h, w)), sd.tensor("K", (groups * out, per, k, l))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    compare(sd.conv2d(x, K, **options), lambda x, K: F.conv2d(x[None], K, **options)[0], ["x", "K"])


@pytest.mark.parametrize("number", range(3))
def test_other_convolutions(number):
    stride, padding = sizes((1, 3), (0, 1))
    x, K = sd.tensor("x", (2, 9)), sd.tensor("K", (3, 2, 3))
    compare(sd.conv1d(x, K, stride, padding), lambda x, K: F.conv1d(x[None], K, None, stride, padding)[0], ["x", "K"])
    x, K = sd.tensor("x", (1, 4, 5, 4)), sd.tensor("K", (2, 1, 2, 3, 2))
    compare(sd.conv3d(x, K, stride, padding), lambda x, K: F.conv3d(x[None], K, None, stride, padding)[0], ["x", "K"])
    x, K = sd.tensor("x", (3, 4, 5)), sd.tensor("K", (3, 2, 3, 2))
    compare(
        sd.conv_transpose2d(x, K, stride, padding, stride - 1),
        lambda x, K: F.conv_transpose2d(x[None], K, None, stride, padding, stride - 1)[0],
        ["x", "K"],
    )


@pytest.mark.parametrize("number", range(4))
def test_pools(number):
    size, stride, h, w = sizes((2, 3), (1, 3), (5, 8), (5, 8))
    padding = int(RNG.integers(0, size // 2 + 1))
    x = sd.tensor("x", (2, h, w))
    compare(sd.max_pool(x, size, stride, padding), lambda x: F.max_pool2d(x[None], size, stride, padding)[0], ["x"])
    compare(sd.avg_pool(x, size, stride, padding), lambda x: F.avg_pool2d(x[None], size, stride, padding)[0], ["x"])


def test_norms():
    x, g, b = sd.matrix("x", 4, 6), sd.vector("g", 6), sd.vector("b", 6)
    compare(sd.layer_norm(x, g, b), lambda x, g, b: F.layer_norm(x, (6,), g, b), ["x", "g", "b"])
    compare(sd.rms_norm(x, g, epsilon=1e-6), lambda x, g: F.rms_norm(x, (6,), g, 1e-6), ["x", "g"])
    normed = sd.batch_norm(x, g, b, batch_axis=0)
    compare(normed, lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True), ["x", "g", "b"])
    x = sd.tensor("x", (6, 3, 2))
    compare(sd.group_norm(x, 3, g, b), lambda x, g, b: F.group_norm(x[None], 3, g, b)[0], ["x", "g", "b"])
    x = sd.tensor("x", (3, 6, 2, 4))
    normed = sd.batch_norm(x, g, b, batch_axis=0)
    compare(normed, lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True), ["x", "g", "b"])


@pytest.mark.parametrize("causal", [False, True])
def test_attention(causal):
    q, k, v = sd.tensor("q", (2, 5, 3)), sd.tensor("k", (2, 5, 3)), sd.tensor("v", (2, 5, 4))
    compare(
        sd.attention(q, k, v, mask="causal" if causal else None),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal),
        ["q", "k", "v"],
    )


def test_heads():
    q, k, v = sd.matrix("q", 5, 6), sd.matrix("k", 4, 6), sd.matrix("v", 4, 6)

    def other(q, k, v):
        parts = [x.reshape(x.shape[0], 3, 2).transpose(0, 1) for x in (q, k, v)]
        return F.scaled_dot_product_attention(*parts).transpose(0, 1).reshape(5, 6)

    compare(sd.attention(q, k, v, heads=3), other, ["q", "k", "v"])


def test_kl_divergence():
    q, r = sd.vector("q", 5, probability=True), sd.vector("r", 5, probability=True)
    arrays = {"q": np.array([0.1, 0.2, 0.3, 0.25, 0.15]), "r": np.full(5, 0.2)}
    expected = F.kl_div(torch.log(torch.tensor(arrays["r"])), torch.tensor(arrays["q"]), reduction="sum")
    np.testing.assert_allclose(compiled(sd.kl_divergence(q, r), arrays), float(expected), rtol=1e-12)
