"""The same functions in PyTorch, on random shapes: values, gradients and Hessian-vector products to 1e-10.

Index maps, reductions, gathers and what is composed of them. Needs torch.
"""

import numpy as np
import pytest

import symdl as sd
from symdl.expr.nodes import Element
from tests.structures.checks import compiled

torch = pytest.importorskip("torch")

from tests.ops.torch_peer import compare, random_sizes, reseed  # noqa: E402  # because without torch it is not imported

F = torch.nn.functional
pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def same_numbers_whatever_ran_before(request):
    reseed(RNG, request)


def sizes(*ranges):
    return random_sizes(RNG, *ranges)


@pytest.mark.parametrize("number", range(6))
def test_conv2d(number):
    groups, stride, padding, dilation = sizes((1, 3), (1, 3), (0, 2), (1, 2))
    per, out, h, w, k, l = sizes((1, 2), (1, 2), (6, 9), (6, 9), (1, 3), (1, 3))
    x, K = sd.tensor("x", (groups * per, h, w)), sd.tensor("K", (groups * out, per, k, l))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    compare(sd.conv2d(x, K, **options), lambda x, K: F.conv2d(x[None], K, **options)[0], ["x", "K"])


@pytest.mark.parametrize("number", range(3))
def test_conv1d(number):
    groups, stride, padding, dilation, n = sizes((1, 2), (1, 3), (0, 2), (1, 3), (8, 12))
    x, K = sd.tensor("x", (2 * groups, n)), sd.tensor("K", (2 * groups, 2, 3))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    compare(sd.conv1d(x, K, **options), lambda x, K: F.conv1d(x[None], K, **options)[0], ["x", "K"])


def test_depthwise():
    c, h, w = sizes((2, 4), (4, 6), (4, 6))
    x, K = sd.tensor("x", (c, h, w)), sd.tensor("K", (c, 1, 3, 3))
    compare(sd.conv2d(x, K, padding=1, groups=c), lambda x, K: F.conv2d(x[None], K, padding=1, groups=c)[0], ["x", "K"])


@pytest.mark.parametrize("number", range(3))
def test_conv3d(number):
    groups, stride, padding, dilation = sizes((1, 2), (1, 2), (0, 1), (1, 2))
    d, h, w = sizes((3, 5), (5, 6), (3, 4))
    x, K = sd.tensor("x", (groups, d, h, w)), sd.tensor("K", (2 * groups, 1, 2, 3, 2))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    compare(sd.conv3d(x, K, **options), lambda x, K: F.conv3d(x[None], K, **options)[0], ["x", "K"])


@pytest.mark.parametrize("number", range(3))
def test_conv_transpose2d(number):
    stride, padding, h, w = sizes((1, 3), (0, 1), (2, 4), (3, 5))
    extra = int(RNG.integers(0, stride))
    x, K = sd.tensor("x", (3, h, w)), sd.tensor("K", (3, 2, 3, 2))
    compare(
        sd.conv_transpose2d(x, K, stride, padding, extra),
        lambda x, K: F.conv_transpose2d(x[None], K, None, stride, padding, extra)[0],
        ["x", "K"],
    )


