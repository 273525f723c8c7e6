"""Random draws in training: masks by seed, step and sample; the same on every target and in every batch layout."""

import os
import subprocess
import sys

import numpy as np
import pytest

import symdl as sd
from symdl.expr.random import Uniform, stream_number
from tests.train.models import labelled

P, H, K = 3, 16, 3


def noisy(rate=0.5, **options):
    """A network with one hidden layer and dropout."""
    x, y = sd.vector("x", P), sd.vector("y", K, one_hot=True)
    W, V = sd.matrix("W", H, P), sd.matrix("V", K, H)
    hidden = sd.dropout(sd.tanh(W @ x), rate, stream="hidden")
    y_hat = sd.named("y_hat", sd.softmax(V @ hidden))
    loss = sd.losses.cross_entropy(y, y_hat)
    return sd.Model(loss=loss, parameters=[W, V], inputs=[x], targets=[y], outputs={"y_hat": y_hat}, **options)


def masks(seed, step, samples):
    """The masks of ``noisy``, by the definition of a draw."""
    index = np.indices((len(samples), H))
    number = np.asarray(samples)[index[0]]
    return Uniform.reference(seed, step, int(stream_number("hidden")), number, 0, index[1]) < 0.5


def train(model=None, data=None, **options):
    model = noisy() if model is None else model
    settings = {"optimizer": sd.optimizers.SGD(alpha=0.1), "dtype": "float64", "target": "numpy", "epochs": 1}
    return model, sd.fit(model, labelled() if data is None else data, **{**settings, **options})


def cost(W, V, x, y, mask):
    z = (np.tanh(x @ W.T) * mask / 0.5) @ V.T
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y])


def gradient(W, V, x, y, mask, h=1e-6):
    found = []
    for which in range(2):
        slope = np.zeros_like((W, V)[which])
        for place in np.ndindex(slope.shape):
            ends = []
            for sign in (1, -1):
                moved = [W.copy(), V.copy()]
                moved[which][place] += sign * h
                ends.append(cost(*moved, x, y, mask))
            slope[place] = (ends[0] - ends[1]) / (2 * h)
        found.append(slope)
    return found


def test_steps_are_those_of_the_masks_by_hand():
    """Three steps of gradient descent, whose gradients are finite differences at the masks of each step."""
    data, model = labelled(24), noisy()
    model.initialise(4)
    W, V = (model.values[name].copy() for name in "WV")
    model.set_values({"W": W, "V": V})
    expected = []
    for step, rows in enumerate(np.split(np.arange(24), 3)):
        x, y, mask = data["x"][rows], data["y"][rows], masks(4, step, rows)
        expected.append(cost(W, V, x, y, mask))
        by_W, by_V = gradient(W, V, x, y, mask)
        W, V = W - 0.1 * by_W, V - 0.1 * by_V
    _, history = train(model, data, batch_size=8, shuffle=False, seed=4)
    np.testing.assert_allclose(model.values["W"], W, atol=1e-8)
    np.testing.assert_allclose(model.values["V"], V, atol=1e-8)
    assert history.loss == pytest.approx([np.mean(expected)], rel=1e-9)


@pytest.mark.parametrize("batch", [None, 16])
def test_targets_agree(batch):
    found = {target: train(target=target, epochs=2, batch_size=batch)[0].values for target in ("numpy", "cpu")}
    for name in "WV":
        np.testing.assert_allclose(found["cpu"][name], found["numpy"][name], rtol=1e-10, atol=1e-12)


def test_the_cuda_target_draws_the_same_masks():
    code = (
        "import numpy as np, sys, tests.train.test_random as t\n"
        "data = t.labelled(6)\n"
        "found = [t.train(target=target, data=data, batch_size=4)[0].values for target in ('numpy', 'cuda')]\n"
        "[np.testing.assert_allclose(found[1][k], found[0][k], rtol=1e-10) for k in 'WV']"
    )
    simulated = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=simulated)


def test_a_sample_draws_the_same_numbers_in_every_batch():
    data, parts = labelled(20), np.split(np.arange(20), 4)
    still = {"optimizer": sd.optimizers.SGD(alpha=1e-300), "shuffle": False}
    model, whole = train(data=data, **still)
    W, V = model.values["W"], model.values["V"]
    assert whole.loss == pytest.approx([cost(W, V, data["x"], data["y"], masks(0, 0, range(20)))])
    by_step = [cost(W, V, data["x"][rows], data["y"][rows], masks(0, step, rows)) for step, rows in enumerate(parts)]
    assert train(data=data, batch_size=5, **still)[1].loss == pytest.approx([np.mean(by_step)])
    batches = [{name: array[rows] for name, array in data.items()} for rows in parts]
    assert train(data=batches, **still)[1].loss == pytest.approx([np.mean(by_step)])


def test_steps_and_seeds_draw_other_masks():
    still = {"optimizer": sd.optimizers.SGD(alpha=1e-300), "epochs": 4}
    losses = train(**still)[1].loss
    assert len(set(losses)) == 4
    assert train(**still)[1].loss == losses
    model = noisy()
    model.set_values(train(**still)[0].values)
    assert set(train(model, seed=1, **still)[1].loss).isdisjoint(losses)


