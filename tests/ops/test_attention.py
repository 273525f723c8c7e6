"""Attention: values, masks, heads, scores, positions; the catalogue's derivatives; no NaN where nothing may be read."""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, check_value, compiled, inputs

T, S, m, d, p = sd.dims("T S m d p")
SIZES = {T: 4, S: 5, m: 3, d: 2, p: 6}


def softmax(x, axis):
    with np.errstate(invalid="ignore"):
        powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def rows(q, k, v, allowed=None, scale=None):
    """Attention with tokens as rows."""
    score = q @ np.swapaxes(k, -1, -2) * (1 / np.sqrt(q.shape[-1]) if scale is None else scale)
    return softmax(score if allowed is None else np.where(allowed, score, -np.inf), -1) @ v


@pytest.mark.parametrize("mask", [None, "causal"])
def test_rows_and_columns(mask):
    q, k, v = sd.matrix("q", T, m), sd.matrix("k", S, m), sd.matrix("v", S, d)
    y = sd.attention(q, k, v, mask=mask)
    arrays = inputs(y, sizes=SIZES)
    allowed = None if mask is None else np.arange(5) <= np.arange(4)[:, None] + 1  # the last query sees the last key
    expected = rows(arrays["q"], arrays["k"], arrays["v"], allowed)
    check_value(y, expected, arrays)
    check_gradient(sd.sum(sd.sin(y)), q, k, v, arrays=arrays)
    Q, K, V = sd.matrix("q", m, T), sd.matrix("k", m, S), sd.matrix("v", d, S)
    turned = {name: array.T.copy() for name, array in arrays.items()}
    check_value(sd.attention(Q, K, V, mask=mask, token_axis=1), expected.T, turned)
    check_gradient(sd.sum(sd.sin(sd.attention(Q, K, V, mask=mask, token_axis=-1))), Q, K, V, arrays=turned)


def test_catalogue_7_5_attn_back():
    """The six lines, causal, tokens as columns."""
    X, G = sd.matrix("X", p, T), sd.matrix("G", d, T)
    W_q, W_k, W_v = sd.matrix("W_q", m, p), sd.matrix("W_k", m, p), sd.matrix("W_v", d, p)
    Q, K, V = sd.named("Q", W_q @ X), sd.named("K", W_k @ X), sd.named("V", W_v @ X)
    f = sd.sum(sd.hadamard(G, sd.attention(Q, K, V, mask="causal", token_axis=1)))
    arrays = inputs(f, sizes=SIZES)
    found = check_gradient(f, W_q, W_k, W_v, X, arrays=arrays)
    x, g = arrays["X"], arrays["G"]
    q, k, v = (arrays[name] @ x for name in ("W_q", "W_k", "W_v"))
    mask = np.where(np.arange(4)[:, None] <= np.arange(4), 0, -np.inf)
    A = softmax(k.T @ q / np.sqrt(3) + mask, 0)
    by_A = v.T @ g
    by_S = A * (by_A - (A * by_A).sum(0))
    by_Q, by_K, by_V = k @ by_S / np.sqrt(3), q @ by_S.T / np.sqrt(3), g @ A.T
    by_X = arrays["W_q"].T @ by_Q + arrays["W_k"].T @ by_K + arrays["W_v"].T @ by_V
    for gradient, expected in zip(found, (by_Q @ x.T, by_K @ x.T, by_V @ x.T, by_X), strict=True):
        np.testing.assert_allclose(evaluate(gradient, arrays), expected, rtol=1e-10, atol=1e-13)


def test_the_lines_are_printed():
    Q, K, V, G = sd.matrix("Q", m, T), sd.matrix("K", m, T), sd.matrix("V", d, T), sd.matrix("G", d, T)
    scores = sd.named("S", K.T @ Q / sympy.sqrt(m))
    A = sd.named("A", sd.softmax(scores, axis=0))
    found = [sd.latex(gradient) for gradient in sd.grad(sd.sum(sd.hadamard(G, V @ A)), [Q, K, V])]
    assert found == [
        r"\frac{1}{\sqrt{m}} K \bar{S}",
        r"\frac{1}{\sqrt{m}} Q \bar{S}^{\top}",
        r"G A^{\top}",
    ]


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masked_weights_are_exactly_zero_and_nothing_is_nan(target, dtype):
    q, k, v = sd.matrix("q", T, m), sd.matrix("k", S, m), sd.matrix("v", S, d)
    mask = sd.matrix("mask", T, S)
    arrays = inputs(q, k, v, sizes=SIZES)
    arrays = {**{name: 100 * array for name, array in arrays.items()}, "mask": np.ones((4, 5))}
    arrays["mask"][0], arrays["mask"][2, 3] = 0, 0  # the first query may read nothing
    weights = sd.attention_weights(q, k, mask)
    f = sd.sum(sd.hadamard(sd.sin(weights), weights))
    options = {"target": target, "dtype": dtype}
    A = compiled(weights, arrays, **options)
    assert A[0].tolist() == [0] * 5
    assert A[2, 3] == 0
    np.testing.assert_allclose(A.sum(1), [0, 1, 1, 1], rtol=1e-6)
    by_q, by_k = compiled(list(sd.grad(f, [q, k])), arrays, **options)
    assert np.isfinite(by_q).all()
    assert np.isfinite(by_k).all()
    assert by_q[0].tolist() == [0] * 3


