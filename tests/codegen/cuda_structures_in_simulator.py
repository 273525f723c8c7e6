"""One small example of each structure, with its gradient, on Numba's CUDA simulator: what NumPy gives."""

import os

import numpy as np
import pytest
from sympy import Symbol

import symdl as sd
from symdl.expr.nodes import Element
from symdl.models.recurrent import gru, lstm, rnn
from symdl.ops.masked import MASKED

assert os.environ.get("NUMBA_ENABLE_CUDASIM") == "1", "run tests/codegen/test_cuda.py, which sets it"

x, K, s = sd.tensor("x", (1, 4, 4)), sd.tensor("K", (2, 1, 3, 3)), sd.vector("s", 4, integer=True)  # s is below 3
m, h, A, w = sd.matrix("m", 4, 2), sd.vector("h", 2), sd.matrix("A", 2, 2), sd.vector("w", 2)
b, k, v = sd.tensor("b", (2, 3, 2)), sd.matrix("k", 4, 2), sd.matrix("v", 4, 3)
i, j, l, n = (sd.scalar(name, integer=True) for name in "ijln")

states = rnn(m, 2).h


def expected(p):
    z = sd.vector("z", 2)
    return sd.expectation(sd.sum(sd.square(z) + z), z, sd.distributions.Bernoulli(p), samples=3, stream="score")


def cell(t, hidden, c):
    gate = sd.sigmoid(A @ hidden + m[t])
    following = sd.hadamard(gate, c) + m[t]
    return sd.hadamard(gate, sd.tanh(following)), following