def test_prediction_is_deterministic_and_without_dropout():
    model, _ = train()
    x = labelled()["x"]
    found = model.predict({"x": x})["y_hat"]
    z = np.tanh(x @ model.values["W"].T) @ model.values["V"].T
    np.testing.assert_allclose(found, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_array_equal(model.predict({"x": x}, seed=1)["y_hat"], found)
    assert model.evaluate(labelled()) == model.evaluate(labelled(), seed=5)


def test_draws_of_prediction_follow_the_seed():
    x, w = sd.vector("x", P), sd.vector("w", P)
    z = sd.random.normal((P,), stream="z")
    model = sd.Model(loss=sd.sum(sd.square(w - x - z)), parameters=[w], inputs=[x], outputs={"noise": x + z})
    none = {"x": np.zeros((5, 3))}
    first = model.predict(none)["noise"]
    np.testing.assert_array_equal(model.predict(none)["noise"], first)
    np.testing.assert_array_equal(model.predict({"x": np.zeros((2, 3))})["noise"], first[:2])
    assert np.unique(first).size == 15
    assert not np.isin(model.predict(none, seed=1)["noise"], first).any()
    assert model.evaluate(none, seed=1)["loss"] != model.evaluate(none)["loss"]
    model.set_values({"w": np.zeros(3)})
    history = sd.fit(model, none, epochs=1, dtype="float64", validation=none)
    assert history.validation_loss == [pytest.approx(np.mean(np.sum((model.values["w"] - first) ** 2, axis=1)))]


def test_a_model_of_draws_alone():
    """E[(w - u)²] with one draw a step and without data: at the rates 1/(2(t + 1)), w is the mean of the draws."""
    w, u = sd.scalar("w"), sd.random.uniform(stream="alone")
    model = sd.Model(loss=(w - u) ** 2, parameters=[w])
    sd.fit(model, epochs=50, optimizer=sd.optimizers.SGD(alpha=lambda t: 0.5 / (t + 1)), dtype="float64")
    drawn = Uniform.reference(0, np.arange(50), int(stream_number("alone")), 0, 0)
    assert model.values["w"] == pytest.approx(drawn.mean(), rel=1e-12)


def test_resuming_is_bit_for_bit(tmp_path):
    path, options = tmp_path / "run.safetensors", {"batch_size": 16, "target": "cpu", "validation": 0.2, "seed": 2}
    whole, history = train(epochs=6, **options)
    train(epochs=3, checkpoint=path, **options)
    again, resumed = train(sd.load(path), epochs=6, resume=path, **options)
    assert resumed.loss == history.loss
    for name in "WV":
        np.testing.assert_array_equal(again.values[name], whole.values[name])


def test_streams_declared_after_loading_are_new(tmp_path):
    x, w = sd.vector("x", P), sd.vector("w", P)
    model = sd.Model(loss=sd.sum(sd.dropout(w - x)), parameters=[w], inputs=[x])
    model.save(tmp_path / "model.safetensors")
    code = (
        "import symdl as sd, sys\n"
        "from symdl.expr.random import stream_number\n"
        "sd.load(sys.argv[1])\n"
        "print(stream_number())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.safetensors"], check=True, capture_output=True, text=True
    )
    assert int(run.stdout) == 2


def test_a_model_declared_again_draws_the_same_numbers(tmp_path):
    """Streams without names count within a model: rerunning a cell of a notebook repeats and resumes its training."""
    path, found = tmp_path / "run.safetensors", []
    for resume in (False, path):
        x, w, unit = sd.vector("x", P), sd.vector("w", P), sd.scalar("unit")
        shift = sd.expectation(unit, unit, sd.distributions.Normal(sd.sum(w), 1))
        loss = sd.sum(sd.square(sd.dropout(w) - sd.dropout(x))) + sd.random.normal() * w[0] + shift**2
        average = sd.state("average", update=lambda s: s / 2 + sd.random.uniform(shared=True))
        model = sd.Model(loss=loss, parameters=[w], inputs=[x], outputs={"average": average})
        data = {"x": labelled()["x"]}
        sd.fit(model, data, epochs=2, seed=3, target="numpy", checkpoint=path, resume=resume)
        found.append({**model.values, **model.states, **model.predict(data, target="numpy")})
        if not resume:
            again = sd.Model(loss=loss, parameters=[w], inputs=[x], outputs={"average": average})
            sd.fit(again, data, epochs=2, seed=3, target="numpy")
            np.testing.assert_array_equal(again.values["w"], model.values["w"])
        else:
            model.initialise(3)
            sd.fit(model, data, epochs=2, seed=3, target="numpy")
            found.append({**model.values, **model.states, **model.predict(data, target="numpy")})
    for name, array in found[0].items():
        np.testing.assert_array_equal(found[1][name], array)
        np.testing.assert_array_equal(found[2][name], array)
