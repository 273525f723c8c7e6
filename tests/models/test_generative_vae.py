"""Book §8.1, catalogue entries 8.1: evidence lower bound and its gradients, against formulas written out in NumPy."""

import numpy as np
import pytest
import sympy
from scipy import stats

import symdl as sd
from symdl.interpret import evaluate
from tests.models.generative import assert_prints, assert_values
from tests.structures.checks import check_gradient

p, m = 5, 3
x, W, b, mu = sd.vector("x", p), sd.matrix("W", p, m), sd.vector("b", p), sd.vector("mu", m)
s, epsilon = sd.vector("s", m, latex=r"\log\sigma^2"), sd.vector("epsilon", m)
v = sd.scalar("v", positive=True, latex=r"\sigma^2")


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    shapes = {"x": p, "W": (p, m), "b": p, "mu": m, "s": m, "epsilon": m}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()} | {"v": 0.3}


def test_the_divergence_and_its_gradient(arrays):
    """8.1-kl-diag: ∂/∂μ = μ, ∂/∂ log σ² = (σ² - 1)/2."""
    C = sd.kl_normal(mu, sd.exp(s))
    by_mu, by_s = check_gradient(C, mu, s, arrays={name: arrays[name] for name in ("mu", "s")})
    variance = np.exp(arrays["s"])
    value = 0.5 * np.sum(arrays["mu"] ** 2 + variance - 1 - arrays["s"])
    assert_values([C, by_mu, by_s], [value, arrays["mu"], (variance - 1) / 2], arrays)
    assert_prints(by_mu, r"\mu")
    assert_prints(by_s, r"\frac{1}{2} e^{\log\sigma^2} - \frac{1}{2}")


def test_the_divergence_of_large_variances_does_not_overflow():
    found = sd.compile(sd.kl_normal(mu, sd.exp(s)), dtype="float32")(mu=np.zeros(m), s=[-1000.0, 0, 0])
    assert found == pytest.approx(499.5)


def test_the_cost_of_a_gaussian_autoencoder(arrays):
    """8.1-vae: C = ‖x - f(z)‖²/2σ² + ½ Σ (μ² + σ_j² - 1 - log σ_j²), and its gradient with a fixed ε."""
    z = sd.named("z", mu + sd.hadamard(sd.exp(s / 2), epsilon))
    C = sd.sum(sd.square(x - sd.tanh(W @ z + b))) / (2 * v) + sd.kl_normal(mu, sd.exp(s))
    gradients = check_gradient(C, W, b, mu, s, v, arrays=arrays)
    a = arrays
    sigma = np.exp(a["s"] / 2)
    code = a["mu"] + sigma * a["epsilon"]
    x_hat = np.tanh(a["W"] @ code + a["b"])
    delta = (x_hat - a["x"]) * (1 - x_hat**2) / a["v"]
    by_z = a["W"].T @ delta
    squares = np.sum((a["x"] - x_hat) ** 2)
    value = squares / (2 * a["v"]) + 0.5 * np.sum(a["mu"] ** 2 + sigma**2 - 1 - a["s"])
    expected = [
        value,
        np.outer(delta, code),
        delta,
        by_z + a["mu"],
        by_z * sigma * a["epsilon"] / 2 + (sigma**2 - 1) / 2,
        -squares / (2 * a["v"] ** 2),
    ]
    assert_values([C, *gradients], expected, arrays)


def test_the_reparametrisation_gradient(arrays):
    """8.1-reparam: ∂/∂μ = ∇f, ∂/∂ log σ² = ½ σ ⊙ ε ⊙ ∇f, with δ for ∇f(z)."""
    z = sd.named("z", mu + sd.hadamard(sd.exp(s / 2), epsilon))
    f = sd.sum(sd.cos(z)) + sd.prod(z)
    by_mu, by_s = check_gradient(f, mu, s, arrays=arrays)
    sigma = np.exp(arrays["s"] / 2)
    code = arrays["mu"] + sigma * arrays["epsilon"]
    slope = -np.sin(code) + np.prod(code) / code
    assert_values([by_mu, by_s], [slope, sigma * arrays["epsilon"] * slope / 2], arrays)
    assert_prints(by_mu, r"\delta")
    assert_prints(by_s, r"\frac{1}{2} \delta \odot \epsilon \odot e^{\frac{1}{2} \log\sigma^2}")


