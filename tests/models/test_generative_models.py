"""The generative models of the library: their costs and samples against NumPy, with the same draws."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

import symdl as sd
from symdl.data import digits
from symdl.expr.random import Uniform, stream_number
from symdl.interpret import evaluate
from symdl.models import diffusion, find, gan, linear_vae, vae, wgan_gp
from symdl.models.drawing import drawing
from symdl.models.quality import frechet, nearest_neighbours, normal_like, sliced_wasserstein, table

SEED = 3


def uniform(stream, shape, part=0, step=0):
    """The draws of a stream for some samples: shape[0] of them, each of shape[1:]."""
    index = np.indices(shape)
    return Uniform.reference(SEED, step, int(stream_number(stream)), index[0], part, *index[1:])


def normal(stream, shape, step=0):
    """Normal draws of a stream, by Box and Muller."""
    radius, turn = uniform(stream, shape, 0, step), uniform(stream, shape, 1, step)
    return np.sqrt(-2 * np.log(radius)) * np.cos(2 * np.pi * turn)


def swish(x):
    return x / (1 + np.exp(-x))


def components(k=10):
    """Probabilistic principal components of all digits, W with orthogonal columns: the best linear autoencoder."""
    x = digits().x
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    noise = values[:-k].mean()
    W = vectors[:, -k:] * np.sqrt(values[-k:] - noise)
    return {
        "W": W, "b": x.mean(0), "tau": np.log(noise), "V": W.T / values[-k:, None],
        "d": -(W.T / values[-k:, None]) @ x.mean(0), "s": np.log(noise / values[-k:]),
    }  # fmt: skip


def test_the_likelihood_of_components():
    """8.1-linearvae: 17.452 nats, by scikit-learn, and by log N(x; b, W Wᵀ + σ² I)."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    x, at = digits().x, components()
    assert round(decomposition.PCA(10).fit(x).score(x), 5) == 17.45194
    covariance = at["W"] @ at["W"].T + np.exp(at["tau"]) * np.eye(64)
    centred = x - at["b"]
    squares = np.einsum("ij,ij->i", centred @ np.linalg.inv(covariance), centred)
    likelihood = -(64 * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1] + squares) / 2
    assert likelihood.mean() == pytest.approx(17.45195, abs=1e-5)  # with the covariance that divides by n
    model = linear_vae.autoencoder(64)
    model.set_values(at)
    found = model.predict({"x": x}, target="numpy", dtype="float64")["bound"]
    np.testing.assert_allclose(found, likelihood, rtol=1e-9, atol=1e-9)  # sample by sample: q is exact


def test_components_are_where_the_gradient_of_the_bound_vanishes():
    """8.1-linearvae: the mean over samples of the derived gradient is 0 for every parameter."""
    from symdl.expr.batch import batched

    model, n = linear_vae.autoencoder(64), sd.dims("n")
    [bounds] = batched([model.declared.outputs["bound"]], model.declared.data, n)
    gradients = sd.grad(sd.sum(bounds) / n, list(model.declared.parameters))
    found = sd.compile(list(gradients), target="numpy")({**components(), "x": digits().x})
    for gradient in found:
        np.testing.assert_allclose(gradient, np.zeros_like(gradient), atol=1e-9)


def test_the_cost_of_the_linear_autoencoder():
    model = linear_vae.autoencoder(6, 2)
    model.initialise(1)
    x, at = np.random.default_rng(0).normal(size=(5, 6)), {**model.values, "tau": 0.3, "s": np.array([0.2, -0.4])}
    model.set_values(at)
    mu = x @ at["V"].T + at["d"]
    z = mu + np.exp(at["s"] / 2) * normal("epsilon", (5, 2))
    squares = np.sum((x - z @ at["W"].T - at["b"]) ** 2, axis=1)
    divergence = 0.5 * np.sum(mu**2 + np.exp(at["s"]) - 1 - at["s"], axis=1)
    expected = squares / (2 * np.exp(0.3)) + 3 * (np.log(2 * np.pi) + 0.3) + divergence
    found = model.evaluate({"x": x}, target="numpy", dtype="float64", seed=SEED)["loss"]
    assert found == pytest.approx(expected.mean(), rel=1e-12)


def test_the_reported_bound_is_the_mean_of_the_cost():
    """The expectation in closed form against many draws: the one that trains is the one that is reported."""
    model = linear_vae.autoencoder(6, 2)
    model.initialise(1)
    x = np.tile(np.random.default_rng(0).normal(size=6), (100_000, 1))
    exact = -model.predict({"x": x[:1]}, target="numpy", dtype="float64")["bound"][0]
    assert model.evaluate({"x": x}, target="numpy", dtype="float64")["loss"] == pytest.approx(exact, rel=0.01)


