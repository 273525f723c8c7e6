"""Random structures made of several equations: batched products, reductions, norms, attention, draws, matrices."""

from typing import Any

import numpy as np
import sympy
from hypothesis import assume
from hypothesis import strategies as st

from symdl.expr.nodes import Element
from symdl.ops import attention, elementwise, linalg, masked, normalisation, reductions, softmax, structure
from symdl.ops.batch_norm import batch_norm
from symdl.testing.model import Part, Pool
from symdl.testing.operands import applied, draws, integers, largest, new, operand

SMALL = 1e-5


def batched_product(pool: Pool) -> Part:
    """Multiply batches of matrices, or a batch with one matrix."""
    x = operand(pool, 2, 1, 2, spread=1)
    shape = x.expr.shape
    columns = pool.draw(st.integers(1, 2))
    y = new(pool, *(shape[:1] if pool.draw(st.booleans()) else ()), shape[2], columns)
    return applied(pool, x.expr @ y.expr, np.matmul, x, y)


def contraction(pool: Pool) -> Part:
    """Sum a product of three tensors over two indices: ``y[b, i] = Σ_jk x[b, i, j] m[j, k] v[b, k]``."""
    x = operand(pool, 2, 1, 2, spread=1)
    m, v = new(pool, x.expr.shape[2], 2), new(pool, x.expr.shape[0], 2)
    b, i, k = sympy.symbols("b i k", integer=True)
    terms = Element(x.expr @ m.expr, b, i, k) * Element(v.expr, b, k)
    value = reductions.sum(structure.array(terms, (b, x.expr.shape[0]), (i, x.expr.shape[1]), (k, 2)), 2)
    return applied(pool, value, lambda u, a, c: np.einsum("bij,jk,bk->bi", u, a, c), x, m, v)


def reduced(pool: Pool) -> Part:
    """Take a largest or smallest entry, a product, or a logarithm of a sum of exponentials, over two of three axes."""
    x = operand(pool, 1, 2, 2, spread=1)
    kind = pool.draw(st.sampled_from(["max", "min", "prod", "logsumexp", "softmax"]))
    axis = pool.draw(st.integers(0, 2))
    value = {"max": reductions.max, "min": reductions.min, "prod": reductions.prod, "logsumexp": softmax.logsumexp,
             "softmax": softmax.softmax}[kind](x.expr, axis=axis)  # fmt: skip
    function = {
        "max": lambda u: largest(u, axis),
        "min": lambda u: -largest(-u, axis),
        "prod": lambda u: np.prod(u, axis=axis),
        "logsumexp": lambda u: np.log(np.sum(np.exp(u), axis=axis)),
        "softmax": lambda u: np.exp(u) / np.sum(np.exp(u), axis=axis, keepdims=True),
    }[kind]
    return applied(pool, value, function, x, analytic=kind not in ("max", "min"))


def masked_softmax(pool: Pool) -> Part:
    """Set entries to −∞ before a softmax."""
    x = operand(pool, 2, 3, exactly=True)
    symbol, mask = integers(pool, x.expr.shape, 2)
    mask[:, 0] = 1
    pool.arrays[symbol.name] = mask.astype(float)
    value = softmax.softmax(elementwise.where(elementwise.greater(symbol, 0), x.expr, masked.MASKED), axis=1)

    def numeric(u: Any) -> Any:
        powers = mask * np.exp(u)
        return powers / powers.sum(axis=1, keepdims=True)

    return applied(pool, value, numeric, x)


def attended(pool: Pool) -> Part:
    """Attend, with or without a mask, causal or given."""
    q = operand(pool, 2, 2, spread=1)
    features = q.expr.shape[1]
    queries, kind = q.value.shape[0], pool.draw(st.sampled_from(["none", "causal", "given"]))
    tokens = queries + pool.draw(st.integers(0, 1))
    k, v = new(pool, tokens, features), new(pool, tokens, pool.draw(st.integers(1, 2)))
    allowed = np.ones((queries, tokens))
    mask: Any = None
    if kind == "causal":
        mask, allowed = "causal", np.tril(allowed, tokens - queries)
    if kind == "given":
        mask, allowed = integers(pool, (q.expr.shape[0], tokens), 2)
        allowed[:, 0] = 1
        pool.arrays[mask.name] = allowed.astype(float)

    def numeric(a: Any, b: Any, c: Any) -> Any:
        scores = np.exp(a @ b.T / np.sqrt(a.shape[1])) * allowed
        return scores / scores.sum(axis=1, keepdims=True) @ c

    return applied(pool, attention.attention(q.expr, k.expr, v.expr, mask), numeric, q, k, v)


