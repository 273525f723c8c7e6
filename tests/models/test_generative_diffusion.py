"""Book §8.2, catalogue entries 8.2: the diffusion process and its losses, against formulas written out in NumPy."""

import numpy as np
import pytest
from sympy import sqrt

import symdl as sd
from symdl.interpret import evaluate
from tests.models.generative import assert_prints, assert_values
from tests.structures.checks import check_gradient

p, T = 4, sd.dims("T")
x0, x, noise = sd.vector("x0", p, latex="x_0"), sd.vector("x", p, latex="x_t"), sd.vector("epsilon", p)
before = sd.vector("before", p, latex="x_{t-1}")
beta = sd.scalar("beta", positive=True, latex=r"\beta_t")
alpha = sd.scalar("alpha", positive=True, latex=r"\alpha_t")
bar = sd.scalar("bar", positive=True, latex=r"\bar{\alpha}_t")
bar_before = sd.scalar("bar_before", positive=True, latex=r"\bar{\alpha}_{t-1}")


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    vectors = {name: rng.normal(size=p) for name in ("x0", "x", "before", "epsilon")}
    return vectors | {"beta": 0.1, "alpha": 0.9, "bar_before": 0.6, "bar": 0.54}


def betas(count, last=0.02):
    return np.linspace(1e-4, last, count)


def test_the_marginal_of_the_forward_process():
    """8.2-marginal: through the recurrence x_t = √α_t x_{t-1} + √β_t e_t, the engine derives √ᾱ_T I and 1 - ᾱ_T."""
    rate, noises = sd.vector("beta", T), sd.matrix("noises", T, p)
    path = sd.recurrence(lambda t, x: sd.sqrt(1 - rate[t]) * x + sd.sqrt(rate[t]) * noises[t], x0, T, names="x")
    given = {"beta": betas(30, 0.3), "x0": np.ones(p), "noises": np.zeros((30, p))}
    product = np.prod(1 - given["beta"])
    by_x0, by_noise = (evaluate(sd.jacobian(path[T - 1], variable), given) for variable in (x0, noises))
    np.testing.assert_allclose(by_x0, np.sqrt(product) * np.eye(p), rtol=1e-12, atol=1e-15)
    covariance = np.einsum("itj,ktj->ik", by_noise, by_noise)
    np.testing.assert_allclose(covariance, (1 - product) * np.eye(p), rtol=1e-12, atol=1e-15)


def test_the_linear_schedule():
    """8.2-marginal: from 10⁻⁴ to 0.02 in 1000 steps ᾱ_T is 4.036e-5."""
    found = sd.compile(sd.prod(1 - sd.vector("beta", T)))(beta=betas(1000))
    assert f"{float(found):.3e}" == "4.036e-05"


def test_the_posterior_completes_the_square(arrays):
    """8.2-posterior: -log q(x_t|x_{t-1}) q(x_{t-1}|x_0) has the gradient (x_{t-1} - μ̃)/β̃ and the Hessian I/β̃."""
    f = sd.sum(sd.square(x - sqrt(alpha) * before)) / (2 * beta)
    f += sd.sum(sd.square(before - sqrt(bar_before) * x0)) / (2 * (1 - bar_before))
    a = arrays
    mean = np.sqrt(a["bar_before"]) * a["beta"] / (1 - a["bar"]) * a["x0"]
    mean += np.sqrt(a["alpha"]) * (1 - a["bar_before"]) / (1 - a["bar"]) * a["x"]
    variance = (1 - a["bar_before"]) / (1 - a["bar"]) * a["beta"]
    (gradient,) = check_gradient(f, before, arrays={name: a[name] for name in a if name not in ("epsilon", "bar")})
    assert_values([gradient, sd.hessian(f, before)], [(a["before"] - mean) / variance, np.eye(p) / variance], a)
    assert_values([gradient], [np.zeros(p)], {**a, "before": mean})
    prior = r"\frac{1}{1 - \bar{\alpha}_{t-1}} \left(x_{t-1} - \sqrt{\bar{\alpha}_{t-1}} x_0\right)"
    likelihood = r"\frac{1}{\beta_t} \sqrt{\alpha_t} \left(\sqrt{\alpha_t} x_{t-1} - x_t\right)"
    assert_prints(gradient, f"{prior} + {likelihood}")
    assert_prints(
        sd.hessian(f, before),
        r"\left(\frac{1}{1 - \bar{\alpha}_{t-1}} + \frac{\alpha_t}{\beta_t}\right) I",
    )


