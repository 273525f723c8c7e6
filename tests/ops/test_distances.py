"""Divergences and losses of embeddings: values, the catalogue's gradients, where distances and probabilities are 0."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InputError
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, check_value, inputs

n, k = sd.dims("n k")
a, p, q = sd.vector("a", n), sd.vector("p", n), sd.vector("q", n)


def test_triplet():
    arrays = inputs(a, p, q, sizes={n: 4})
    for margin in (0.01, 20):
        loss = sd.triplet_loss(a, p, q, margin)
        x, y, z = arrays["a"], arrays["p"], arrays["q"]
        gap = ((x - y) ** 2).sum() - ((x - z) ** 2).sum() + margin
        check_value(loss, max(0, gap), arrays)
        active = float(gap > 0)
        expected = (2 * active * (z - y), 2 * active * (y - x), 2 * active * (x - z))  # catalogue 6.6-triplet
        for gradient, wanted in zip(check_gradient(loss, a, p, q, arrays=arrays), expected, strict=True):
            np.testing.assert_allclose(evaluate(gradient, arrays), wanted, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("same", [0, 1])
def test_contrastive(same):
    y = sd.scalar("y")
    loss = sd.contrastive_loss(a, p, y, 3)
    arrays = inputs(a, p, sizes={n: 3}) | {"y": same}
    d = np.linalg.norm(arrays["a"] - arrays["p"])
    check_value(loss, d**2 if same else max(0, 3 - d) ** 2, arrays)
    check_gradient(loss, a, p, arrays=arrays)
    equal = arrays | {"p": arrays["a"]}
    assert evaluate(sd.grad(loss, a), equal).tolist() == [0, 0, 0]


def test_kl_divergence():
    arrays = {"p": np.array([0.2, 0.5, 0.3]), "q": np.array([0.4, 0.4, 0.2])}
    value = sd.kl_divergence(p, q)
    check_value(value, np.sum(arrays["p"] * np.log(arrays["p"] / arrays["q"])), arrays)
    check_gradient(value, p, q, arrays=arrays)
    edge = {"p": np.array([0.0, 1.0, 0.0]), "q": arrays["q"]}
    check_value(value, -np.log(0.4), edge)
    assert np.isfinite(evaluate(sd.grad(value, q), edge)).all()
    rows = sd.kl_divergence(sd.matrix("P", k, n), sd.matrix("Q", k, n), axis=1)
    check_value(
        rows,
        [np.sum(arrays["p"] * np.log(arrays["p"] / arrays["q"])), 0],
        {"P": np.array([arrays["p"], arrays["q"]]), "Q": np.array([arrays["q"], arrays["q"]])},
    )


def test_kl_of_normal_numbers():
    v, w = sd.vector("v", n, positive=True), sd.vector("w", n, positive=True)
    arrays = inputs(a, p, sizes={n: 3}) | {"v": np.array([0.5, 1.0, 2.0]), "w": np.array([1.5, 0.3, 1.0])}
    m, s, o, t = (arrays[name] for name in "avpw")
    standard = sd.kl_normal(a, v)
    check_value(standard, 0.5 * np.sum(s + m**2 - 1 - np.log(s)), arrays)
    by_m, by_s = check_gradient(standard, a, v, arrays=arrays)
    np.testing.assert_allclose(evaluate(by_m, arrays), m, rtol=1e-12)  # catalogue 8.1-kl-diag
    np.testing.assert_allclose(evaluate(by_s, arrays), 0.5 * (1 - 1 / s), rtol=1e-12, atol=1e-15)
    other = sd.kl_normal(a, v, p, w)
    check_value(other, 0.5 * np.sum((s + (m - o) ** 2) / t - 1 - np.log(s / t)), arrays)
    check_gradient(other, a, v, p, w, arrays=arrays)


def test_margins_are_positive():
    with pytest.raises(InputError, match="triplet_loss: the margin must be above 0, found 0"):
        sd.triplet_loss(a, p, q, 0)
    with pytest.raises(InputError, match="contrastive_loss: the margin"):
        sd.contrastive_loss(a, p, 1, -1)