def test_the_linear_autoencoder_reaches_the_likelihood():
    outcome = find("linear-vae").train()
    assert 17.452 - 0.17 <= outcome.figure <= 17.4520
    assert sum(outcome.history.seconds) < 60


def test_samples_of_the_autoencoder():
    """8.1-latent: x* = f_θ(z*) with z* ~ N(0, I)."""
    model = vae.autoencoder(6, 2, 4)
    model.initialise(1)
    z, at = normal("prior", (3, 2)), model.values
    hidden = swish(z @ at["W1"].T + at["b1"])
    found = model.predict(samples=3, seed=SEED, target="numpy", dtype="float64")["x_star"]
    np.testing.assert_allclose(found, hidden @ at["W2"].T + at["b2"], rtol=1e-12)


def predicted_noise(at, x, t):
    """ε_θ of the diffusion model, by hand."""
    bar = level(t)[:, None]
    angles = t[:, None] * 10000.0 ** (-np.arange(diffusion.FREQUENCIES) / diffusion.FREQUENCIES)
    e = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    a = swish(x @ at["W1"].T + e @ at["U1"].T + at["b1"])
    a = a + swish(a @ at["W2"].T + e @ at["U2"].T + at["b2"])
    return np.sqrt(1 - bar) * x + np.sqrt(bar) * (a @ at["W3"].T + at["b3"])


def level(t):
    return np.exp(-0.1 * t / 100 - (10 - 0.1) / 2 * (t / 100) ** 2)


def denoiser(**options):
    model = diffusion.denoiser(6, 5, **options)
    model.initialise(1)
    return model


