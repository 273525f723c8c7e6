"""Random structures made of several equations: batched products, reductions, norms, attention, draws."""

from typing import Any

import numpy as np
import sympy
from hypothesis import assume
from hypothesis import strategies as st

from symdl.expr.nodes import Element
from symdl.ops import attention, elementwise, masked, normalisation, reductions, softmax, structure
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
    mask = integers(pool, x.expr.shape, 2, least=1)
    value = softmax.softmax(elementwise.where(elementwise.greater(mask.expr, 0), x.expr, masked.MASKED), axis=1)

    def numeric(u: Any, allowed: Any) -> Any:
        powers = allowed * np.exp(u)
        return powers / powers.sum(axis=1, keepdims=True)

    return applied(pool, value, numeric, x, mask)


def attended(pool: Pool) -> Part:
    """Attend, with or without a mask, causal or given."""
    q = operand(pool, 2, 2, spread=1)
    features = q.expr.shape[1]
    queries, kind = q.value.shape[0], pool.draw(st.sampled_from(["none", "causal", "given"]))
    tokens = queries + pool.draw(st.integers(0, 1))
    k, v = new(pool, tokens, features), new(pool, tokens, pool.draw(st.integers(1, 2)))
    everything = np.ones((queries, tokens))

    def numeric(a: Any, b: Any, c: Any, allowed: Any) -> Any:
        scores = np.exp(a @ b.T / np.sqrt(a.shape[1])) * allowed
        return scores / scores.sum(axis=1, keepdims=True) @ c

    if kind == "given":
        mask = integers(pool, (q.expr.shape[0], tokens), 2, least=1)
        return applied(pool, attention.attention(q.expr, k.expr, v.expr, mask.expr), numeric, q, k, v, mask)
    allowed = np.tril(everything, tokens - queries) if kind == "causal" else everything
    value = attention.attention(q.expr, k.expr, v.expr, "causal" if kind == "causal" else None)
    return applied(pool, value, lambda a, b, c: numeric(a, b, c, allowed), q, k, v)


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
    noise = draws(pool, (2, 3), pool.fresh("stream"))
    kind = pool.draw(st.sampled_from(["drop", "add", "mix"]))
    if kind == "drop":
        value = elementwise.where(elementwise.less(noise.expr, 0.5), x.expr, structure.zeros(2, 3))
        return applied(pool, value, lambda u, v: np.where(v < 0.5, u, 0), x, noise)
    if kind == "add":
        return applied(pool, x.expr + noise.expr, lambda u, v: u + v, x, noise)
    mixed = elementwise.hadamard(noise.expr, x.expr) - elementwise.hadamard(1 - noise.expr, elementwise.sin(x.expr))
    return applied(pool, mixed, lambda u, v: v * u - (1 - v) * np.sin(u), x, noise)
