"""What is composed of structures in PyTorch, on random shapes: values, gradients, Hessian-vector products to 1e-10.

Norms, attention, recurrent layers, blocks, losses, linear algebra. Needs torch.
"""

import numpy as np
import pytest

import symdl as sd
from symdl.models.recurrent import gru, lstm, rnn
from tests.structures.checks import compiled

torch = pytest.importorskip("torch")

from tests.ops.torch_peer import compare, random_sizes, reseed  # noqa: E402  # because without torch it is not imported

F = torch.nn.functional
pytestmark = pytest.mark.slow
RNG = np.random.default_rng(1)


@pytest.fixture(autouse=True)
def same_numbers_whatever_ran_before(request):
    reseed(RNG, request)


def sizes(*ranges):
    return random_sizes(RNG, *ranges)


def names_of(value):
    return sorted(symbol.name for symbol in value.free_symbols)


def test_norms():
    n, d = sizes((3, 5), (4, 6))
    x, g, b = sd.matrix("x", n, d), sd.vector("g", d), sd.vector("b", d)
    compare(sd.layer_norm(x, g, b), lambda x, g, b: F.layer_norm(x, (d,), g, b), ["x", "g", "b"])
    compare(sd.rms_norm(x, g, epsilon=1e-6), lambda x, g: F.rms_norm(x, (d,), g, 1e-6), ["x", "g"])
    normed = sd.batch_norm(x, g, b, batch_axis=0)
    compare(normed, lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True), ["x", "g", "b"])
    x, g, b = sd.tensor("x", (6, 3, 2)), sd.vector("g", 6), sd.vector("b", 6)
    compare(sd.group_norm(x, 3, g, b), lambda x, g, b: F.group_norm(x[None], 3, g, b)[0], ["x", "g", "b"])
    x, g, b = sd.tensor("x", (n, 3, 2, d)), sd.vector("g", 3), sd.vector("b", 3)
    normed = sd.batch_norm(x, g, b, batch_axis=0)
    compare(normed, lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True), ["x", "g", "b"])


def weighed(scores, v):
    return torch.softmax(scores, -1) @ v


@pytest.mark.parametrize("kind", ["plain", "causal", "given"])
def test_attention(kind):
    t, m, d = sizes((3, 5), (2, 3), (2, 4))
    q, k, v = sd.tensor("q", (2, t, m)), sd.tensor("k", (2, t, m)), sd.tensor("v", (2, t, d))
    allowed = RNG.integers(0, 2, (t, t))
    allowed[:, 0] = 1
    allowed = {"plain": np.ones((t, t)), "causal": np.tril(np.ones((t, t))), "given": allowed}[kind]
    mask = {"plain": None, "causal": "causal", "given": sd.matrix("mask", t, t, integer=True)}[kind]

    def other(q, k, v, mask=None):
        scores = q @ k.transpose(-1, -2) / np.sqrt(m)
        return weighed(torch.where(torch.tensor(allowed) > 0, scores, -torch.inf), v)

    given = {"mask": allowed} if kind == "given" else None
    compare(sd.attention(q, k, v, mask=mask), other, ["q", "k", "v"], given)


def test_heads_and_scores():
    t, s, d = sizes((3, 5), (3, 5), (2, 3))
    q, k, v = sd.matrix("q", t, 6), sd.matrix("k", s, 6), sd.matrix("v", s, 6)

    def heads(q, k, v):
        parts = [x.reshape(x.shape[0], 3, 2).transpose(0, 1) for x in (q, k, v)]
        return F.scaled_dot_product_attention(*parts).transpose(0, 1).reshape(t, 6)

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # others have no second derivative
        compare(sd.attention(q, k, v, heads=3), heads, ["q", "k", "v"])
    q, k = sd.matrix("q", t, 2), sd.matrix("k", s, 3)
    W, w, A, B = sd.matrix("W", 2, 3), sd.vector("w", d), sd.matrix("A", d, 2), sd.matrix("B", d, 3)
    compare(
        sd.attention(q, k, v, score=sd.scores.General(W)),
        lambda q, k, v, W: weighed(q @ W @ k.T, v),
        ["q", "k", "v", "W"],
    )
    compare(
        sd.attention(q, k, v, score=sd.scores.Additive(w, A, B)),
        lambda q, k, v, w, A, B: weighed(torch.tanh((q @ A.T)[:, None] + (k @ B.T)[None]) @ w, v),
        ["q", "k", "v", "w", "A", "B"],
    )


