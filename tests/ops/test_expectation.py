"""Expectations: values and gradients against closed forms within Monte-Carlo bounds, and exactly for given draws."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.interpret import evaluate
from tests.katex import katex_error

Normal, Bernoulli, Categorical = sd.distributions.Normal, sd.distributions.Bernoulli, sd.distributions.Categorical
z, mu, sigma = sd.vector("z", 3), sd.vector("mu", 3), sd.vector("sigma", 3, positive=True)
p, logits = sd.vector("p", 3, probability=True), sd.vector("logits", 3)
MU, SIGMA, P, LOGITS = np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, 2.0]), np.array([0.2, 0.5, 0.9]), [0.0, 1.0, -1]
PI = np.exp(LOGITS) / np.exp(LOGITS).sum()
ARRAYS = {"mu": MU, "sigma": SIGMA, "p": P, "logits": np.array(LOGITS)}
GAIN = np.array([1.0, 2.0, 5.0])


def agree(found, expected, bound=4.5):
    """Estimates over many seeds have the expected mean, by their own standard error."""
    found = np.array(found)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (error < 0.2 * (1 + np.abs(expected))).all(), "too few draws to tell anything"
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - expected), bound * error + 1e-12)


def estimates(expression, wrt, seeds=20):
    """The value and the gradients for many seeds."""
    function = sd.compile([expression, *sd.grad(expression, wrt)], target="numpy")
    given = {symbol.name: ARRAYS[symbol.name] for symbol in wrt}
    found = [function(given, seed=seed, step=0) for seed in range(seeds)]
    return zip(*found, strict=True)


square = sd.sum(sd.square(z))
CASES = [
    (square, Normal(mu, sigma), "reparametrisation", (mu, sigma), (MU @ MU + SIGMA @ SIGMA, 2 * MU, 2 * SIGMA)),
    (square, Normal(mu, sigma), "score", (mu, sigma), (MU @ MU + SIGMA @ SIGMA, 2 * MU, 2 * SIGMA)),
    (sd.sum(sd.exp(z)), Normal(mu, 0.5), "score", (mu,), (np.exp(MU + 0.125).sum(), np.exp(MU + 0.125))),
    (sd.sum(sd.exp(z)), Normal(mu, 0.5), None, (mu,), (np.exp(MU + 0.125).sum(), np.exp(MU + 0.125))),
    (sd.sum(sd.square(z - 0.45)), Bernoulli(p), None, (p,), ((P * 0.55**2 + (1 - P) * 0.45**2).sum(), np.full(3, 0.1))),
    (z[0] + 2 * z[1] + 5 * z[2], Categorical(logits), None, (logits,), (PI @ GAIN, PI * (GAIN - PI @ GAIN))),
]


@pytest.mark.parametrize(("f", "distribution", "method", "wrt", "expected"), CASES)
def test_estimates_agree_with_closed_forms(f, distribution, method, wrt, expected):
    value = sd.expectation(f, z, distribution, method=method, samples=500, stream="agree")
    for found, exact in zip(estimates(value, list(wrt)), expected, strict=True):
        agree(found, exact)


def test_scalars_and_one_draw():
    m, x = sd.scalar("m"), sd.scalar("x")
    for method in ("reparametrisation", "score"):
        value = sd.expectation(x**2, x, Normal(m, 2), method=method, stream="one")
        function = sd.compile([value, sd.grad(value, m)], target="numpy")
        found = np.array([function(m=1.5, seed=seed, step=0) for seed in range(800)])
        agree(found[:, 0], 1.5**2 + 4)
        agree(found[:, 1], 3.0)


@pytest.mark.parametrize("baseline", [0, 3])
def test_the_score_function_rule_draw_by_draw(baseline):
    """∇𝔼[f] is the mean of ∇f + (f - b) ∇log p at the draws; catalogue 8.4-pg: ∇log π_a = e_a - π."""
    theta = sd.vector("theta", 3)
    f = sd.sum(sd.hadamard(theta, z)) ** 2
    value = sd.expectation(f, z, Categorical(logits), samples=7, baseline=baseline, stream="pg")
    draws = sd.random.categorical(sd.broadcast(logits, (7, 3)), 1, one_hot=True, stream="pg")
    arrays = {**ARRAYS, "theta": GAIN, "seed": 4, "step": 2}
    Z = evaluate(draws, arrays)
    assert len(np.unique(Z, axis=0)) > 1
    rewards = (Z @ GAIN) ** 2
    assert float(evaluate(value, arrays)) == pytest.approx(rewards.mean())
    by_logits, by_theta = (evaluate(part, arrays) for part in sd.grad(value, [logits, theta]))
    np.testing.assert_allclose(by_logits, ((rewards - baseline)[:, None] * (Z - PI)).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(by_theta, (2 * (Z @ GAIN)[:, None] * Z).mean(axis=0), rtol=1e-12)


def test_catalogue_8_1_reparam():
    """∂/∂μ = ∇f and ∂/∂σ = ε ⊙ ∇f at each draw."""
    value = sd.expectation(sd.sum(sd.sin(z)), z, Normal(mu, sigma), samples=5, stream="pathwise")
    noise = evaluate(sd.random.normal((5, 3), stream="pathwise"), {"seed": 1, "step": 0})
    slope = np.cos(MU + SIGMA * noise)
    by_mu, by_sigma = (evaluate(part, {**ARRAYS, "seed": 1, "step": 0}) for part in sd.grad(value, [mu, sigma]))
    np.testing.assert_allclose(by_mu, slope.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(by_sigma, (noise * slope).mean(axis=0), rtol=1e-12)


def test_a_baseline_lowers_the_variance():
    spread = []
    for baseline in (0, 100):
        value = sd.expectation(100 + z[0], z, Bernoulli(p), samples=50, baseline=baseline, stream="base")
        slopes = np.array(list(estimates(value, [p]))[1])[:, 0]
        spread.append(slopes.std())
    agree(slopes, 1.0)
    assert spread[1] < spread[0] / 50


def test_second_derivatives_of_the_score_function():
    """𝔼[z₁ z₂] = p₁ p₂ for independent zeros and ones: its mixed derivative is 1, and the pure ones are 0."""
    value = sd.expectation(z[0] * z[1], z, Bernoulli(p), samples=2000, stream="second")
    function = sd.compile(sd.hessian(value, p), target="numpy")
    found = np.array([function(p=P, seed=seed, step=0) for seed in range(40)])
    agree(found[:, 0, 1], 1.0)
    agree(found[:, 0, 0], 0.0)


def test_catalogue_8_1_elbo():
    """The evidence lower bound of a linear decoder: 𝔼‖x - Wz‖² = ‖x - Wμ‖² + tr(W diag σ² Wᵀ), with its gradients."""
    x, W = sd.vector("x", 2), sd.matrix("W", 2, 3)
    fit = sd.expectation(-(sd.norm(x - W @ z) ** 2) / 2, z, Normal(mu, sigma), samples=200, stream="elbo")
    bound = fit - sd.kl_normal(mu, sd.square(sigma))
    random = np.random.default_rng(0)
    arrays = {"x": random.normal(size=2), "W": random.normal(size=(2, 3)), "mu": MU, "sigma": SIGMA}
    function = sd.compile([bound, *sd.grad(bound, [mu, sigma, W])], target="numpy")
    found = list(zip(*(function(arrays, seed=seed, step=0) for seed in range(40)), strict=True))
    residual = arrays["x"] - arrays["W"] @ MU
    spread = (arrays["W"] ** 2).sum(axis=0)
    divergence = (SIGMA**2 + MU**2 - 1 - np.log(SIGMA**2)).sum() / 2
    agree(found[0], -(residual @ residual + spread @ SIGMA**2) / 2 - divergence)
    agree(found[1], arrays["W"].T @ residual - MU)
    agree(found[2], -spread * SIGMA - SIGMA + 1 / SIGMA)
    agree(found[3], np.outer(residual, MU) - arrays["W"] * SIGMA**2)


def test_training_by_policy_gradient(tmp_path):
    """A bandit whose arms give 1, 2 and 5: the policy ends with the best arm."""
    cost = -sd.expectation(z[0] + 2 * z[1] + 5 * z[2], z, Categorical(logits), samples=20, baseline=3, stream="bandit")
    model = sd.Model(loss=cost, parameters=[logits], outputs={"policy": sd.softmax(logits)})
    sd.fit(model, epochs=200, optimizer=sd.optimizers.SGD(alpha=0.1))
    assert model.predict()["policy"][2] > 0.95
    model.save(tmp_path / "bandit.safetensors")
    assert sd.load(tmp_path / "bandit.safetensors").declared == model.declared


def test_each_sample_has_draws_of_its_own():
    x, w, unit = sd.scalar("x"), sd.scalar("w"), sd.scalar("unit")
    value = sd.expectation((w - unit) ** 2, unit, Normal(x, 1), samples=400, stream="own")
    model = sd.Model(loss=value, parameters=[w], inputs=[x], outputs={"cost": value}, init={"w": 0.0})
    found = model.predict({"x": np.zeros(50)})["cost"]
    assert np.unique(found).size == 50
    agree(found, 1.0)


def test_printing():
    value = sd.expectation(square, z, Normal(mu, sigma), samples=9)
    text = sd.latex(2 * value)
    assert text == (
        r"2 \mathbb{E}_{z \sim \mathcal{N}\left(\mu, \sigma^{2}\right)}\left[\left\lVert z \right\rVert^{2}\right]"
    )
    assert katex_error(text) is None
    for std, variance in ((3, "9"), (sd.exp(sigma), r"\left(e^{\sigma}\right)^{2}")):
        text = sd.latex(sd.expectation(square, z, Normal(mu, std)))
        assert text.startswith(rf"\mathbb{{E}}_{{z \sim \mathcal{{N}}\left(\mu, {variance}\right)}}")
        assert katex_error(text) is None
    arms = sd.expectation(z[0], z, Categorical(logits))
    assert r"_{z \sim \operatorname{Categorical}\left(S_{\mathrm{Softmax}}\left(logits\right)\right)}" in sd.latex(
        arms
    ).replace(sd.latex(logits), "logits")
    assert z not in value.free_symbols


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: sd.expectation(square, z, 3), ExpressionError, "expected one of sd.distributions, found 3"),
        (
            lambda: sd.expectation(square, z + 1, Normal(mu, 1)),
            ExpressionError,
            "z must be a declared tensor or scalar",
        ),
        (lambda: sd.expectation(square, z, Normal(0, 1)), ShapeError, r"z has shape \(3,\), a draw \(\)"),
        (lambda: sd.expectation(square, z, Normal(mu, 1), method="exact"), ExpressionError, "expected one of reparam"),
        (
            lambda: sd.expectation(square, z, Bernoulli(p), method="reparametrisation"),
            ExpressionError,
            "Bernoulli has no reparametrisation; use method='score'",
        ),
        (lambda: sd.expectation(square, z, Bernoulli(p), baseline=z[0]), ExpressionError, "does not hold z"),
        (lambda: sd.expectation(square, z, Normal(mu, 1), baseline=1), ExpressionError, "belongs to method='score'"),
        (
            lambda: sd.expectation(square * sd.random.uniform(), z, Normal(mu, 1), samples=2),
            ExpressionError,
            "f has random draws or means over the batch of its own; use samples=1",
        ),
        (lambda: Normal(mu, sd.vector("s", 2)), ShapeError, "Normal: parameters of one shape, or scalars, are due"),
    ],
)
def test_refusals(declare, error, message):
    with pytest.raises(error, match=message):
        declare()
