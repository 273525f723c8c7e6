"""Functions whose Hessians have a structure, with the structure a reader would name."""

from dataclasses import dataclass
from typing import Any

import symdl as sd

SIZES = {"n": 5, "p": 4, "k": 3, "m": 6, "q": 2}
n, p, k, m, q = sd.dims("n p k m q")
X, w, y, b = sd.matrix("X", n, p), sd.vector("w", p), sd.vector("y", n), sd.scalar("b")
U, V, T, W = sd.matrix("U", n, k), sd.matrix("V", m, k), sd.matrix("T", n, m), sd.matrix("W", q, p)
x, z, Y = sd.vector("x", p), sd.vector("z", n, nonnegative=True), sd.matrix("Y", n, q, one_hot=True)
y1 = sd.vector("y1", q, one_hot=True)
A, S = sd.matrix("A", p, p), sd.matrix("S", p, p, positive_definite=True)
lam = sd.scalar("lambda", positive=True, latex=r"\lambda")


@dataclass(frozen=True)
class Case:
    """A function, its variable, the kind of its Hessian, and what is known about its convexity."""

    name: str
    value: Any
    variable: Any
    kind: str
    verdict: str


def softmax_cost(scores: Any, labels: Any) -> Any:
    return sd.logsumexp(scores) - labels.T @ scores


CASES = [
    Case("factorisation", sd.sum(sd.square(T - U @ V.T)) / 2, U, "Kronecker product", "convex"),
    Case("several outputs", sd.sum(sd.square(X @ W.T - Y)), W, "Kronecker product", "convex"),
    Case("softmax, one sample", softmax_cost(W @ x, y1), W, "Kronecker product", "convex"),
    Case(
        "softmax, a batch",
        sd.sum(sd.logsumexp(X @ W.T, axis=1)) - sd.sum(sd.hadamard(Y, X @ W.T)),
        W,
        "sum of Kronecker products",
        "convex",
    ),
    Case("logsumexp", sd.logsumexp(w), w, "diagonal plus low rank", "convex"),
    Case("logistic", sd.sum(sd.softplus(X @ w) - sd.hadamard(y, X @ w)), w, "low rank", "convex"),
    Case(
        "ridge",
        sd.sum(sd.softplus(X @ w) - sd.hadamard(y, X @ w)) + lam / 2 * (w.T @ w),
        w,
        "diagonal plus low rank",
        "strictly convex",
    ),
    Case("separable", sd.sum(sd.exp(U)), U, "diagonal", "strictly convex"),
    Case("logarithms", sd.sum(sd.log(w)), w, "diagonal", "concave"),
    Case("rows", sd.sum(sd.hadamard(z, sd.logsumexp(U, axis=1))), U, "block diagonal", "convex"),
    Case("Poisson rates", sd.sum(sd.exp(X @ W.T)), W, "block diagonal", "convex"),
    Case("quadratic", x.T @ A @ x, x, "dense", "unknown"),
    Case("positive definite", x.T @ S @ x, x, "dense", "strictly convex"),
    Case("no convexity", sd.sum(sd.square(sd.tanh(X @ w) - y)), w, "low rank", "unknown"),
    Case("sine", sd.sum(sd.sin(w)), w, "diagonal", "unknown"),
]
