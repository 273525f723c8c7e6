"""Several losses, groups and optimizers in one program: against the same updates by hand and by autograd."""

from functools import partial

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import symdl as sd
from symdl.errors import CheckpointError, DerivationError, InputError, NameConflictError
from symdl.expr.random import Uniform, stream_number
from tests.katex import katex_error

SGD = sd.optimizers.SGD
u, v, x = sd.scalar("u"), sd.scalar("v"), sd.scalar("x")
DATA = {"x": np.random.default_rng(0).normal(size=12)}


def saddle(order="alternating", steps=(1, 1), **options):
    """U descends x (u v) + u²/2, v descends -(x u v) + v²/2."""
    groups = [
        sd.Group("down", x * u * v + u**2 / 2, [u], SGD(alpha=0.1), steps[0]),
        sd.Group("up", -x * u * v + v**2 / 2, [v], SGD(alpha=0.2), steps[1]),
    ]
    return sd.Program(groups, inputs=[x], outputs={"product": u * v}, init={u: 1.0, v: 2.0}, order=order, **options)


def fit(program, **options):
    settings = {"batch_size": 2, "shuffle": False, "dtype": "float64", "target": "numpy", "epochs": 3}
    return sd.fit(program, DATA, **{**settings, **options})


def by_hand(turns, epochs=3):
    """The values after some epochs, and the losses; ``turns`` gives what steps: down, up or both."""
    at, losses, step = np.array([1.0, 2.0]), [], 0
    for _ in range(epochs):
        found = {"down": [], "up": []}
        for part in DATA["x"].reshape(6, 2):
            m, who = part.mean(), turns[step % len(turns)]
            cost = {"down": m * at.prod() + at[0] ** 2 / 2, "up": -m * at.prod() + at[1] ** 2 / 2}
            slope = np.array([0.1 * (m * at[1] + at[0]), 0.2 * (-m * at[0] + at[1])])
            own = [who in ("down", "both"), who in ("up", "both")]
            at, step = at - slope * own, step + 1
            for name, mine in zip(found, own, strict=True):
                found[name] += [cost[name]] * mine
        losses.append({name: np.mean(values) for name, values in found.items()})
    return at, losses


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize(
    ("order", "steps", "turns"),
    [
        ("simultaneous", (1, 1), ["both"]),
        ("alternating", (1, 1), ["down", "up"]),
        ("alternating", (3, 1), ["down", "down", "down", "up"]),  # a round of 4 in epochs of 6 steps
        ("alternating", (1, 4), ["down", "up", "up", "up", "up"]),
    ],
)
def test_orders(order, steps, turns, target):
    program = saddle(order, steps)
    history = fit(program, target=target)
    at, losses = by_hand(turns)
    np.testing.assert_allclose([program.values["u"], program.values["v"]], at, rtol=1e-12)
    for name in ("down", "up"):
        assert history.losses[name] == pytest.approx([loss[name] for loss in losses], rel=1e-12)
    assert history.loss == pytest.approx([sum(loss.values()) for loss in losses], rel=1e-12)


def test_whole_batches_take_turns_too():
    program = saddle(steps=(2, 1))
    history = fit(program, batch_size=None, epochs=7)
    at, m, down = np.array([1.0, 2.0]), DATA["x"].mean(), []
    for step in range(7):
        slope = np.array([0.1 * (m * at[1] + at[0]), 0.2 * (-m * at[0] + at[1])])
        down.append(m * at.prod() + at[0] ** 2 / 2 if step % 3 < 2 else np.nan)
        at = at - slope * ([1, 0] if step % 3 < 2 else [0, 1])
    np.testing.assert_allclose([program.values["u"], program.values["v"]], at, rtol=1e-12)
    np.testing.assert_allclose(history.losses["down"], down, rtol=1e-12)