def test_a_draw_is_not_differentiated(arrays):
    """8.1-reparam with ε drawn: the gradient is that with the same numbers held fixed."""
    drawn = sd.named("z", sd.random.normal(m, mu, sd.exp(s / 2), stream="vae.epsilon"))
    held = mu + sd.hadamard(sd.exp(s / 2), epsilon)
    at = {**arrays, "seed": 5, "step": 11}
    at["epsilon"] = evaluate(sd.random.normal(m, stream="vae.epsilon"), at)

    def cost(z):
        return sd.sum(sd.square(x - sd.tanh(W @ z + b)))

    found, expected = (sd.grad(cost(z), [mu, s, W]) for z in (drawn, held))
    assert_values(found, [evaluate(item, at) for item in expected], at)


def test_the_reparametrised_gradient_has_the_right_mean(arrays):
    """8.1-reparam: the mean over draws of the derived gradient is the gradient of the expectation, here a quadratic."""
    n = sd.dims("n")
    center, log_variance = sd.matrix("center", n, m), sd.matrix("log_variance", n, m)
    A = sd.matrix("A", m, m, symmetric=True)
    z = sd.random.normal((n, m), center, sd.exp(log_variance / 2), stream="mean")
    f = sd.sum(sd.hadamard(z @ A, z)) / 2
    count = 200_000
    a = arrays["W"][:m] + arrays["W"][:m].T
    given = {"A": a, "seed": 1, "step": 0, "center": np.tile(arrays["mu"], (count, 1)),
             "log_variance": np.tile(arrays["s"], (count, 1))}  # fmt: skip
    by_mu, by_s = sd.compile(list(sd.grad(f, [center, log_variance])))(given)
    expected = a @ arrays["mu"], np.exp(arrays["s"]) * np.diag(a) / 2
    for found, truth in zip((by_mu, by_s), expected, strict=True):
        assert np.all(np.abs(found.mean(0) - truth) < 5 * found.std(0) / np.sqrt(count))


def test_bernoulli_decoder(arrays):
    """8.1-bernoulli, 3.2-bcelogits: -log p(x|z) by the logits, whose gradient is σ(z) - x."""
    logits = sd.vector("logits", p, latex="z")
    C = sd.losses.binary_cross_entropy_logits(x, logits)
    given = {"logits": 3 * arrays["b"], "x": (arrays["x"] > 0).astype(float)}
    x_hat = 1 / (1 + np.exp(-given["logits"]))
    value = -np.sum(given["x"] * np.log(x_hat) + (1 - given["x"]) * np.log(1 - x_hat))
    (gradient,) = check_gradient(C, logits, arrays=given)
    assert_values([C, gradient], [value, x_hat - given["x"]], given)
    assert_prints(gradient, r"\sigma_{\mathrm{Sig}}\left(z\right) - x")


def test_a_chain_of_latent_variables(arrays):
    """8.1-hvae: where encoders are exact the bound is log p(x) for every draw, and its gradient is that of the chain.

    z_{t-1} = a z_t + √(1 - a²) e from z_T ~ N(0, I) is a stationary chain: its exact encoder is z_{t+1} = a z_t + ...
    """
    T = sd.dims("T")
    a, c, noise = sd.scalar("a"), sd.scalar("c"), sd.matrix("noise", T, p)

    def log_normal(value, mean, variance):
        return -sd.sum(sd.square(value - mean) / variance + sd.log(2 * sympy.pi * variance)) / 2

    z = sd.recurrence(lambda t, before: c * before + sympy.sqrt(1 - c**2) * noise[t], x, T, names="z")
    bound = log_normal(x, a * z[0], 1 - a**2) + log_normal(z[T - 1], 0 * x, sympy.Integer(1))
    bound += log_normal(z[: T - 1], a * z[1:], 1 - a**2)
    bound -= log_normal(z[0], c * x, 1 - c**2) + log_normal(z[1:], c * z[: T - 1], 1 - c**2)
    given = {"x": arrays["x"], "noise": np.random.default_rng(1).normal(size=(4, p)), "a": 0.6, "c": 0.6}
    assert_values([bound], [stats.norm.logpdf(given["x"]).sum()], given)
    check_gradient(bound, a, c, x, arrays={**given, "c": 0.3})


def test_iwae(arrays):
    """8.1 importance bound: the weight of each draw is the softmax of log w."""
    log_w = sd.vector("log_w", m, latex=r"\log w")
    bound = sd.logsumexp(log_w) - sd.log(m)
    (gradient,) = check_gradient(bound, log_w, arrays={"log_w": 5 * arrays["mu"]})
    weights = np.exp(5 * arrays["mu"])
    value = np.log(weights.mean())
    assert_values([bound, gradient], [value, weights / weights.sum()], {"log_w": 5 * arrays["mu"]})
    assert_prints(gradient, r"S_{\mathrm{Softmax}}\left(\log w\right)")
