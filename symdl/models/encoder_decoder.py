"""An encoder and a decoder with attention, book §7.4, where the truth is known: digits written in reverse."""

from collections.abc import Callable
from typing import Any

import numpy as np

from symdl.data import Split, digits
from symdl.data.dataset import Dataset
from symdl.errors import InputError
from symdl.expr.contract import broadcast
from symdl.expr.declare import matrix, named, vector
from symdl.expr.recur import recurrence
from symdl.models.recipe import Supervised
from symdl.models.recurrent import rnn
from symdl.ops.elementwise import hadamard, log, tanh
from symdl.ops.gather import one_hot
from symdl.ops.reductions import sum as total
from symdl.ops.softmax import softmax
from symdl.ops.structure import concat, zeros
from symdl.optimizers.adam import Adam
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

LENGTH, DIGITS = 8, 10
BATCH, EPOCHS = 32, 60
SCORES = ("inner", "general", "additive")


def score(kind: str, v: Any, m: int, n: int) -> tuple[Callable[[Any], Any], list[Any]]:
    """Return the scores of a query s⟨t-1⟩ (m,) with all keys v (T, n), and their parameters; catalogue 7.4-scores.

    Raises:
        InputError: for an unknown kind, or an inner product of vectors of different sizes.
    """
    if kind == "inner" and m == n:
        return lambda s: v @ s, []
    if kind == "general":
        W = matrix("W_s", m, n, latex="W_{s}")
        return lambda s: v @ (W.T @ s), [W]
    if kind == "additive":
        A, B = matrix("W_s_a", m, m, latex="W_{s}^{a}"), matrix("W_s_b", m, n, latex="W_{s}^{b}")
        w = vector("w_s", m, latex="w_{s}")
        keys = v @ B.T
        return lambda s: tanh(keys + broadcast(A @ s, keys.shape)) @ w, [A, B, w]
    if kind == "inner":
        raise InputError(f"an inner product needs as many entries in queries as in keys, found {m} and {n}")
    raise InputError(f"unknown score {kind!r}; expected one of {', '.join(SCORES)}")


def translator(symbols: int, length: int, size: int = 64, kind: str = "general") -> Model:
    """Return a bidirectional encoder, and a decoder that reads the attention's mean and the symbol before (7.22).

    s⟨t⟩ = tanh(W_ss s⟨t-1⟩ + W_sy y⟨t-1⟩ + W_su u⟨t⟩ + b_s), u⟨t⟩ = Σ_τ α_τ⟨t⟩ v⟨τ⟩, v⟨τ⟩ = [h_f⟨τ⟩, h_r⟨τ⟩], and the
    query is s⟨t-1⟩. In training y⟨t-1⟩ is the true symbol (teacher forcing), and ``symbols`` at first.

    Args:
        symbols: The number of symbols.
        length: The length of both sequences.
        size: The number of units of the decoder; each direction of the encoder has half of them.
        kind: The score: ``inner``, ``general`` or ``additive``.
    """
    x, y = vector("x", length, integer=True), vector("y", length, integer=True)
    before = vector("y_before", length, integer=True, latex=r"y^{-}")
    encoded = [rnn(one_hot(x, symbols), size // 2, mark, mark == "r") for mark in ("f", "r")]
    v = named("v", concat([layer.h for layer in encoded], axis=1))
    scores, parameters = score(kind, v, size, size)
    W_ss, W_sy = matrix("W_ss", size, size, latex="W_{ss}"), matrix("W_sy", size, symbols + 1, latex="W_{sy}")
    W_su, b_s = matrix("W_su", size, size, latex="W_{su}"), vector("b_s", size, latex="b_{s}")
    W_ys, b_y = matrix("W_ys", symbols, size, latex="W_{ys}"), vector("b_y", symbols, latex="b_{y}")
    read = one_hot(before, symbols + 1)

    def step(t: Any, s: Any) -> Any:
        alpha = named("alpha", softmax(scores(s)))
        u = named("u", v.T @ alpha)
        return tanh(W_ss @ s + W_sy @ read[t] + W_su @ u + b_s)

    s = recurrence(step, zeros(size), length, names="s")
    y_hat = named("y_hat", softmax(s @ W_ys.T + broadcast(b_y, (length, symbols)), axis=1), latex=r"\hat{y}")
    return Model(
        loss=-total(hadamard(one_hot(y, symbols), log(y_hat))) / length,
        parameters=[*(p for layer in encoded for p in layer.parameters), *parameters, W_ss, W_sy, W_su, b_s, W_ys, b_y],
        inputs=[x, before],
        targets=[y],
        outputs={"y_hat": y_hat},
    )


def write(model: Model, x: np.ndarray) -> np.ndarray:
    """Return what a model writes for sequences (samples, T): each symbol the most probable one after those before."""
    before = np.full_like(x, DIGITS)
    for t in range(x.shape[1]):
        found = model.predict({"x": x, "y_before": before})["y_hat"][:, t].argmax(axis=1)
        if t + 1 < x.shape[1]:
            before[:, t + 1] = found
    return np.concatenate([before[:, 1:], found[:, None]], axis=1)


def arrays(data: Dataset) -> dict[str, np.ndarray]:
    """Return sequences, their reverse, and the reverse one place later."""
    start = np.full((len(data), 1), DIGITS)
    return {"x": data.x, "y": data.y, "y_before": np.concatenate([start, data.y[:, :-1]], axis=1)}


def strings() -> tuple[Split, ...]:
    """Return strings of eight labels in the order in which the digits were collected, the last fifth to test on."""
    source = digits()

    def part(labels: np.ndarray) -> Dataset:
        rows = np.lib.stride_tricks.sliding_window_view(labels, LENGTH)
        return Dataset("digit strings", rows.copy(), rows[:, ::-1].copy(), (), source.classes, source.source)

    end = len(source) * 4 // 5
    return (Split(part(source.y[:end]), part(source.y[end:])),)


def settings(division: Split) -> dict[str, Any]:
    """Return how to train: the learning rate ends at 0, and long gradients are cut, without which the loss may jump."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    optimizer = Adam(alpha=Cosine(3e-3, steps))
    return {"optimizer": optimizer, "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32", "clip_norm": 1.0}


def accuracy(model: Model, division: Split) -> float:
    """Return the share of symbols that are right, each written after the model's own."""
    return float(np.mean(write(model, division.test.x) == division.test.y))


def recipe(kind: str, name: str, article: str) -> Supervised:
    """Return the recipe with one of the scores."""
    return Supervised(
        name=name,
        title=f"digit strings written in reverse by an encoder and a decoder with attention, {article} score",
        section="7.4",
        build=lambda division: translator(DIGITS, LENGTH, kind=kind),
        splits=strings,
        arrays=arrays,
        settings=settings,
        metric="token accuracy",
        reference=0.97,
        tolerance=0.0,
        source="the reverse is known: at most three symbols in a hundred are wrong, each written after the model's own",
        figure=accuracy,
    )


RECIPES = (
    recipe("general", "encoder-decoder", "a general"),
    recipe("additive", "encoder-decoder-additive", "an additive"),
    recipe("inner", "encoder-decoder-inner", "an inner product as"),
)
