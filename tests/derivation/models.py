"""Costs whose derivations are tested, each with its variables and the sizes and ranges of its arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

import symdl as sd

n, p, q, h = sd.dims("n p q h")
SIZES = {"n": 6, "p": 4, "q": 3, "h": 5, "k": 2}


def logistic() -> tuple[Any, list[Any]]:
    X, y, w = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p)
    return sd.sum(sd.softplus(X @ w) - sd.hadamard(y, X @ w)), [w]


def least_squares_with_a_penalty() -> tuple[Any, list[Any]]:
    X, y, w, l = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p), sd.scalar("lambda", positive=True)
    return sd.norm(X @ w - y) ** 2 / 2 + l / 2 * sd.norm(w) ** 2, [w]


def one_sample() -> tuple[Any, list[Any]]:
    w, x, b, t = sd.vector("w", p), sd.vector("x", p), sd.scalar("b"), sd.scalar("t")
    return sd.softplus(w @ x + b) - t * (w @ x + b), [w, b]


def network(activation: Callable[..., Any] = sd.tanh) -> tuple[Any, list[Any]]:
    x, y = sd.vector("x", p), sd.vector("y", q, one_hot=True)
    W1, b1 = sd.matrix("W1", h, p, latex="W^{[1]}"), sd.vector("b1", h, latex="b^{[1]}")
    W2, b2 = sd.matrix("W2", q, h, latex="W^{[2]}"), sd.vector("b2", q, latex="b^{[2]}")
    z1 = sd.named("z1", W1 @ x + b1, latex="z^{[1]}")
    a1 = sd.named("a1", activation(z1), latex="a^{[1]}")
    z2 = sd.named("z2", W2 @ a1 + b2, latex="z^{[2]}")
    y_hat = sd.named("y_hat", sd.softmax(z2), latex=r"\hat{y}")
    return -sd.sum(sd.hadamard(y, sd.log(y_hat))), [W1, b1, W2, b2]


def factorisation() -> tuple[Any, list[Any]]:
    k = sd.dims("k")
    X, W, H = sd.matrix("X", n, p), sd.matrix("W", n, k), sd.matrix("H", k, p)
    return sd.norm(X - W @ H) ** 2, [W, H]


def indexed_notation() -> tuple[Any, list[Any]]:
    i, j = sympy.symbols("i j", integer=True)
    X, y = sympy.IndexedBase("X", shape=(n, p)), sympy.IndexedBase("y", shape=(n,))
    w = sympy.IndexedBase("w", shape=(p,))
    u = sympy.Sum(X[i, j] * w[j], (j, 0, p - 1))
    return sympy.Sum(sympy.log(1 + sympy.exp(u)) - y[i] * u, (i, 0, n - 1)), [sd.vector("w", p)]


def composed() -> tuple[Any, list[Any]]:
    X, y, w = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p)
    return sd.sum(sd.log(1 + sd.exp(-sd.hadamard(y, sd.tanh(X @ w))))), [w]


COSTS = [
    logistic, least_squares_with_a_penalty, one_sample, network, factorisation, indexed_notation, composed,
]  # fmt: skip


def symbolic_depth() -> tuple[Any, list[Any]]:
    N, L = sd.widths("N"), sympy.Symbol("L", integer=True, positive=True)
    ell = sympy.Symbol("ell", integer=True, positive=True)
    layer = sd.layers(ell, L)
    W, b = layer.matrix("W", N[ell], N[ell - 1]), layer.vector("b", N[ell])
    x, y = sd.vector("x", N[0]), sd.vector("y", N[L], one_hot=True)
    output = layer.recur("a", x, lambda a: layer.named("a", sd.tanh(layer.named("z", W @ a + b))))
    return -sd.sum(sd.hadamard(y, sd.log_softmax(output))), [W, b]


def arrays_for(names: Any, shapes: dict[str, tuple[Any, ...]]) -> dict[str, np.ndarray]:
    """Random arrays of the declared shapes; a one-hot y where y has as many entries as there are classes."""
    rng = np.random.default_rng(0)
    found = {name: rng.normal(size=[SIZES[str(size)] for size in shapes[name]]) for name in names}
    if shapes.get("y") == (q,) and "y" in found:
        found["y"] = np.eye(SIZES["q"])[1]
    return found