def _standardised(u: Any, axes: Any, centred: bool = True) -> Any:
    moved = u - u.mean(axis=axes, keepdims=True) if centred else u
    return moved / np.sqrt((moved * moved).mean(axis=axes, keepdims=True) + SMALL)


def normalised(pool: Pool) -> Part:
    """Normalise layers, groups, batches or root mean squares, with scales and shifts."""
    kind = pool.draw(st.sampled_from(["layer", "rms", "batch", "group"]))
    if kind == "group":
        x = operand(pool, 4, 2, exactly=True)
        g, b = new(pool, 4), new(pool, 4)

        def grouped(u: Any, s: Any, t: Any) -> Any:
            parts = _standardised(u.reshape(2, 2, 2), (1, 2)).reshape(u.shape)
            return parts * s[:, None] + t[:, None]

        return applied(pool, normalisation.group_norm(x.expr, 2, g.expr, b.expr), grouped, x, g, b)
    x = operand(pool, 2, 3, spread=0)
    g, b = new(pool, x.expr.shape[1]), new(pool, x.expr.shape[1])
    axis = 0 if kind == "batch" else 1
    deviations = x.value - x.value.mean(axis=axis, keepdims=True)
    assume(float(np.min(np.mean(deviations**2, axis=axis))) > 0.01)
    if kind == "rms":
        return applied(
            pool, normalisation.rms_norm(x.expr, g.expr), lambda u, s: _standardised(u, 1, centred=False) * s, x, g
        )
    value = (
        normalisation.layer_norm(x.expr, g.expr, b.expr)
        if kind == "layer"
        else batch_norm(x.expr, g.expr, b.expr, batch_axis=0)
    )
    return applied(pool, value, lambda u, s, t: _standardised(u, axis) * s + t, x, g, b)


def drawn(pool: Pool) -> Part:
    """Drop entries at random, add noise, or take random convex combinations; seed and step are given."""
    x = operand(pool, 2, 3, exactly=True)
    noise, values = draws(pool, (2, 3), pool.fresh("stream"))
    kind = pool.draw(st.sampled_from(["drop", "add", "mix"]))
    if kind == "drop":
        value = elementwise.where(elementwise.less(noise, 0.5), x.expr, structure.zeros(2, 3))
        return applied(pool, value, lambda u: np.where(values < 0.5, u, 0), x)
    if kind == "add":
        return applied(pool, x.expr + noise, lambda u: u + values, x)
    mixed = elementwise.hadamard(noise, x.expr) - elementwise.hadamard(1 - noise, elementwise.sin(x.expr))
    return applied(pool, mixed, lambda u: values * u - (1 - values) * np.sin(u), x)


def _definite(pool: Pool) -> tuple[Any, Any, Part]:
    """Return A Aᵀ + 2 I of a part A, as an expression and as a function."""
    a = operand(pool, 2, 2, spread=0)
    size = a.expr.shape[0]
    count = int(a.value.shape[0])
    return a.expr @ a.expr.T + 2 * structure.eye(size), lambda u: u @ u.T + 2 * np.eye(count), a


def solved(pool: Pool) -> Part:
    """Invert a well-conditioned matrix, or solve equations with it."""
    symbolic, numeric, a = _definite(pool)
    if pool.draw(st.booleans()):
        return applied(pool, linalg.inv(symbolic), lambda u: np.linalg.inv(numeric(u)), a)
    b = new(pool, symbolic.shape[0], pool.draw(st.integers(1, 2)))
    return applied(pool, linalg.solve(symbolic, b.expr), lambda u, v: np.linalg.solve(numeric(u), v), a, b)


def log_determinant(pool: Pool) -> Part:
    """Take the logarithm of a determinant."""
    symbolic, numeric, a = _definite(pool)
    return applied(pool, linalg.logdet(symbolic), lambda u: np.log(np.linalg.det(numeric(u))), a)


def factored(pool: Pool) -> Part:
    """Take a Cholesky factor."""
    symbolic, numeric, a = _definite(pool)

    def cholesky(u: Any) -> Any:
        matrix = numeric(u)
        found = np.zeros_like(matrix)
        for i in range(len(matrix)):
            for j in range(i + 1):
                rest = matrix[i, j] - np.sum(found[i, :j] * found[j, :j])
                found[i, j] = np.sqrt(rest) if i == j else rest / found[j, j]
        return found

    return applied(pool, linalg.cholesky(symbolic), cholesky, a)