@pytest.mark.parametrize("number", range(4))
def test_pools(number):
    size, stride, h, w = sizes((2, 3), (1, 3), (5, 8), (5, 8))
    padding = int(RNG.integers(0, size // 2 + 1))
    x = sd.tensor("x", (2, h, w))
    compare(sd.max_pool(x, size, stride, padding), lambda x: F.max_pool2d(x[None], size, stride, padding)[0], ["x"])
    compare(sd.avg_pool(x, size, stride, padding), lambda x: F.avg_pool2d(x[None], size, stride, padding)[0], ["x"])


@pytest.mark.parametrize("number", range(2))
def test_index_maps(number):
    n, m, first, step, shift, before, after = sizes((5, 8), (3, 5), (0, 2), (1, 3), (1, 2), (0, 2), (0, 2))
    x = sd.matrix("x", n, m)
    i, j, k = (sd.scalar(name, integer=True) for name in "ijk")
    windows = sd.array(Element(x, step * i + k, j), (i, (n - 3) // step + 1), (j, m), (k, 3))
    pairs = [
        (x[first::step], lambda x: x[first::step]),
        (x[::-1, ::2], lambda x: torch.flip(x, [0])[:, ::2]),
        (x[shift:] - x[:-shift], lambda x: x[shift:] - x[:-shift]),
        (sd.pad(x, [(before, after), (after, before)]), lambda x: F.pad(x, (after, before, before, after))),
        (sd.flip(x, 1), lambda x: torch.flip(x, [1])),
        (windows, lambda x: x.unfold(0, 3, step)),
        (sd.reshape(x, (m, n)), lambda x: x.reshape(m, n)),
        (sd.reshape(x, (n * m,))[::step], lambda x: x.reshape(-1)[::step]),
    ]
    for value, other in pairs:
        compare(value, other, ["x"])


@pytest.mark.parametrize("number", range(2))
def test_reductions(number):
    a, b, c = sizes((2, 4), (2, 4), (2, 3))
    x = sd.tensor("x", (a, b, c))
    axis = int(RNG.integers(0, 3))
    pairs = [
        (sd.max(x, axis=axis), lambda x: torch.amax(x, axis)),
        (sd.min(x, axis=axis), lambda x: torch.amin(x, axis)),
        (sd.max(x), torch.amax),
        (sd.prod(x, axis=axis), lambda x: torch.prod(x, axis)),
        (sd.logsumexp(x, axis=axis), lambda x: torch.logsumexp(x, axis)),
        (sd.softmax(x, axis=axis), lambda x: torch.softmax(x, axis)),
        (sd.log_softmax(x, axis=axis), lambda x: torch.log_softmax(x, axis)),
        (sd.mean(x, axis=axis), lambda x: torch.mean(x, axis)),
        (sd.var(x, axis=axis), lambda x: torch.var(x, axis, correction=0)),
        (sd.norm(x, axis=axis), lambda x: torch.linalg.vector_norm(x, dim=axis)),
    ]
    for value, other in pairs:
        compare(value, other, ["x"])
    np.testing.assert_array_equal(
        compiled(sd.argmax(x, axis=axis), {"x": (array := RNG.normal(size=(a, b, c)))}),
        torch.argmax(torch.tensor(array), axis).numpy(),
    )


@pytest.mark.parametrize("number", range(2))
def test_gathers(number):
    n, m, e, v = sizes((3, 5), (2, 3), (6, 9), (3, 4))
    x, E = sd.matrix("x", e, m), sd.matrix("E", n, m)
    w, s, u = sd.vector("w", e, integer=True), sd.vector("s", e, integer=True), sd.matrix("u", 2, 3, integer=True)
    segments = RNG.integers(0, v, e)
    segments[segments == v - 1] = 0  # the last one is empty
    given = {"w": RNG.integers(0, n, e), "s": segments, "u": RNG.integers(0, m, (2, 3))}

    def rows(s, k):
        return [place for place in range(e) if int(s[place]) == k]

    def joined(function):
        return lambda x, s: torch.stack(
            [function(x[rows(s, k)]) if rows(s, k) else torch.zeros_like(x[0]) for k in range(v)]
        )

    def softmax(x, s):
        powers = torch.exp(x)
        return powers / torch.zeros(v, m, dtype=x.dtype).index_add(0, s, powers)[s]

    pairs = [
        (sd.take(E, w), lambda E, w: E[w], ["E"]),
        (sd.take(E, u, axis=1), lambda E, u: E[:, u], ["E"]),
        (sd.one_hot(w, n) @ E, lambda E, w: F.one_hot(w, n).to(E.dtype) @ E, ["E"]),
        (sd.segment_sum(x, s, v), lambda x, s: torch.zeros(v, m, dtype=x.dtype).index_add(0, s, x), ["x"]),
        (sd.segment_mean(x, s, v), joined(lambda part: part.mean(0)), ["x"]),
        (sd.segment_max(x, s, v), joined(lambda part: part.amax(0)), ["x"]),
        (sd.segment_softmax(x, s, v), softmax, ["x"]),
    ]
    for value, other, names in pairs:
        used = {symbol.name for symbol in value.free_symbols}
        compare(value, other, names, {name: array for name, array in given.items() if name in used})


def test_messages():
    """Graph convolution over an edge list: gather, weigh, scatter-add; catalogue 8.5."""
    nodes, edges, p, q = sizes((3, 5), (6, 10), (2, 3), (2, 3))
    H, W, a = sd.matrix("H", nodes, p), sd.matrix("W", p, q), sd.vector("a", 2 * q)
    first, last = sd.vector("first", edges, integer=True), sd.vector("last", edges, integer=True)
    given = {"first": RNG.integers(0, nodes, edges), "last": RNG.integers(0, nodes, edges)}
    Z = H @ W
    ends = sd.concat([sd.take(Z, last), sd.take(Z, first)], axis=1)
    alpha = sd.segment_softmax(sd.tanh(ends @ a), last, nodes)
    weighed = sd.hadamard(sd.broadcast(sd.reshape(alpha, (edges, 1)), (edges, q)), sd.take(Z, first))

    def other(H, W, a, first, last):
        Z = H @ W
        powers = torch.exp(torch.tanh(torch.cat([Z[last], Z[first]], 1) @ a))
        alpha = powers / torch.zeros(nodes, dtype=H.dtype).index_add(0, last, powers)[last]
        return torch.zeros(nodes, q, dtype=H.dtype).index_add(0, last, alpha[:, None] * Z[first])

    compare(sd.segment_sum(weighed, last, nodes), other, ["H", "W", "a"], given)


def test_contractions():
    a, b, c, d = sizes((2, 3), (2, 4), (2, 3), (2, 3))
    x, y = sd.tensor("x", (a, b, c)), sd.tensor("y", (a, c, d))
    z, t = sd.matrix("z", c, d), sd.tensor("t", (a, b, c, d))
    i, j, k, l = (sd.scalar(name, integer=True) for name in "ijkl")
    product = Element(t, i, j, k, l) * Element(x, i, j, k) * Element(z, k, l)
    pairs = [
        (x @ y, lambda x, y: x @ y, ["x", "y"]),
        (x @ z, lambda x, z: x @ z, ["x", "z"]),
        (sd.sum(sd.array(product, (i, a), (j, b), (k, c), (l, d)), axis=(0, 2)),
         lambda t, x, z: torch.einsum("ijkl,ijk,kl->jl", t, x, z), ["t", "x", "z"]),
        (sd.concat([x, sd.transpose(x, (0, 1, 2)), x[:, :1]], axis=1), lambda x: torch.cat([x, x, x[:, :1]], 1), ["x"]),
        (sd.stack([x[0], sd.sin(x[1])], axis=1), lambda x: torch.stack([x[0], torch.sin(x[1])], 1), ["x"]),
        (sd.transpose(x, (2, 0, 1)), lambda x: x.permute(2, 0, 1), ["x"]),
        (sd.hadamard(sd.broadcast(z, (a, c, d)), y), lambda z, y: z * y, ["z", "y"]),
    ]  # fmt: skip
    for value, other, names in pairs:
        compare(value, other, names)


def test_masks():
    n, m = sizes((3, 5), (3, 5))
    x, mask = sd.matrix("x", n, m), sd.matrix("mask", n, m, integer=True)
    allowed = RNG.integers(0, 2, (n, m))
    allowed[:, 0] = 1
    masked = sd.where(sd.greater(mask, 0), x, sd.ops.masked.MASKED)
    compare(
        sd.softmax(masked, axis=1),
        lambda x, mask: torch.softmax(torch.where(mask > 0, x, -torch.inf), 1),
        ["x"],
        {"mask": allowed},
    )
    compare(sd.where(sd.greater(x, 0), sd.exp(x), x), lambda x: torch.where(x > 0, torch.exp(x), x), ["x"])


def test_draws():
    """The same draws given to PyTorch: reparametrisation, dropout, a mask of Bernoulli numbers, classes."""
    n, m = sizes((3, 5), (2, 4))
    x, mean, spread = sd.matrix("x", n, m), sd.vector("mean", m), sd.vector("spread", m)
    seeds = {"seed": np.array(3), "step": np.array(7)}
    eps, kept = sd.random.normal((m,), stream="eps"), sd.random.bernoulli(0.7, (n, m), stream="kept")
    drawn = sd.random.categorical(x, axis=1, one_hot=True, stream="classes")
    noise, mask = (torch.tensor(compiled(value, seeds)) for value in (eps, kept))
    dropped = torch.tensor(compiled(sd.dropout(sd.ones(n, m), 0.5, stream="dropped"), seeds))

    def given(other):
        return lambda seed, step, **tensors: other(**tensors)

    compare(
        mean + sd.hadamard(sd.exp(spread), eps),
        given(lambda mean, spread: mean + torch.exp(spread) * noise),
        ["mean", "spread"],
        seeds,
    )
    compare(sd.dropout(x, 0.5, stream="dropped"), given(lambda x: x * dropped), ["x"], seeds)
    compare(sd.hadamard(kept, sd.exp(x)), given(lambda x: mask * torch.exp(x)), ["x"], seeds)
    array = RNG.normal(size=(n, m))
    classes = torch.tensor(compiled(drawn, {"x": array, **seeds}))
    value = sd.sum(sd.hadamard(sd.log_softmax(x, axis=1), drawn), axis=1)
    compare(
        value,
        given(lambda x: torch.sum(torch.log_softmax(x, 1) * classes, 1)),
        ["x"],
        seeds | {"x": array},
    )


def test_stop_gradient():
    x = sd.matrix("x", *sizes((2, 4), (2, 4)))
    value = sd.hadamard(sd.exp(x), sd.stop_gradient(sd.sin(x)))
    compare(value, lambda x: torch.exp(x) * torch.sin(x).detach(), ["x"])