def test_positional_encoding():
    t, d = sizes((3, 6), (2, 4))
    x = sd.matrix("x", t, 2 * d)
    place = torch.arange(1, t + 1, dtype=torch.float64)[:, None] / 10_000 ** (torch.arange(d) / d)
    expected = torch.stack([torch.sin(place), torch.cos(place)], 2).reshape(t, 2 * d)
    compare(sd.positional_encoding(t, 2 * d) + sd.sin(x), lambda x: expected + torch.sin(x), ["x"])


def gates(v, name, h, x):
    return v[f"W_{name}_h"] @ h + v[f"W_{name}_x"] @ x + v[f"b_{name}"]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_recurrent_layers(kind, reverse):
    """By all parameters and the input together, against loops over the times."""
    T, p, m = sizes((2, 4), (1, 3), (2, 3))
    x = sd.matrix("x", T, p)
    layer = {"rnn": rnn, "lstm": lstm, "gru": gru}[kind](x, m, reverse=reverse)

    def other(**v):
        h = c = torch.zeros(m, dtype=torch.float64)
        states = {}
        for t in reversed(range(T)) if reverse else range(T):
            if kind == "rnn":
                h = torch.tanh(gates(v, "h", h, v["x"][t]))
            elif kind == "lstm":
                f, i, o = (torch.sigmoid(gates(v, name, h, v["x"][t])) for name in "fio")
                c = f * c + i * torch.tanh(gates(v, "tilde_c", h, v["x"][t]))
                h = o * torch.tanh(c)
            else:
                r, u = (torch.sigmoid(gates(v, name, h, v["x"][t])) for name in "ru")
                new = torch.tanh(gates(v, "tilde_h", r * h, v["x"][t]))
                h = (1 - u) * h + u * new
            states[t] = h
        return torch.stack([states[t] for t in range(T)])

    compare(layer.h, other, names_of(layer.h))


def test_carried_together_with_checkpoints():
    T, m = sizes((3, 5), (2, 3))
    x, A, h, c = sd.matrix("x", T, m), sd.matrix("A", m, m), sd.vector("h", m), sd.vector("c", m)

    def step(t, h, c):
        c = sd.hadamard(sd.sigmoid(A @ h), c) + x[t]
        return sd.tanh(sd.softmax(c) + A @ h), c

    def other(x, A, h, c):
        states = []
        for t in range(T):
            c = torch.sigmoid(A @ h) * c + x[t]
            h = torch.tanh(torch.softmax(c, 0) + A @ h)
            states.append(h)
        return torch.stack(states)

    for checkpoint in (None, 2):
        value = sd.recurrence(step, (h, c), T, names=("h", "c"), checkpoint=checkpoint)[0]
        compare(value, other, ["x", "A", "h", "c"])


def test_blocks():
    """A residual block and an inception block of book chapter 6."""
    c, n = sizes((2, 3), (3, 4))
    x, K, L = sd.tensor("x", (c, n, n)), sd.tensor("K", (c, c, 3, 3)), sd.tensor("L", (2, c, 1, 1))
    residual = x + sd.conv2d(sd.softplus(sd.conv2d(x, K, padding=1)), K, padding=1)

    def other(x, K):
        return x + F.conv2d(F.softplus(F.conv2d(x[None], K, padding=1)), K, padding=1)[0]

    compare(residual, other, ["x", "K"])
    inception = sd.concat([sd.conv2d(x, L), sd.conv2d(x, K, padding=1), sd.max_pool(x, 3, 1, 1)])
    compare(
        inception,
        lambda x, K, L: torch.cat(
            [F.conv2d(x[None], L), F.conv2d(x[None], K, padding=1), F.max_pool2d(x[None], 3, 1, 1)], 1
        )[0],
        ["x", "K", "L"],
    )