def test_batches_of_a_collection_take_turns():
    program = saddle(steps=(3, 1))
    sd.fit(program, [{"x": part} for part in DATA["x"].reshape(6, 2)], epochs=3, dtype="float64", target="numpy")
    at, _ = by_hand(["down", "down", "down", "up"])
    np.testing.assert_allclose([program.values["u"], program.values["v"]], at, rtol=1e-12)


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_bias_corrections_count_the_steps_of_their_group(order):
    """Each group with Adam of its own: the first step of each has the length of its rate."""
    program = saddle(order)
    fit(program, optimizer={"down": sd.optimizers.Adam(alpha=0.1), "up": sd.optimizers.Adam(alpha=0.3)}, epochs=1,
        batch_size=6 if order == "alternating" else None)  # fmt: skip
    np.testing.assert_allclose(abs(program.values["u"] - 1), 0.1, rtol=1e-6)
    np.testing.assert_allclose(abs(program.values["v"] - 2), 0.3, rtol=1e-6)


@pytest.mark.parametrize("steps", [(1, 1), (3, 2)])
def test_saved_programs_resume_bit_for_bit(steps, tmp_path):
    """The turns go on where they were: three epochs of six steps end within a round of five."""
    file, rate = tmp_path / "program.safetensors", sd.optimizers.schedules.ExponentialDecay(0.1, 0.9)
    settings = {"optimizer": sd.optimizers.Adam(alpha=rate), "shuffle": True, "target": "cpu"}
    whole, first = saddle(steps=steps), saddle(steps=steps)
    history = fit(whole, epochs=6, **settings)
    fit(first, epochs=3, checkpoint=file, **settings)
    loaded = sd.load(file)
    assert isinstance(loaded, sd.Program)
    for program, where in ((loaded, file), (saddle(steps=steps), file), (first, True)):
        resumed = fit(program, epochs=6, resume=where, **settings)
        assert resumed.losses == history.losses
        for name, array in whole.values.items():
            np.testing.assert_array_equal(program.values[name], array)
    with pytest.raises(CheckpointError, match=r"other settings of steps \(\[1, 2\], before"):
        fit(saddle(steps=(1, 2)), epochs=6, resume=file, **settings)


def test_a_program_from_a_file_asks_for_the_optimizers_that_it_had(tmp_path):
    file, again = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    groups = [sd.Group("one", (u - x) ** 2, [u], SGD(0.1)), sd.Group("two", (v - x) ** 2, [v])]
    program = sd.Program(groups, inputs=[x])
    fit(program, epochs=1, optimizer={})
    program.save(file)
    sd.load(file).save(again)
    for path in (file, again):
        before = sd.load(path)
        message = (
            r"the group one was trained by SGD, which its file does not keep; pass optimizer=\{'one': sd.optimizers.S"
        )
        for refused in (None, {}, {"two": SGD()}):
            with pytest.raises(InputError, match=message):
                sd.fit(before, DATA, epochs=1, optimizer=refused, target="numpy")
        np.testing.assert_array_equal(before.values["u"], program.values["u"])
        assert sd.fit(before, DATA, epochs=1, optimizer={"one": SGD(0.1)}, target="numpy").epochs == 1


def test_programs_evaluate_predict_and_print():
    program = saddle()
    assert program.evaluate(DATA) == pytest.approx(
        {"down": 2 * DATA["x"].mean() + 0.5, "up": -2 * DATA["x"].mean() + 2}
    )
    assert program.predict()["product"] == 2
    text = program._repr_latex_().strip("$")
    assert katex_error(text) is None
    assert r"C_i^{\mathrm{down}} &= " in text
    assert program.gradients()["v"] == sd.grad(program.declared.losses["up"], v)
    history = fit(program, validation=DATA, frozen=["u"])
    assert history.validation_loss[-1] == pytest.approx(sum(program.evaluate(DATA).values()))
    assert np.isnan(history.losses["down"]).all()
    assert program.values["u"] == 1


RATES = {"critic": 0.02, "generator": 0.05}
LAMBDA = 10