def test_the_score(arrays):
    """8.2-score: ∇ log q(x_t|x_0) = -(x_t - √ᾱ_t x_0)/(1 - ᾱ_t) = -ε/√(1 - ᾱ_t)."""
    log_q = -sd.sum(sd.square(x - sqrt(bar) * x0)) / (2 * (1 - bar))
    at = {**arrays, "x": np.sqrt(arrays["bar"]) * arrays["x0"] + np.sqrt(1 - arrays["bar"]) * arrays["epsilon"]}
    (score,) = check_gradient(log_q, x, arrays={name: at[name] for name in ("x", "x0", "bar")})
    assert_values([score], [-arrays["epsilon"] / np.sqrt(1 - arrays["bar"])], at)
    assert_prints(score, r"\frac{1}{1 - \bar{\alpha}_t} \left(\sqrt{\bar{\alpha}_t} x_0 - x_t\right)")


def test_the_divergence_in_terms_of_the_noise(arrays):
    """8.2-eps, 8.2-elbo: D_KL of the posterior from N(μ_θ, β̃ I) is β²/(2β̃α(1 - ᾱ)) ‖ε - ε_θ‖²."""
    predicted = sd.vector("predicted", p, latex=r"\epsilon_\theta")
    noisy = sqrt(bar) * x0 + sqrt(1 - bar) * noise
    mean = sqrt(bar_before) * beta / (1 - bar) * x0 + sqrt(alpha) * (1 - bar_before) / (1 - bar) * noisy
    variance = (1 - bar_before) / (1 - bar) * beta
    model = (noisy - beta / sqrt(1 - bar) * predicted) / sqrt(alpha)
    divergence = sd.kl_normal(mean, variance * sd.ones(p), model, variance * sd.ones(p))
    given = {**arrays, "predicted": arrays["x"]}
    (gradient,) = check_gradient(
        divergence, predicted, arrays={name: given[name] for name in given if name not in ("x", "before")}
    )
    spread = (1 - given["bar_before"]) / (1 - given["bar"]) * given["beta"]
    factor = given["beta"] ** 2 / (2 * spread * given["alpha"] * (1 - given["bar"]))
    error = given["epsilon"] - given["predicted"]
    assert_values([divergence, gradient], [factor * error @ error, -2 * factor * error], given)


def test_the_simple_loss(arrays):
    """8.2-simple: -2 (∂ε_θ/∂θ)(ε - ε_θ), for an affine ε_θ: δ x_tᵀ with δ = 2(ε_θ - ε)."""
    W, b = sd.matrix("W", p, p), sd.vector("b", p)
    noisy = sd.named("x_t", sqrt(bar) * x0 + sqrt(1 - bar) * noise, latex="x_t")
    C = sd.sum(sd.square(noise - W @ noisy - b))
    given = {**arrays, "W": np.random.default_rng(1).normal(size=(p, p)), "b": np.arange(4.0)}
    given = {name: given[name] for name in ("x0", "epsilon", "bar", "W", "b")}
    by_W, by_b = check_gradient(C, W, b, arrays=given)
    at = np.sqrt(given["bar"]) * given["x0"] + np.sqrt(1 - given["bar"]) * given["epsilon"]
    error = given["epsilon"] - given["W"] @ at - given["b"]
    assert_values([C, by_W, by_b], [error @ error, -2 * np.outer(error, at), -2 * error], given)
    assert_prints(C, r"\left\lVert \epsilon - W x_t - b \right\rVert^{2}")
    assert_prints(by_W, r"2 \left(W x_t + b - \epsilon\right) x_t^{\top}")
    assert_prints(by_b, r"2 \left(W x_t + b - \epsilon\right)")


def test_the_optimum_for_normal_data():
    """8.2-gaussopt: from the derived gradient and Hessian, one Newton step finds ε* and its loss.

    The loss is quadratic in the data and in the noise, so that two Gauss-Hermite points for each are exact.
    """
    n = sd.dims("n")
    first, second, weight = sd.vector("first", n), sd.vector("second", n), sd.vector("weight", n)
    slope = sd.vector("slope", 2)
    noisy = sqrt(bar) * first + sqrt(1 - bar) * second
    error = second - slope[0] * noisy - slope[1] * sd.ones(n)
    loss = weight @ sd.square(error)
    gradient, hessian = sd.grad(loss, slope), sd.hessian(loss, slope)
    mu, scale, level = 0.7, 1.3, 0.54
    places, weights = np.polynomial.hermite_e.hermegauss(2)
    weights = weights / weights.sum()
    data, errors = (grid.ravel() for grid in np.meshgrid(mu + scale * places, places))
    given = {"first": data, "second": errors, "weight": np.outer(weights, weights).ravel(), "bar": level,
             "slope": np.zeros(2)}  # fmt: skip
    step = np.linalg.solve(evaluate(hessian, given), evaluate(gradient, given))
    best = {**given, "slope": -step}
    spread = level * scale**2 + 1 - level
    factor = np.sqrt(1 - level) / spread
    np.testing.assert_allclose(best["slope"], [factor, -factor * np.sqrt(level) * mu], rtol=1e-12)
    assert_values([loss, gradient], [level * scale**2 / spread, np.zeros(2)], best)