def test_mask_of_keys():
    q, k, v, mask = sd.matrix("q", T, m), sd.matrix("k", S, m), sd.matrix("v", S, d), sd.vector("mask", S)
    y = sd.attention(q, k, v, mask=mask)
    arrays = inputs(q, k, v, sizes=SIZES) | {"mask": np.array([1.0, 1, 0, 1, 0])}
    check_value(y, rows(arrays["q"], arrays["k"], arrays["v"], arrays["mask"] > 0), arrays)
    gradients = check_gradient(sd.sum(sd.sin(y)), k, v, arrays=arrays)
    for gradient in gradients:
        assert not evaluate(gradient, arrays)[[2, 4]].any()


@pytest.mark.parametrize("columns", [False, True])
def test_heads(columns):
    q, k, v = sd.matrix("q", 4, 6), sd.matrix("k", 5, 6), sd.matrix("v", 5, 4)
    arrays = inputs(q, k, v)
    parts = [
        rows(*(arrays[name][:, h * width : (h + 1) * width] for name, width in (("q", 3), ("k", 3), ("v", 2))))
        for h in range(2)
    ]
    expected = np.concatenate(parts, axis=1)
    if columns:
        q, k, v = (sd.matrix(x.name, *x.shape[::-1]) for x in (q, k, v))
        arrays, expected = {name: array.T.copy() for name, array in arrays.items()}, expected.T
    y = sd.attention(q, k, v, heads=2, token_axis=-1 if columns else -2)
    check_value(y, expected, arrays)
    check_gradient(sd.sum(sd.sin(y)), q, k, v, arrays=arrays)


def test_the_books_heads():
    """7.5-mha: Σ_h W_c^h u^h equals the joined heads times the joined W_c."""
    H = 2
    X = sd.matrix("X", 3, 4)
    W_q, W_k, W_v = (sd.tensor(name, (H, 2, 3)) for name in ("W_q", "W_k", "W_v"))
    W_c = sd.tensor("W_c", (H, 3, 2))
    u = sd.attention(W_q @ X, W_k @ X, W_v @ X, mask="causal", token_axis=-1)
    separate = sd.sum(W_c @ u, axis=0)
    one = [sd.reshape(W, (2 * H, 3)) @ X for W in (W_q, W_k, W_v)]
    joined = sd.reshape(sd.transpose(W_c, (1, 0, 2)), (3, 2 * H)) @ sd.attention(
        *one, mask="causal", token_axis=-1, heads=H
    )
    arrays = inputs(separate)
    check_value(joined, evaluate(separate, arrays), arrays)
    check_gradient(sd.sum(sd.sin(separate)), X, W_q, W_v, W_c, arrays=arrays)


def test_scores():
    q, k = sd.matrix("q", p, T), sd.matrix("k", m, S)
    W = sd.matrix("W", p, m)
    w, W_a, W_b = sd.vector("w", d), sd.matrix("W_a", d, p), sd.matrix("W_b", d, m)
    arrays = inputs(q, k, W, w, W_a, W_b, sizes=SIZES)
    a = arrays
    general = a["k"].T @ a["W"].T @ a["q"]
    hidden = np.tanh((a["W_a"] @ a["q"])[:, None, :] + (a["W_b"] @ a["k"])[:, :, None])
    additive = np.einsum("j,jst->st", a["w"], hidden)
    for score, expected, weights in (
        (sd.scores.General(W), general, (W,)),
        (sd.scores.Additive(w, W_a, W_b), additive, (w, W_a, W_b)),
    ):
        A = sd.attention_weights(q, k, token_axis=1, score=score)
        check_value(A, softmax(expected, 0), arrays)
        check_gradient(sd.sum(sd.hadamard(A, sd.sin(A))), q, k, *weights, arrays=arrays)
    same = sd.attention_weights(q, sd.matrix("q", p, T), token_axis=1, score=sd.scores.Inner(1))
    check_value(same, softmax(a["q"].T @ a["q"], 0), arrays)