def test_losses():
    n, d = sizes((3, 5), (2, 4))
    y, z, u = sd.matrix("y", n, d), sd.matrix("z", n, d), sd.matrix("u", n, d)
    classes = np.eye(d)[RNG.integers(0, d, n)]
    bits = RNG.integers(0, 2, (n, d)).astype(float)
    losses = sd.losses
    pairs = [
        (losses.squared(y, z), lambda y, z: F.mse_loss(z, y, reduction="sum"), ["y", "z"], {}),
        (losses.huber(y, z), lambda y, z: F.huber_loss(z, y, reduction="sum"), ["y", "z"], {}),
        (losses.cross_entropy(y, sd.softmax(z, axis=1)), lambda y, z: F.cross_entropy(z, y, reduction="sum"), ["z"],
         {"y": classes}),
        (losses.binary_cross_entropy_logits(y, z),
         lambda y, z: F.binary_cross_entropy_with_logits(z, y, reduction="sum"), ["z"], {"y": bits}),
        (losses.binary_cross_entropy(y, sd.sigmoid(z)),
         lambda y, z: F.binary_cross_entropy(torch.sigmoid(z), y, reduction="sum"), ["z"], {"y": bits}),
        (sd.kl_divergence(sd.softmax(y, axis=1), sd.softmax(z, axis=1)),
         lambda y, z: F.kl_div(torch.log_softmax(z, 1), torch.log_softmax(y, 1), reduction="sum", log_target=True),
         ["y", "z"], {}),
        (sd.triplet_loss(y, z, u, 20),
         lambda y, z, u: torch.relu(torch.sum((y - z) ** 2) - torch.sum((y - u) ** 2) + 20), ["y", "z", "u"], {}),
        (sd.contrastive_loss(y, z, 0, 20), lambda y, z: torch.relu(20 - torch.linalg.norm(y - z)) ** 2, ["y", "z"], {}),
        (sd.contrastive_loss(y, z, 1, 20), lambda y, z: torch.sum((y - z) ** 2), ["y", "z"], {}),
        (sd.kl_normal(y, sd.exp(z)), lambda y, z: 0.5 * torch.sum(torch.exp(z) + y**2 - 1 - z), ["y", "z"], {}),
    ]  # fmt: skip
    for value, other, names, given in pairs:
        compare(value, other, names, given)


N = 3
A, B, M = sd.matrix("A", N, N), sd.matrix("B", N, 2), sd.matrix("M", N, 2)
DEFINITE, SPREAD = A @ A.T + 2 * sd.eye(N), np.diag([1.0, 2.0, 3.0]) + RNG.normal(size=(N, N)) / 10
TALL = np.eye(N)[:, :2] * np.array([1.0, 3.0]) + RNG.normal(size=(N, 2)) / 10


def definite(A):
    return A @ A.T + 2 * torch.eye(N, dtype=A.dtype)


LINEAR = {
    "inverse": (sd.inv(DEFINITE), lambda A: torch.linalg.inv(definite(A)), {}),
    "solve": (sd.solve(DEFINITE, B), lambda A, B: torch.linalg.solve(definite(A), B), {}),
    "determinant": (sd.det(DEFINITE) / 100, lambda A: torch.linalg.det(definite(A)) / 100, {"A": SPREAD / 2}),
    "log det": (sd.logdet(DEFINITE), lambda A: torch.logdet(definite(A)), {}),
    "Cholesky": (sd.cholesky(DEFINITE), lambda A: torch.linalg.cholesky(definite(A)), {}),
    "eigenvalues": (sd.eigh(A)[0], lambda A: torch.linalg.eigvalsh((A + A.T) / 2), {"A": SPREAD}),
    "eigenvectors": (sd.square(sd.eigh(A)[1]), lambda A: torch.linalg.eigh((A + A.T) / 2)[1] ** 2, {"A": SPREAD}),
    "singular values": (sd.svd(M)[1], torch.linalg.svdvals, {"M": TALL}),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_algebra(name):
    """Of matrices that are well conditioned, and whose eigenvalues and singular values lie apart."""
    value, other, given = LINEAR[name]
    names = names_of(value)
    compare(value, (lambda M: other(M)) if names == ["M"] else other, names, given)


def test_divergence_of_given_distributions():
    q, r = sd.vector("q", 5, probability=True), sd.vector("r", 5, probability=True)
    arrays = {"q": np.array([0.1, 0.2, 0.3, 0.25, 0.15]), "r": np.full(5, 0.2)}
    expected = F.kl_div(torch.log(torch.tensor(arrays["r"])), torch.tensor(arrays["q"]), reduction="sum")
    np.testing.assert_allclose(compiled(sd.kl_divergence(q, r), arrays), float(expected), rtol=1e-12)