def wgan():
    """A critic of one hidden layer with gradient penalty, and an affine generator of points; 8.3-wgangp."""
    real, G, shift = sd.vector("real", 2), sd.matrix("G", 2, 2), sd.vector("shift", 2)
    W, bias, a = sd.matrix("W", 4, 2), sd.vector("bias", 4), sd.vector("a", 4)

    def critic(point):
        return a @ sd.tanh(W @ point + bias)

    made = G @ sd.random.uniform((2,), -1, 1, stream="latent") + shift
    mix, probe = sd.random.uniform(stream="mix"), sd.vector("probe", 2)
    slope = sd.grad(critic(probe), probe).xreplace({probe: mix * real + (1 - mix) * made})
    penalty = LAMBDA * (sd.norm(slope) - 1) ** 2
    groups = [
        sd.Group("critic", critic(made) - critic(real) + penalty, [W, bias, a], SGD(alpha=RATES["critic"]), steps=3),
        sd.Group("generator", -critic(made), [G, shift], SGD(alpha=RATES["generator"])),
    ]
    random = np.random.default_rng(1)
    init = {W: random.normal(size=(4, 2)), a: random.normal(size=4), bias: random.normal(size=4), G: np.eye(2)}
    return sd.Program(groups, inputs=[real], outputs={"made": made}, init=init)


@pytest.mark.parametrize("target", ["numpy", pytest.param("cpu", marks=pytest.mark.slow)])
def test_wasserstein_gan_with_gradient_penalty(target):
    """Catalogue 8.3-wgangp, a gradient inside the loss: the path of autograd, with the same draws."""
    program = wgan()
    data = np.random.default_rng(2).normal([2, 0], 1, (32, 2))

    def critic(values, points):
        return anp.tanh(points @ values["W"].T + values["bias"]) @ values["a"]

    def draw(stream, step, rows, *places):
        return Uniform.reference(5, step, int(stream_number(stream)), rows, 0, *places)

    def made(values, z):
        return z @ values["G"].T + values["shift"]

    def cost(name, fixed, own, rows, z, mix):
        values = {**fixed, **own}
        if name == "generator":
            return -anp.mean(critic(values, made(values, z)))
        fake, real = made(values, z), data[rows]
        between = mix[:, None] * real + (1 - mix[:, None]) * fake
        slope = autograd.elementwise_grad(lambda points: critic(values, points))(between)
        penalty = anp.mean((anp.sqrt(anp.sum(slope**2, axis=1)) - 1) ** 2)
        return anp.mean(critic(values, fake)) - anp.mean(critic(values, real)) + LAMBDA * penalty

    values = {name: np.array(array) for name, array in program.values.items()}
    losses = {"critic": [], "generator": []}
    for step in range(8):
        rows = np.arange(8) + 8 * (step % 4)
        index = np.indices((8, 2))
        z = 2 * draw("latent", step, rows[index[0]], index[1]) - 1
        name, mine = ("generator", ["G", "shift"]) if step % 4 == 3 else ("critic", ["W", "bias", "a"])
        descend = partial(cost, name, values, rows=rows, z=z, mix=draw("mix", step, rows))
        value, slopes = autograd.value_and_grad(descend)({key: values[key] for key in mine})
        losses[name].append(value)
        values |= {key: values[key] - RATES[name] * slopes[key] for key in mine}
    program.set_values(program.values)  # so that the seed of the draws is not that of the values
    settings = {"batch_size": 8, "shuffle": False, "epochs": 2, "dtype": "float64", "seed": 5, "target": target}
    history = sd.fit(program, {"real": data}, **settings)
    for name, array in values.items():
        np.testing.assert_allclose(program.values[name], array, rtol=1e-9, atol=1e-12)
    assert history.losses["critic"] == pytest.approx(np.reshape(losses["critic"], (2, 3)).mean(axis=1), rel=1e-10)
    assert history.losses["generator"] == pytest.approx(losses["generator"], rel=1e-10)


def test_a_generator_needs_no_data_to_generate():
    program = wgan()
    points = program.predict(samples=5)["made"]
    assert points.shape == (5, 2)
    np.testing.assert_array_equal(program.predict(samples=3)["made"], points[:3])
    assert not np.isin(program.predict(samples=5, seed=1)["made"], points).any()
    with pytest.raises(InputError, match="samples=0 is for outputs without inputs, and at least 1"):
        program.predict(samples=0)