def test_concatenated_score_is_additive():
    """7.4-scores: w·tanh(W̃ [z_q, z_k]) with W̃ = [W_a W_b]."""
    z_q, z_k, w, W = sd.vector("zq", 3), sd.vector("zk", 2), sd.vector("w", 4), sd.matrix("W", 4, 5)
    whole = w.T @ sd.tanh(W @ sd.concat([z_q, z_k]))
    score = sd.scores.Additive(w, W[:, :3], W[:, 3:])
    parts = score.between(lambda j: z_q[j], lambda j: z_k[j], (sympy.Integer(3), sympy.Integer(2)))
    arrays = inputs(whole)
    check_value(parts, evaluate(whole, arrays), arrays)


def test_permutation_equivariance():
    X = sd.matrix("X", T, m)
    y = sd.attention(X, X, X)
    arrays = inputs(y, sizes=SIZES)
    order = np.array([2, 0, 3, 1])
    moved = evaluate(y, {"X": arrays["X"][order]})
    np.testing.assert_allclose(moved, evaluate(y, arrays)[order], rtol=1e-12)


def test_all_tokens_at_once_equal_one_after_the_other():
    X = sd.matrix("X", T, m)
    y = sd.attention(X, X, X, mask="causal")
    arrays = inputs(y, sizes={T: 5, m: 3})
    whole = evaluate(y, arrays)
    for t in range(1, 6):
        np.testing.assert_allclose(evaluate(y, {"X": arrays["X"][:t]})[-1], whole[t - 1], rtol=1e-12)


def test_positions():
    t, j = np.arange(1, 8)[:, None], np.arange(6)
    angle = t / 10000.0 ** (2 * (j // 2) / 6)
    expected = np.where(j % 2 == 0, np.sin(angle), np.cos(angle))
    check_value(sd.positional_encoding(T, p), expected, {}, {T: 7, p: 6})
    check_value(sd.positional_encoding(7, 6, token_axis=-1), expected.T, {})
    shifted = evaluate(sd.positional_encoding(7, 6, first=0), {})
    np.testing.assert_allclose(shifted[1:], expected[:-1], rtol=1e-12)
    inner = expected @ expected.T  # depends on the distance only
    np.testing.assert_allclose(inner[1:, 1:], inner[:-1, :-1], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda q, k, v: sd.attention(q, v, k), ShapeError, "a query has m features and a key d"),
        (lambda q, k, v: sd.attention(q, k, v[1:]), ShapeError, "keys be as many as values"),
        (lambda q, k, v: sd.attention(q[0], k[0], v[0]), ShapeError, "at least 2, found shapes"),
        (lambda q, k, v: sd.attention(q, k, v, token_axis=2), ShapeError, "token_axis 2 is none of the last two"),
        (lambda q, k, v: sd.attention(q, k, v, heads=2), ShapeError, "m features do not provably divide among 2"),
        (lambda q, k, v: sd.attention(q, k, v, mask="future"), ExpressionError, "unknown mask 'future'"),
        (
            lambda q, k, v: sd.attention(q, k, v, mask=k),
            ShapeError,
            r"the mask has shape \(S, m\), the scores \(T, S\)",
        ),
        (
            lambda q, k, v: sd.attention(q, k, v, score=sd.scores.General(sd.matrix("W", d, m))),
            ShapeError,
            r"W: expected shape \(m, m\), found \(d, m\)",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(sd.matrix("q", T, m), sd.matrix("k", S, m), sd.matrix("v", S, d))


def test_a_condition_is_a_mask():
    """Keys beyond the length of a padded sequence: as a condition the mask is the same as one of zeros and ones."""
    q, k, v = sd.matrix("q", T, m), sd.matrix("k", S, m), sd.matrix("v", S, d)
    length, j = sd.scalar("length", integer=True), sympy.Symbol("j", integer=True)
    places = sd.array(j, (j, S))
    by_condition = sd.attention(q, k, v, mask=places < length)
    assert by_condition == sd.attention(q, k, v, mask=sd.where(places < length, 1, 0))
    rng = np.random.default_rng(0)
    arrays = {"q": rng.normal(size=(4, 3)), "k": rng.normal(size=(5, 3)), "v": rng.normal(size=(5, 2)), "length": 3}
    expected = rows(arrays["q"], arrays["k"], arrays["v"], np.arange(5) < 3)
    np.testing.assert_allclose(evaluate(by_condition, arrays), expected, rtol=1e-12)
