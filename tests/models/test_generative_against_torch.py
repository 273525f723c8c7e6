"""The generative models beside the same ones in PyTorch: equal weights, equal batches, equal draws. Needs torch."""

import numpy as np
import pytest

import symdl as sd
from symdl.data import digits
from symdl.models import diffusion, gan, linear_vae, vae, wgan_gp
from tests.models.test_generative_models import level, normal, uniform

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.slow
SEED, BATCH, STEPS = 3, 32, 24
X = digits().x[: BATCH * 8]
ADAM = {"beta": 0.9, "gamma": 0.999, "alpha": 1e-3}


def tensor(array):
    return torch.tensor(np.asarray(array, dtype=np.float64))


def rows(step):
    """The samples of a step, and their numbers."""
    first = step % 8 * BATCH
    return np.arange(first, first + BATCH)


def drawn(kind, stream, step, *shape):
    """The draws of the samples of a step, as symdl's NumPy reference makes them."""
    return tensor(kind(stream, (len(X), *shape), step=step)[rows(step)])


def torch_losses(values, names, cost, turns=None, rate=1e-3):
    """The loss of each step with Adam, and the values after; ``cost(values, step, name)`` for whose turn it is."""
    at = {name: tensor(array).requires_grad_() for name, array in values.items()}
    players = {name: torch.optim.Adam([at[key] for key in keys], rate) for name, keys in names.items()}
    losses = {name: [] for name in names}
    for step in range(STEPS):
        now = list(names) if turns is None else [turns[step % len(turns)]]
        costs = {name: cost(at, step, name) for name in now}
        slopes = {name: torch.autograd.grad(costs[name], [at[key] for key in names[name]]) for name in now}
        for name in now:
            losses[name].append(costs[name].item())
            for key, slope in zip(names[name], slopes[name], strict=True):
                at[key].grad = slope
            players[name].step()
    return losses, {name: value.detach().numpy() for name, value in at.items()}


