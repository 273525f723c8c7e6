"""States that are no parameters: running statistics, moving averages, target networks, against loops in NumPy."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sympy import Eq, Mod

import symdl as sd
from symdl.errors import DerivationError, ExpressionError, InputError, NameConflictError, ShapeError
from tests.train.models import P, cost_and_gradient, line

STEP, ALPHA = sd.random.STEP, 0.05
x, y, w, b = sd.vector("x", P), sd.scalar("y"), sd.vector("w", P), sd.scalar("b")


def regression(*states):
    """Linear regression whose outputs are states."""
    residual = w @ x + b - y
    outputs = {f"s{k}": state for k, state in enumerate(states)}
    return sd.Model(loss=residual**2, parameters=[w, b], inputs=[x], targets=[y], outputs=outputs)


def fit(model, **options):
    settings = {"optimizer": sd.optimizers.SGD(alpha=ALPHA), "dtype": "float64", "batch_size": 16, "shuffle": False}
    return sd.fit(model, line(), **{"target": "numpy", "epochs": 3, **settings, **options})


def path(epochs=3, batch=16):
    """The iterates (w, b) before each step and after the last, by hand."""
    data, at = line(), (np.zeros(3), 0.0)
    found = [at]
    for _ in range(epochs):
        for start in range(0, 40, batch):
            part = slice(start, start + batch)
            _, gw, gb = cost_and_gradient(*at, data["x"][part], data["y"][part])
            at = at[0] - ALPHA * gw, at[1] - ALPHA * gb
            found.append(at)
    return found


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_moving_averages_of_parameters(when, target):
    beta = sd.scalar("unused") * 0 + 0.75
    mean_w = sd.state("w_ema", (P,), update=lambda s: beta * s + (1 - beta) * w, initial=w, when=when)
    mean_b = sd.state("b_ema", update=lambda s: s / 2 + b / 2, initial=3, when=when)
    model = regression(mean_w, mean_b)
    fit(model, target=target)
    iterates = path()
    expected_w, expected_b = iterates[0][0], 3.0
    for at in iterates[:-1] if when == "before" else iterates[1:]:
        expected_w, expected_b = 0.75 * expected_w + 0.25 * at[0], expected_b / 2 + at[1] / 2
    np.testing.assert_allclose(model.states["w_ema"], expected_w, rtol=1e-12)
    np.testing.assert_allclose(model.states["b_ema"], expected_b, rtol=1e-12)
    np.testing.assert_allclose(model.values["w"], iterates[-1][0], rtol=1e-12)
    found = model.predict({"x": np.zeros((2, 3))})
    np.testing.assert_array_equal(found["s0"], model.states["w_ema"])


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_a_target_network_is_copied_every_k_steps(target):
    """A semi-gradient: the loss holds the old parameters, renewed after the steps 4, 8, ..."""
    old = sd.state("w_target", (P,), update=lambda s: sd.where(Eq(Mod(STEP + 1, 4), 0), w, s), initial=w, when="after")
    model = sd.Model(loss=(w @ x - y - old @ x / 2) ** 2, parameters=[w], inputs=[x], targets=[y])
    model.set_values({"w": np.array([1.0, 2.0, 3.0])})
    np.testing.assert_array_equal(model.states["w_target"], [1, 2, 3])
    fit(model, target=target)
    data, at = line(), np.array([1.0, 2.0, 3.0])
    kept = at
    for step in range(9):
        part = slice(16 * (step % 3), 16 * (step % 3) + 16)
        rows, goal = data["x"][part], data["y"][part]
        at = at - ALPHA * 2 * rows.T @ (rows @ at - goal - rows @ kept / 2) / len(rows)
        kept = at if (step + 1) % 4 == 0 else kept
    np.testing.assert_allclose(model.values["w"], at, rtol=1e-12)
    np.testing.assert_allclose(model.states["w_target"], kept, rtol=1e-12)


def test_batch_statistics_and_states_of_states():
    """All states change at once, each from the values before the step."""
    centre = sd.state("centre", (P,), update=lambda s: 0.9 * s + 0.1 * sd.batch_mean(x))
    count = sd.state("count", update=lambda n: n + sd.norm(centre) ** 2)
    model = regression(count)
    assert sorted(model.states) == ["centre", "count"]
    fit(model, epochs=2)
    centre, count = np.zeros(3), 0.0
    for start in (0, 16, 32, 0, 16, 32):
        count, centre = count + centre @ centre, 0.9 * centre + 0.1 * line()["x"][start : start + 16].mean(axis=0)
    np.testing.assert_allclose(model.states["centre"], centre, rtol=1e-12)
    np.testing.assert_allclose(model.states["count"], count, rtol=1e-12)


def test_equations_of_a_whole_batch():
    n = sd.dims("n")
    X, Y = sd.matrix("X", n, P), sd.vector("Y", n)
    centre = sd.state("centre", (P,), update=lambda s: s / 2 + sd.mean(X, axis=0) / 2)
    model = sd.Model(loss=sd.mean(sd.square(X @ w + b - Y)), parameters=[w, b], inputs=[X], targets=[Y], batch=n,
                     outputs={"centre": centre})  # fmt: skip
    sd.fit(model, {"X": line()["x"], "Y": line()["y"]}, batch_size=20, shuffle=False, epochs=1, dtype="float64")
    halves = line()["x"].reshape(2, 20, 3).mean(axis=1)
    np.testing.assert_allclose(model.states["centre"], halves[0] / 4 + halves[1] / 2, rtol=1e-12)


def normalised(order=1):
    """A network with batch normalisation; over images with ``order`` 3."""
    shape = (P,) if order == 1 else (P, 2, 2)
    image, gamma, beta, V = sd.tensor("x", shape), sd.vector("gamma", P), sd.vector("beta", P), sd.tensor("V", shape)
    hidden = sd.batch_norm(sd.tanh(image), gamma, beta, running=True)
    y_hat = sd.named("y_hat", sd.sum(sd.hadamard(V, hidden)))
    model = sd.Model(loss=(y_hat - y) ** 2, parameters=[gamma, beta, V], inputs=[image], targets=[y],
                     outputs={"y_hat": y_hat}, init={gamma: 1.0})  # fmt: skip
    data = np.random.default_rng(0).normal(size=(40, *shape))
    return model, {"x": data, "y": data.reshape(40, -1).sum(axis=1)}


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("order", [1, 3])
def test_running_statistics_of_batch_norm(order, target):
    """Catalogue 5.6-bn-infer: prediction with averages over the batches, the variance corrected by k/(k - 1)."""
    model, data = normalised(order)
    settings = {"batch_size": 16, "epochs": 2, "shuffle": False, "dtype": "float64", "target": target}
    sd.fit(model, data, optimizer=sd.optimizers.SGD(alpha=0.01), **settings)
    mean, variance = np.zeros(3), np.ones(3)
    for start in (0, 16, 32, 0, 16, 32):
        part = np.tanh(data["x"][start : start + 16])
        axes = tuple(axis for axis in range(part.ndim) if axis != 1)
        mean = 0.9 * mean + 0.1 * part.mean(axes)
        variance = 0.9 * variance + 0.1 * part.var(axes, ddof=1)
    np.testing.assert_allclose(model.states["gamma.mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(model.states["gamma.variance"], variance, rtol=1e-12)
    wide = (slice(None), *[None] * (order - 1))
    bar = (np.tanh(data["x"]) - mean[wide]) / np.sqrt(variance[wide] + 1e-5)
    gamma, beta, V = (model.values[name] for name in ("gamma", "beta", "V"))
    expected = ((gamma[wide] * bar + beta[wide]) * V).reshape(40, -1).sum(axis=1)
    np.testing.assert_allclose(model.predict({"x": data["x"]}, target=target)["y_hat"], expected, rtol=1e-10)
    np.testing.assert_allclose(model.predict({"x": data["x"][:1]}, target=target)["y_hat"], expected[:1], rtol=1e-10)


def whole_batch():
    """Batch normalisation in equations that speak of the whole batch."""
    n = sd.dims("n")
    X, Y, V = sd.matrix("x", n, 3), sd.vector("y", n), sd.vector("V", 3)
    loss = sd.norm(sd.batch_norm(sd.tanh(X), batch_axis=0) @ V - Y) ** 2 / n
    return sd.Model(loss=loss, parameters=[V], inputs=[X], targets=[Y], batch=n)


@pytest.mark.parametrize("model", [lambda: normalised()[0], whole_batch])
@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (40, {"batch_size": 1}, "batch_size: 1 of 40 samples leaves a batch of one sample, in which every deviation"),
        (33, {"batch_size": 16}, "batch_size: 16 of 33 samples leaves a batch of one sample"),
        (1, {}, "batch_size: None of 1 samples leaves a batch of one sample"),
    ],
)
def test_a_batch_of_one_sample_is_refused(model, count, options, message):
    """Nothing is left of it, and nothing would be learned from it, without a word."""
    _, data = normalised()
    few = {name: rows[:count] for name, rows in data.items()}
    with pytest.raises(InputError, match=message):
        sd.fit(model(), few, **options, target="numpy")


def test_batches_of_one_sample_where_they_are_no_defect():
    """Images have other places to compare with; a plain mean over the batch is that of one."""
    model, data = normalised(3)
    assert sd.fit(model, data, epochs=1, batch_size=1, target="numpy").epochs == 1
    plain = regression(sd.state("mean", P, update=lambda old: sd.batch_mean(x)))
    fit(plain, batch_size=1, epochs=1)
    np.testing.assert_allclose(plain.states["mean"], line()["x"][-1])
    batches = [{name: rows[:length] for name, rows in normalised()[1].items()} for length in (4, 1)]
    with pytest.raises(InputError, match="batch 1 of the data leaves a batch of one sample"):
        sd.fit(normalised()[0], batches, target="numpy")


def test_training_normalises_with_the_batch():
    """The gradient passes through the statistics of the batch: the path is that of batch_norm without running ones."""
    model, data = normalised()
    gamma, beta, V = model.declared.parameters
    image = model.declared.inputs[0]
    hidden = sd.batch_norm(sd.tanh(image), gamma, beta)
    plain = sd.Model(loss=(V @ hidden - y) ** 2, parameters=[gamma, beta, V], inputs=[image], targets=[y],
                     init={gamma: 1.0})  # fmt: skip
    settings = {"batch_size": 16, "epochs": 2, "dtype": "float64", "target": "numpy"}
    assert sd.fit(model, data, **settings).loss == pytest.approx(sd.fit(plain, data, **settings).loss, rel=1e-12)
    np.testing.assert_allclose(model.values["V"], plain.values["V"], rtol=1e-10)


def test_two_layers_with_running_statistics():
    """The statistics of the second layer are those of what the first one does in training."""
    W = sd.matrix("W", P, P)
    first = sd.batch_norm(W @ x, running="one")
    second = sd.batch_norm(sd.tanh(first), running="two", momentum=1)
    model = sd.Model(loss=(sd.sum(second) - y) ** 2, parameters=[W], inputs=[x], targets=[y])
    model.set_values({"W": np.eye(3)})
    fit(model, epochs=1, batch_size=None, optimizer=sd.optimizers.SGD(alpha=1e-300))
    rows = line()["x"]
    hidden = np.tanh((rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5))
    np.testing.assert_allclose(model.states["two.mean"], hidden.mean(0), atol=1e-12)
    np.testing.assert_allclose(model.states["two.variance"], hidden.var(0, ddof=1), rtol=1e-10)
    np.testing.assert_allclose(model.states["one.mean"], 0.1 * rows.mean(0), rtol=1e-12)


def test_states_are_saved_and_resumed_bit_for_bit(tmp_path):
    file = tmp_path / "run.safetensors"
    settings = {"batch_size": 16, "seed": 1}
    whole, data = normalised()
    history = sd.fit(whole, data, epochs=6, **settings)
    first, _ = normalised()
    sd.fit(first, data, epochs=3, checkpoint=file, **settings)
    second = sd.load(file)
    for name, array in first.states.items():
        np.testing.assert_array_equal(second.states[name], array)
    assert second.declared == first.declared
    for model, where in ((second, file), (normalised()[0], file), (first, True)):
        assert sd.fit(model, data, epochs=6, resume=where, **settings).loss == history.loss
        for name, array in whole.states.items():
            np.testing.assert_array_equal(model.states[name], array)


def test_the_best_epoch_has_its_own_states():
    model, data = normalised()
    other = {"x": data["x"], "y": -data["y"]}
    history = sd.fit(model, data, validation=other, early_stopping=2, epochs=20, batch_size=16, dtype="float64")
    assert history.best_epoch is not None
    again, _ = normalised()
    sd.fit(again, data, epochs=history.best_epoch + 1, batch_size=16, dtype="float64")
    for name, array in again.states.items():
        np.testing.assert_array_equal(model.states[name], array)


def test_states_are_set_and_read():
    total = sd.state("total", update=lambda s: s + 1)
    model = regression(total)
    model.set_states({total: 5.0})
    assert model.predict({"x": np.zeros((1, 3))})["s0"] == 5
    fit(model, epochs=1)
    assert model.states["total"] == 8
    model.initialise(0)
    assert model.states["total"] == 0
    with pytest.raises(TypeError):
        model.states["total"] = 3.0
    with pytest.raises(ValueError, match="read-only"):
        model.states["total"][...] = 3
    with pytest.raises(InputError, match="set_states: the array w belongs to nothing"):
        model.set_states({"w": np.zeros(3)})
    given = sd.Model(loss=(w @ x - y) ** 2, parameters=[w], inputs=[x], targets=[y], outputs={"s": total},
                     init={"total": 7})  # fmt: skip
    assert given.states["total"] == 7


def test_printing():
    mean = sd.state("w_ema", (P,), update=lambda s: 0.9 * s + 0.1 * w)
    assert sd.latex(mean) == sd.latex(sd.vector("w_ema", P))
    total = sd.state("total", update=lambda s: s + sd.sum(mean), latex="c")
    assert sd.latex(2 * total) == "2 c"


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (lambda: sd.state("s", (P,), update=x[0]), ShapeError, r"s: the state has shape \(3,\), its update \(\)"),
        (lambda: sd.state("s", update=y, when="now"), ExpressionError, "s: when='now'; expected one of before, after"),
        (lambda: sd.state("s", update=y, initial=y + 1), ExpressionError, "s: initial must be a number or a parameter"),
        (lambda: sd.state("s", (P,), update=x, initial=b), ExpressionError, "s: initial must be a number or a para"),
        (
            lambda: regression(sd.state("s", update=lambda s: s), sd.state("s", update=lambda s: s + 1)),
            NameConflictError,
            "s: two states of this name have different updates",
        ),
        (lambda: regression(sd.state("w", update=y)), NameConflictError, "w is listed as parameter and as state"),
        (
            lambda: regression(sd.state("s", update=sd.scalar("z"))),
            InputError,
            "the update of s contains z, which is no parameter, input or target",
        ),
        (lambda: fit(regression(sd.state("s", update=y))), DerivationError, "y: it differs from sample to sample"),
        (lambda: sd.batch_norm(sd.tanh(x), running=True), ExpressionError, "running statistics need a name"),
        (lambda: sd.batch_norm(x, w, running=True, momentum=2), ExpressionError, "momentum must be above 0"),
        (lambda: sd.batch_norm(x, w, mean=w, variance=w, running=True), ExpressionError, "leave mean and variance out"),
    ],
)
def test_refusals(declare, error, message):
    with pytest.raises(error, match=message):
        declare()


def test_the_cuda_target_carries_states():
    code = (
        "import numpy as np, symdl as sd, tests.train.test_states as t\n"
        "found = []\n"
        "for target in ('numpy', 'cuda'):\n"
        "    model, data = t.normalised(3)\n"
        "    part = {name: array[:7] for name, array in data.items()}\n"
        "    sd.fit(model, part, batch_size=4, epochs=1, dtype='float64', target=target)\n"
        "    found.append({**model.values, **model.states, **model.predict({'x': part['x']}, target=target)})\n"
        "[np.testing.assert_allclose(found[1][k], found[0][k], rtol=1e-9, atol=1e-12) for k in found[0]]"
    )
    simulated = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=simulated)


def test_deep_updates_stay_sealed():
    """The text of a state does not grow with what its update is made of; SymPy sorts by it."""
    hidden = x
    for k in range(8):
        hidden = sd.batch_norm(sd.tanh(hidden + hidden), running=f"layer{k}")
    model = sd.Model(loss=(w @ hidden - y) ** 2, parameters=[w], inputs=[x], targets=[y])
    last = model.declared.states[-1]
    assert len(str(last.args[4])) < 200
    assert last.name == "layer7.variance"
    assert len(model.declared.states) == 16