STRUCTURES = {
    "convolution": lambda: (sd.conv2d(x, K, stride=2, padding=1), [x, K]),
    "groups and dilation": lambda: (sd.conv1d(m.T, sd.tensor("G", (4, 1, 2)), dilation=2, groups=2), [m]),
    "three axes": lambda: (sd.conv3d(sd.tensor("y", (1, 2, 3, 2)), sd.tensor("L", (1, 1, 2, 2, 2)), padding=1), []),
    "depthwise": lambda: (sd.conv2d(sd.concat([x, x]), sd.tensor("D", (2, 1, 2, 2)), groups=2), [x]),
    "windows": lambda: (sd.array(Element(m, 2 * i + j, 1), (i, 2), (j, 2)), [m]),
    "transposed": lambda: (sd.conv_transpose2d(x, sd.tensor("K", (1, 2, 2, 2)), stride=2), [x]),
    "max pooling": lambda: (sd.max_pool(x, 3, 1), [x]),
    "average pooling": lambda: (sd.avg_pool(x, 2, 2, 1), [x]),
    "slice": lambda: (m[3:0:-2], [m]),
    "padding": lambda: (sd.pad(m, [(1, 2), (0, 1)]), [m]),
    "reshape": lambda: (sd.reshape(sd.flip(x, 1), (2, 8)), [x]),
    "concatenation": lambda: (sd.concat([m, sd.stack([h, w], axis=1), m]), [m, h]),
    "extrema": lambda: (sd.max(x, axis=1) - sd.min(x, axis=2), [x]),
    "product": lambda: (sd.prod(m, axis=0), [m]),
    "logsumexp": lambda: (sd.logsumexp(m, axis=0), [m]),
    "place of the largest": lambda: (sd.argmax(m, axis=0), []),
    "gather": lambda: (sd.take(m, s), [m]),
    "one-hot": lambda: (sd.one_hot(s, 4) @ m, [m]),
    "messages": lambda: (sd.segment_sum(sd.hadamard(sd.take(m, s), m), s, 3), [m]),
    "segment sum": lambda: (sd.segment_sum(m, s, 3), [m]),
    "segment mean": lambda: (sd.segment_mean(m, s, 3), [m]),
    "segment max": lambda: (sd.segment_max(m, s, 3), [m]),
    "segment softmax": lambda: (sd.segment_softmax(m, s, 3), [m]),
    "recurrence": lambda: (sd.recurrence(lambda t, c: sd.tanh(A @ c + m[t]), h, 4), [A, m, h]),
    "recurrence in reverse": lambda: (sd.recurrence(lambda t, c: sd.tanh(A @ c + m[t]), h, 4, reverse=True), [A, m]),
    "several carried tensors": lambda: (sd.recurrence(cell, (h, w), 4, names=("h", "c"))[0], [A, w]),
    "checkpointed": lambda: (sd.recurrence(lambda t, c: sd.tanh(A @ c + m[t]), h, 4, checkpoint=2), [A, m, h]),
    "truncated": lambda: (sd.recurrence(lambda t, c: sd.tanh(A @ c + m[t]), h, 4, truncate=2), [A, m, h]),
    "gather in a step": lambda: (sd.recurrence(lambda t, c: sd.tanh(c + m[t] + k[s[t]]), h, 4), [m, k, h]),
    "stacked recurrences": lambda: (sd.recurrence(lambda t, c: sd.tanh(c + states[t]), h, 4, reverse=True), [m, h]),
    "long short-term memory": lambda: (lstm(m, 2).h, [m]),
    "gated recurrent unit": lambda: (gru(m, 2).h, [m]),
    "several orders": lambda: (sd.sum(sd.array(Element(b, i, j, l) * Element(A, l, n) * Element(k, j, n),
                                               (i, 2), (j, 3), (l, 2), (n, 2)), axis=(1, 3)), [b, A, k]),
    "broadcast": lambda: (sd.hadamard(sd.broadcast(h, (4, 2)), m), [h, m]),
    "batched product": lambda: (b @ sd.transpose(b, (0, 2, 1)), [b]),
    "batch with one matrix": lambda: (b @ A, [b, A]),
    "mask": lambda: (sd.softmax(sd.where(sd.greater(m, 0), m, MASKED), axis=1), [m]),
    "attention": lambda: (sd.attention(m, k, v, mask="causal"), [m, k, v]),
    "heads": lambda: (sd.attention(m, k, m, heads=2), [m, k]),
    "general score": lambda: (sd.attention(m, k, v, score=sd.scores.General(A)), [m, k, A]),
    "additive score": lambda: (sd.attention(m, k, v, score=sd.scores.Additive(h, A, A)), [m, k, h, A]),
    "positions": lambda: (sd.positional_encoding(4, 2) + sd.sin(m), [m]),
    "residual": lambda: (x + sd.relu(sd.conv2d(x, K[:1], padding=1)), [x, K]),
    "root mean square norm": lambda: (sd.rms_norm(m, h), [m, h]),
    "layer norm": lambda: (sd.layer_norm(m, h, w), [m, h, w]),
    "batch norm": lambda: (sd.batch_norm(m, h, w, batch_axis=0), [m, h]),
    "group norm": lambda: (sd.group_norm(x, 1), [x]),
    "draws": lambda: (sd.hadamard(h, sd.random.normal((2,), stream="draws")), [h]),
    "dropout": lambda: (sd.dropout(h, 0.5, stream="dropped"), [h]),
    "classes drawn": lambda: (sd.random.categorical(m, axis=1, stream="classes"), []),
    "classes as vectors": lambda: (sd.hadamard(sd.random.categorical(m, axis=1, one_hot=True, stream="c"), m), [m]),
    "Bernoulli": lambda: (sd.hadamard(sd.random.bernoulli(sd.sigmoid(h), stream="b"), h), [h]),
    "score function": lambda: (expected(sd.softmax(h)), [h]),
    "cross entropy": lambda: (sd.losses.cross_entropy(sd.one_hot(s, 3), sd.softmax(v, axis=1)), [v]),
    "Huber": lambda: (sd.losses.huber(h, w), [h, w]),
    "triplet": lambda: (sd.triplet_loss(h, w, A[0], 5), [h, w, A]),
    "contrastive": lambda: (sd.contrastive_loss(h, w, 0, 5), [h, w]),
    "divergence": lambda: (sd.kl_divergence(sd.softmax(h), sd.softmax(w)), [h, w]),
    "stopped": lambda: (sd.hadamard(m, sd.stop_gradient(m)), [m]),
}  # fmt: skip


@pytest.mark.parametrize("name", STRUCTURES)
def test_structure(name):
    """The simulator gives what NumPy gives."""
    value, wrt = STRUCTURES[name]()
    loss = sd.sum(sd.sin(value)) if getattr(value, "shape", ()) else sd.sin(value)
    compare([value, *(sd.grad(loss, wrt) if wrt else [])])


@pytest.mark.parametrize("name", ["convolution", "max pooling", "segment max", "checkpointed", "attention"])
def test_second_order(name):
    value, [variable, *_] = STRUCTURES[name]()
    compare([sd.hvp(sd.sum(sd.sin(value)), variable, sd.tensor("direction", variable.shape))])


def compare(values):
    cuda, plain = (sd.compile(values, target=target) for target in ("cuda", "numpy"))
    rng = np.random.default_rng(0)
    symbols = {symbol.name: symbol for part in values for symbol in part.free_symbols if not isinstance(symbol, Symbol)}
    arrays = {symbol.name: rng.normal(size=tuple(map(int, symbol.shape))) for symbol in symbols.values()}
    arrays |= {"s": np.array([2, 0, 2, 0]), "seed": 3, "step": 7}
    given = {name: arrays[name] for name in cuda.inputs}
    for found, expected in zip(cuda(given), plain(given), strict=True):
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