def side_by_side(model, data, cost, names=None, turns=None):
    """Train both; every epoch's loss and all values at the end agree."""
    model.initialise(1)
    names = {"loss": list(model.values)} if names is None else names
    losses, values = torch_losses(dict(model.values), names, cost, turns)
    model.set_values(dict(model.values))  # so that the seed of the draws is not that of the values
    options = {"batch_size": BATCH, "shuffle": False, "epochs": STEPS // 8, "dtype": "float64", "seed": SEED}
    history = sd.fit(model, data, optimizer=sd.optimizers.Adam(**ADAM), **options)
    found = history.losses if len(names) > 1 else {"loss": history.loss}
    for name, each in losses.items():
        assert len(found[name]) == STEPS // 8
        if turns is None:
            np.testing.assert_allclose(found[name], np.reshape(each, (-1, 8)).mean(axis=1), rtol=1e-9, err_msg=name)
    for name, value in values.items():
        np.testing.assert_allclose(model.values[name], value, rtol=1e-6, atol=1e-8, err_msg=name)
    return losses


def bound(x, x_hat, tau, mu, s):
    squares = ((x - x_hat) ** 2).sum(1)
    divergence = 0.5 * (mu**2 + s.exp() - 1 - s).sum(1)
    return (squares / (2 * tau.exp()) + 32 * (np.log(2 * np.pi) + tau) + divergence).mean()


def test_linear_autoencoder():
    def cost(at, step, name):
        x = tensor(X[rows(step)])
        mu = x @ at["V"].T + at["d"]
        z = mu + (at["s"] / 2).exp() * drawn(normal, "epsilon", step, 10)
        return bound(x, z @ at["W"].T + at["b"], at["tau"], mu, at["s"].expand(BATCH, 10))

    losses = side_by_side(linear_vae.autoencoder(64), {"x": X}, cost)["loss"]
    assert losses[-1] < losses[0]


def test_autoencoder():
    def cost(at, step, name):
        x = tensor(X[rows(step)])
        a = F.silu(x @ at["V1"].T + at["c1"])
        mu, s = a @ at["V2"].T + at["c2"], a @ at["V3"].T + at["c3"]
        z = mu + (s / 2).exp() * drawn(normal, "epsilon", step, 10)
        x_hat = F.silu(z @ at["W1"].T + at["b1"]) @ at["W2"].T + at["b2"]
        return bound(x, x_hat, at["tau"], mu, s)

    losses = side_by_side(vae.autoencoder(64), {"x": X}, cost)["loss"]
    assert losses[-1] < losses[0]


def test_diffusion():
    def cost(at, step, name):
        x = tensor(2 * X[rows(step)] - 1)
        t = 1 + np.floor(100 * uniform("time", (len(X),), step=step)[rows(step)])
        bar = tensor(level(t))[:, None]
        epsilon = drawn(normal, "epsilon", step, 64)
        noisy = bar.sqrt() * x + (1 - bar).sqrt() * epsilon
        angles = t[:, None] * 10000.0 ** (-np.arange(16) / 16)
        e = tensor(np.concatenate([np.sin(angles), np.cos(angles)], axis=1))
        a = F.silu(noisy @ at["W1"].T + e @ at["U1"].T + at["b1"])
        a = a + F.silu(a @ at["W2"].T + e @ at["U2"].T + at["b2"])
        predicted = (1 - bar).sqrt() * noisy + bar.sqrt() * (a @ at["W3"].T + at["b3"])
        return ((epsilon - predicted) ** 2).sum(1).mean()

    losses = side_by_side(diffusion.denoiser(64), {"x": 2 * X - 1}, cost)["loss"]
    assert losses[-1] < losses[0]


def critic(at, x):
    return F.silu(F.silu(x @ at["W1"].T + at["b1"]) @ at["W2"].T + at["b2"]) @ at["w3"]


def images(at, step):
    z = drawn(normal, "latent", step, 16)
    hidden = F.silu(F.silu(z @ at["G1"].T + at["g1"]) @ at["G2"].T + at["g2"])
    return torch.tanh(hidden @ at["G3"].T + at["g3"])


PLAYERS = [["W1", "b1", "W2", "b2", "w3"], ["G1", "g1", "G2", "g2", "G3", "g3"]]


def test_adversarial_network():
    def cost(at, step, name):
        fake = critic(at, images(at, step))
        if name == "generator":
            return F.softplus(-fake).mean()
        return (F.softplus(-critic(at, tensor(2 * X[rows(step)] - 1))) + F.softplus(fake)).mean()

    names = dict(zip(["discriminator", "generator"], PLAYERS, strict=True))
    side_by_side(gan.program(64), {"x": 2 * X - 1}, cost, names)


def penalised(at, step):
    real, fake = tensor(2 * X[rows(step)] - 1), images(at, step).detach()
    u = drawn(uniform, "between", step)[:, None]
    between = (u * real + (1 - u) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(at, between).sum(), between, create_graph=True)
    penalty = (((slope**2).sum(1) + wgan_gp.LEAST).sqrt() - 1) ** 2
    return (critic(at, fake) - critic(at, real) + wgan_gp.LAMBDA * penalty).mean()


def test_wasserstein_network():
    """8.3-wgangp: the second-order gradient trains as PyTorch's does."""

    def cost(at, step, name):
        return penalised(at, step) if name == "critic" else -critic(at, images(at, step)).mean()

    names = dict(zip(["critic", "generator"], PLAYERS, strict=True))
    turns = ["critic"] * wgan_gp.TURNS + ["generator"]
    side_by_side(wgan_gp.program(64), {"x": 2 * X - 1}, cost, names, turns)


def test_the_gradient_of_the_penalty():
    """8.3-wgangp: one gradient of the critic's loss, to 1e-10 of its size; and by central differences of the loss."""
    from symdl.expr.batch import batched

    program = wgan_gp.program(64)
    program.initialise(1)
    loss = program.declared.groups[0].loss
    count = sd.dims("count")
    [each] = batched([loss], program.declared.data, count)
    symbols = list(program.declared.groups[0].parameters)
    function = sd.compile([sd.sum(each) / count, *sd.grad(sd.sum(each) / count, symbols)])
    given = {**program.values, "x": 2 * X[:BATCH] - 1, "seed": SEED, "step": 0}
    value, *found = function({name: given[name] for name in function.inputs})
    at = {name: tensor(array).requires_grad_() for name, array in program.values.items()}
    cost = penalised(at, 0)
    assert value == pytest.approx(cost.item(), rel=1e-12)
    expected = torch.autograd.grad(cost, [at[symbol.name] for symbol in symbols])
    rng = np.random.default_rng(0)
    for symbol, gradient, truth in zip(symbols, found, expected, strict=True):
        scale = np.abs(truth.numpy()).max()
        np.testing.assert_allclose(gradient, truth.numpy(), rtol=1e-10, atol=1e-10 * scale, err_msg=symbol.name)
        direction = rng.normal(size=gradient.shape)
        moved = [{**given, symbol.name: given[symbol.name] + h * direction} for h in (1e-5, -1e-5)]
        above, below = (function({name: other[name] for name in function.inputs})[0] for other in moved)
        assert (above - below) / 2e-5 == pytest.approx(float(np.sum(gradient * direction)), rel=1e-6, abs=1e-8)