def test_the_schedule_is_the_limit_of_the_linear_one():
    """8.2-marginal: with as many steps as you like between the same two rates."""
    fine = 1_000_000
    rates = np.linspace(0.1, 10, fine) / fine
    products = np.cumprod(1 - rates)
    for t in (10, 50, 100):
        assert float(diffusion.level(t)) == pytest.approx(products[t * fine // 100 - 1], rel=1e-3)
    assert diffusion.level(0) == 1


def test_the_cost_of_diffusion():
    """8.2-simple: t is drawn from 1, ..., T and ε from N(0, I)."""
    model, x = denoiser(), np.random.default_rng(0).normal(size=(7, 6))
    t = 1 + np.floor(100 * uniform("time", (7,)))
    epsilon = normal("epsilon", (7, 6))
    noisy = np.sqrt(level(t))[:, None] * x + np.sqrt(1 - level(t))[:, None] * epsilon
    expected = np.sum((epsilon - predicted_noise(model.values, noisy, t)) ** 2, axis=1).mean()
    found = model.evaluate({"x": x}, target="numpy", dtype="float64", seed=SEED)["loss"]
    assert found == pytest.approx(expected, rel=1e-12)
    assert set(np.unique(1 + np.floor(100 * uniform("time", (20_000,))))) == set(range(1, 101))


@pytest.mark.parametrize("ancestral", [True, False])
def test_sampling_takes_the_noise_out_step_by_step(ancestral):
    """8.2-sample: ancestral sampling with β̃_t, and DDIM, by a loop in NumPy."""
    model = denoiser(ancestral=ancestral)
    x, fresh = normal("start", (4, 6)), normal("steps", (4, 100, 6))
    for t in range(100, 0, -1):
        bar, before = level(t), level(t - 1)
        epsilon = predicted_noise(model.values, x, np.full(4, float(t)))
        clean = (x - np.sqrt(1 - bar) * epsilon) / np.sqrt(bar)
        beta = 1 - bar / before
        if ancestral:  # 8.2-posterior at x_0 as it is predicted: another way to write μ_θ
            mean = np.sqrt(before) * beta * clean + np.sqrt(1 - beta) * (1 - before) * x
            x = mean / (1 - bar) + np.sqrt((1 - before) / (1 - bar) * beta) * fresh[:, t - 1]
        else:
            x = np.sqrt(before) * clean + np.sqrt(1 - before) * epsilon
    found = model.predict(samples=4, seed=SEED, target="numpy", dtype="float64")["x_0"]
    np.testing.assert_allclose(found, x, rtol=1e-8, atol=1e-10)


def networks(values, x, z):
    """The images of z, and what the critic gives to x and to them."""
    at = values
    hidden = swish(swish(z @ at["G1"].T + at["g1"]) @ at["G2"].T + at["g2"])
    made = np.tanh(hidden @ at["G3"].T + at["g3"])
    scores = [swish(swish(y @ at["W1"].T + at["b1"]) @ at["W2"].T + at["b2"]) @ at["w3"] for y in (x, made)]
    return made, *scores


def test_the_losses_of_the_adversarial_network():
    """8.3-minimax, 8.3-nonsat: by the discriminator's probabilities."""
    program = gan.program(6)
    program.initialise(1)
    x, z = np.random.default_rng(0).normal(size=(5, 6)), normal("latent", (5, 16))
    made, real, fake = networks(program.values, x, z)
    D, D_fake = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    found = program.evaluate({"x": x}, target="numpy", dtype="float64", seed=SEED)
    assert found["discriminator"] == pytest.approx(-np.mean(np.log(D) + np.log(1 - D_fake)), rel=1e-10)
    assert found["generator"] == pytest.approx(-np.mean(np.log(D_fake)), rel=1e-10)
    drawn = program.predict(samples=5, seed=SEED, target="numpy", dtype="float64")["x_star"]
    np.testing.assert_allclose(drawn, made, rtol=1e-10)


def test_the_losses_of_the_wasserstein_network():
    """8.3-wgangp: the penalty by central differences of the critic in x̂."""
    program = wgan_gp.program(6)
    program.initialise(1)
    x, z = np.random.default_rng(0).normal(size=(5, 6)), normal("latent", (5, 16))
    made, real, fake = networks(program.values, x, z)
    u = uniform("between", (5,))[:, None]
    between, step = u * x + (1 - u) * made, 1e-5
    slope = np.stack(
        [
            (networks(program.values, between + step * e, z)[1] - networks(program.values, between - step * e, z)[1])
            / (2 * step)
            for e in np.eye(6)
        ],
        axis=1,
    )
    penalty = np.mean((np.linalg.norm(slope, axis=1) - 1) ** 2)
    found = program.evaluate({"x": x}, target="numpy", dtype="float64", seed=SEED)
    assert found["critic"] == pytest.approx(np.mean(fake) - np.mean(real) + 10 * penalty, rel=1e-7)
    assert found["generator"] == pytest.approx(-np.mean(fake), rel=1e-10)


def test_measures_of_quality():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(300, 3)), rng.normal(0.5, 2, size=(300, 3))
    line = sliced_wasserstein(a[:, :1], b[:, :1])
    assert line == pytest.approx(wasserstein_distance(a[:, 0], b[:, 0]), rel=1e-12)
    assert nearest_neighbours(a, a + 100) == 1
    assert abs(nearest_neighbours(rng.normal(size=(2000, 3)), rng.normal(size=(2000, 3))) - 0.5) < 0.05
    assert nearest_neighbours(a[:150], a[:150] + 1e-9) == 0  # copies
    diagonal = [rng.normal(size=(100_000, 2)) * scale + mean for scale, mean in (([1, 2], 0), ([3, 1], 1))]
    assert frechet(*diagonal) == pytest.approx(2 + (3 - 1) ** 2 + (2 - 1) ** 2, rel=0.02)
    like = normal_like(b, 50_000)
    np.testing.assert_allclose(np.cov(like.T), np.cov(b.T), atol=0.1)
    assert "0.000" in table({"copies": a}, a)


def test_drawing():
    image = np.zeros((2, 4))
    image[0, 0], image[1, 3] = 1.0, 0.5
    assert drawing(image) == "@@\n      =="


def test_draws_of_the_tests_are_those_of_symdl():
    at = {"seed": SEED, "step": 4}
    found = evaluate(sd.random.normal((3,), stream="epsilon"), at)
    index = np.arange(3)
    parts = [Uniform.reference(SEED, 4, int(stream_number("epsilon")), -0, part, index) for part in (0, 1)]
    np.testing.assert_allclose(found, np.sqrt(-2 * np.log(parts[0])) * np.cos(2 * np.pi * parts[1]), rtol=1e-12)


def test_a_program_hands_out_the_steps_it_was_trained_with():
    program = wgan_gp.program(6)
    with pytest.raises(sd.errors.InputError, match="has not been trained yet"):
        program.training_programs()
    data, settings = {"x": np.random.default_rng(0).normal(size=(8, 6))}, {"epochs": 1, "target": "numpy"}
    sd.fit(program, data, batch_size=4, **settings)
    program.evaluate(data, target="numpy")
    assert list(program.training_programs()) == ["critic", "generator"]
    sd.fit(program, data, frozen=["g1"], batch_size=4, **settings)
    latest = program.training_programs()
    assert list(latest) == ["critic", "generator"]
    assert latest["generator"] is program.training_program()