def test_actor_and_critic():
    """A softmax bandit whose critic is a baseline: the actor's loss holds the critic's value as a constant."""
    logits, value = sd.vector("logits", 3), sd.scalar("value")
    reward, action = sd.scalar("reward"), sd.vector("action", 3, one_hot=True)
    advantage = sd.stop_gradient(reward - value)
    groups = [
        sd.Group("actor", -advantage * (action @ sd.log_softmax(logits)), [logits], SGD(alpha=0.5)),
        sd.Group("critic", (reward - value) ** 2 / 2, [value], SGD(alpha=0.3)),
    ]
    program = sd.Program(groups, inputs=[reward, action], order="simultaneous", init={"logits": [0.0, 0.5, -0.5]})
    taken, gained = np.array([0, 2, 1, 2, 2, 0]), np.array([0.0, 1.0, 0.2, 0.9, 1.1, 0.1])
    sd.fit(program, {"reward": gained, "action": taken}, batch_size=3, shuffle=False, epochs=2, dtype="float64")
    z, b = np.array([0.0, 0.5, -0.5]), 0.0
    for start in (0, 3, 0, 3):
        chosen, got = taken[start : start + 3], gained[start : start + 3]
        policy = np.exp(z) / np.exp(z).sum()
        ascent = ((got - b)[:, None] * (np.eye(3)[chosen] - policy)).mean(axis=0)  # catalogue 8.4-pg: e_a - π
        z, b = z + 0.5 * ascent, b + 0.3 * np.mean(got - b)
    np.testing.assert_allclose(program.values["logits"], z, rtol=1e-12)
    np.testing.assert_allclose(program.values["value"], b, rtol=1e-12)


@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
def test_states_change_in_every_step(order):
    average = sd.state("average", update=lambda s: s / 2 + v / 2)
    groups = [sd.Group("one", (u - x - average) ** 2, [u], SGD(0.1)), sd.Group("two", (v - x) ** 2, [v], SGD(0.1))]
    program = sd.Program(groups, inputs=[x], order=order)
    fit(program, epochs=1)
    at, mean = 0.0, 0.0
    for step, part in enumerate(DATA["x"].reshape(6, 2)):
        mean, at = mean / 2 + at / 2, at - 0.2 * (at - part.mean()) * (order == "simultaneous" or step % 2)
    np.testing.assert_allclose(program.states["average"], mean, rtol=1e-12)


def group(name="one", loss=u * x, parameters=(u,), **options):
    return sd.Group(name, loss, parameters, **options)


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: sd.Program([]), InputError, "there are no groups"),
        (lambda: sd.Program([u]), InputError, r"expected sd.Group\(name, loss, parameters\) in groups, found u"),
        (lambda: sd.Program([group(), group()], [x]), NameConflictError, "the name 'one' of a group is taken"),
        (lambda: sd.Program([group("loss")], [x]), NameConflictError, "the name 'loss' of a group is taken"),
        (
            lambda: sd.Program([group(), group("two")], [x]),
            NameConflictError,
            "u is listed as parameter and as parameter",
        ),
        (lambda: group(steps=0), InputError, "Group: steps of one must be an integer of at least 1, found 0"),
        (lambda: group(steps=True), InputError, "steps of one must be an integer of at least 1, found True"),
        (lambda: sd.Program([group(steps=2)], [x], order="simultaneous"), InputError, "make one step each"),
        (lambda: sd.Program([group()], [x], order="random"), InputError, "order='random'; expected one of alternating"),
        (lambda: sd.Program([group(optimizer=3)], [x]), InputError, "expected one of sd.optimizers for one, found 3"),
        (lambda: sd.Program([group(parameters=[v])], [x]), DerivationError, "the loss of one does not depend on the"),
        (lambda: sd.Program([group(loss=u * v)], [x]), InputError, "the loss of one contains v, which is no parameter"),
        (
            lambda: fit(saddle(), optimizer={"left": SGD()}),
            InputError,
            "there is no group 'left'; expected some of down",
        ),
        (lambda: fit(saddle(), optimizer={"up": 3}), InputError, "expected one of sd.optimizers, such as"),
    ],
)
def test_refusals(declare, error, message):
    with pytest.raises(error, match=message):
        declare()
