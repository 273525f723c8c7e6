"""Files: equations and values come back as they were, and a resumed training is bit for bit an uninterrupted one."""

import json
import os

import numpy as np
import pytest
import sympy
from safetensors import safe_open
from safetensors.numpy import save_file

import symdl as sd
from symdl.cli.files import write
from symdl.errors import CheckpointError
from symdl.optimizers import OPTIMIZERS
from symdl.train.codec import decode, encode
from symdl.train.files import write_atomically
from tests.train.models import classifier, labelled, line, regression


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_three_epochs_and_three_more_are_six(name, tmp_path):
    path = tmp_path / "run.safetensors"
    rate = sd.optimizers.schedules.ExponentialDecay(0.01, 0.99)
    options = {"optimizer": OPTIMIZERS[name](alpha=rate), "batch_size": 16, "target": "numpy", "seed": 3}
    whole, first = regression(), regression()
    history = sd.fit(whole, line(), epochs=6, **options)
    sd.fit(first, line(), epochs=3, checkpoint=path, **options)
    second = sd.load(path)
    resumed = sd.fit(second, line(), epochs=6, resume=path, **options)
    for parameter, array in whole.values.items():
        np.testing.assert_array_equal(second.values[parameter], array)
        assert array.dtype == second.values[parameter].dtype == np.float32
    assert resumed.loss == history.loss
    assert len(resumed.seconds) == 6


def test_compiled_training_resumes_bit_for_bit(tmp_path):
    path = tmp_path / "run.safetensors"
    options = {"batch_size": 16, "validation": 0.2, "metrics": ["accuracy"], "clip_norm": 0.1, "early_stopping": 50}
    whole, first = classifier(), classifier()
    history = sd.fit(whole, labelled(), epochs=6, **options)
    sd.fit(first, labelled(), epochs=3, checkpoint=path, **options)
    second = classifier()
    resumed = sd.fit(second, labelled(), epochs=6, resume=path, **options)
    for parameter, array in whole.values.items():
        np.testing.assert_array_equal(second.values[parameter], array)
    assert resumed.validation_loss == history.validation_loss
    assert resumed.metrics == history.metrics
    assert resumed.best_epoch == history.best_epoch


SCHEDULES = sd.optimizers.schedules


@pytest.mark.parametrize("through_a_file", [True, False])
@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        ({"validation": 0.2}, {"validation": 0.4}, r"settings of validation \(0.4, before: 0.2\); continue"),
        ({"validation": 0.2}, {}, r"settings of validation \(None, before: 0.2\)"),
        ({}, {"validation": line(9)}, r"settings of validation \('data', before: None\)"),
        ({}, {"clip_norm": 1.0}, r"settings of clip_norm \(1.0, before: None\)"),
        ({"clip_value": 0.5}, {"clip_value": 0.25}, r"settings of clip_value \(0.25, before: 0.5\)"),
        (
            {"weight_decay": {"w": 0.1}},
            {"weight_decay": {"w": 0.2}},
            r"weight_decay \({'w': 0.2}, before: {'w': 0.1}\)",
        ),
        ({"sample_weights": np.ones(40)}, {}, r"settings of sample_weights \(False, before: True\)"),
        ({"alpha": 0.1}, {"alpha": 0.2}, r"settings of optimizer.alpha \(0.2, before: 0.1\)"),
        ({}, {"beta": 0.5}, r"settings of optimizer.beta \(0.5, before: 0.9\)"),
        (
            {"alpha": SCHEDULES.Warmup(SCHEDULES.Cosine(0.1, 100), 10)},
            {"alpha": SCHEDULES.Warmup(SCHEDULES.Cosine(0.1, 90), 10)},
            r"alpha \(Warmup\(schedule=Cosine\(alpha=0.1, steps=90, end=0.0\), steps=10\), before: Warmup",
        ),
        (
            {"alpha": lambda t: 0.1 * 0.5**t},
            {"alpha": lambda t: 0.1 * 0.25**t},
            r"optimizer.alpha \(a function from 0.1 to 0.025, before: a function from 0.1 to 0.05\)",
        ),
    ],
)
def test_other_settings_are_another_training(before, now, message, through_a_file, tmp_path):
    path, model = tmp_path / "run.safetensors", regression()

    def train(model, alpha=0.01, beta=0.9, **options):
        adam = sd.optimizers.Adam(alpha=alpha, beta=beta)
        return sd.fit(model, line(), optimizer=adam, target="numpy", **options)

    train(model, epochs=2, checkpoint=path, **before)
    with pytest.raises(CheckpointError, match=message):
        train(regression() if through_a_file else model, epochs=4, resume=path if through_a_file else True, **now)
    assert train(regression(), epochs=4, resume=path, **before).epochs == 4


def test_a_saved_model_can_go_on_after_its_training(tmp_path):
    options = {"batch_size": 16, "target": "numpy", "optimizer": sd.optimizers.Momentum(alpha=0.1)}
    whole, model = classifier(), classifier()
    sd.fit(whole, labelled(), epochs=6, **options)
    sd.fit(model, labelled(), epochs=3, **options)
    model.save(tmp_path / "m.safetensors")
    sd.fit(model, labelled(), epochs=6, resume=True, **options)
    loaded = sd.load(tmp_path / "m.safetensors")
    sd.fit(loaded, labelled(), epochs=6, resume=True, **options)
    for parameter, array in whole.values.items():
        np.testing.assert_array_equal(model.values[parameter], array)
        np.testing.assert_array_equal(loaded.values[parameter], array)


def test_a_loaded_model_is_the_saved_one(tmp_path):
    n, p = sd.dims("n p")
    X, w, c = sd.matrix("X", n, p), sd.vector("w", p, latex=r"\omega"), sd.scalar("c", positive=True, latex=r"\kappa")
    u = sd.named("u", X @ w, latex="u")
    loss = sd.mean(sd.where(sd.less(u, 0), sd.square(u), c * sd.abs(u))) + 0.25 * c**2 * sd.norm(w) + sympy.pi / 3
    model = sd.Model(loss=loss, parameters=[w, c], inputs=[X], outputs={"u": u, "s": sd.softmax(u)}, batch=n,
                     sizes={p: 4}, init={w: sd.init.normal(), c: 2.0})  # fmt: skip
    model.save(tmp_path / "m.safetensors")
    loaded = sd.load(str(tmp_path / "m.safetensors"))
    assert loaded.declared == model.declared
    assert loaded.declared.parameters[1].latex_name == r"\kappa"
    assert loaded._repr_latex_() == model._repr_latex_()
    for name, array in model.values.items():
        np.testing.assert_array_equal(loaded.values[name], array)
        assert loaded.values[name].dtype == array.dtype
    data = {"X": np.random.default_rng(0).normal(size=(6, 4))}
    for name, array in model.predict(data, target="numpy").items():
        np.testing.assert_array_equal(loaded.predict(data, target="numpy")[name], array)


def test_the_metadata_is_plain_json(tmp_path):
    model = classifier()
    sd.fit(model, labelled(), epochs=1, target="numpy")
    model.save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        metadata = file.metadata()
        names = set(file.keys())
    assert set(json.loads(metadata["equations"])) == {"nodes", "roots"}
    assert json.loads(metadata["training"])["epoch"] == 1
    assert {"values/W1", "optimizer/W1.v", "optimizer/W1.s"} <= names


def test_equal_models_have_equal_text_and_sharing_is_kept():
    deep = sd.vector("x", 3)
    for level in range(200):
        deep = sd.named(f"a{level}", sd.tanh(deep + deep), latex="a")
    text = encode({"deep": deep})
    assert len(json.loads(text)["nodes"]) < 3000
    assert decode(text)["deep"] is deep
    assert encode({"deep": decode(text)["deep"]}) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the equations cannot be read"),
        ('{"nodes": [["os.system", [0]]], "roots": {}}', "the equations cannot be read: 'os.system'"),
        ('{"nodes": [["op no_such", []]], "roots": {}}', "the equations cannot be read: 'no_such'"),
        ('{"nodes": [["Add", [7]]], "roots": {}}', "the equations cannot be read"),
    ],
)
def test_only_known_nodes_are_built(text, message):
    with pytest.raises(CheckpointError, match=message):
        decode(text)


def test_another_safetensors_file(tmp_path):
    save_file({"a": np.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="but not a model of this version of symdl"):
        sd.load(tmp_path / "a.safetensors")


def test_folders_are_made_where_they_are_missing(tmp_path):
    regression().save(tmp_path / "runs" / "one" / "m.safetensors")
    assert sd.load(tmp_path / "runs" / "one" / "m.safetensors").values["w"].shape == (3,)


def test_a_file_is_replaced_at_once_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    regression().save(path)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"half")
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_everybody_whom_the_umask_allows_can_read_a_file(umask, tmp_path):
    before = os.umask(umask)
    try:
        regression().save(tmp_path / "m.safetensors")
        write(tmp_path / "m.txt", "a σ")
    finally:
        os.umask(before)
    assert (tmp_path / "m.txt").read_text(encoding="utf-8") == "a σ"
    assert {item.stat().st_mode & 0o777 for item in tmp_path.iterdir()} == {0o666 & ~umask}


def test_checkpoints_are_made_after_every_epoch(tmp_path):
    path, epochs = tmp_path / "sub" / "run.safetensors", []
    sd.fit(regression(), line(), epochs=3, checkpoint=path, target="numpy",
           callbacks=lambda model, history: epochs.append(sd.load(path).training.epoch))  # fmt: skip
    assert epochs == [1, 2, 3]


def test_a_recurrent_model_is_trained_and_saved(tmp_path):
    T, p = sd.dims("T p")
    x, y = sd.matrix("x", T, p), sd.scalar("y")
    U, V, w = sd.matrix("U", 4, p), sd.matrix("V", 4, 4), sd.vector("w", 4)
    h = sd.recurrence(lambda t, h: sd.tanh(U @ x[t] + V @ h), sd.zeros(4), T, names="h")
    y_hat = sd.named("y_hat", w @ h[T - 1])
    model = sd.Model(loss=(y_hat - y) ** 2, parameters=[U, V, w], inputs=[x], targets=[y], outputs={"y_hat": y_hat})
    random = np.random.default_rng(0).normal(size=(64, 5, 2))
    data = {"x": random, "y": random[:, :, 0].mean(axis=1)}
    options = {"optimizer": sd.optimizers.Nesterov(alpha=0.1), "batch_size": 16, "clip_norm": 1.0, "target": "numpy"}
    history = sd.fit(model, data, epochs=4, **options)
    assert history.loss[-1] < history.loss[0]
    model.save(tmp_path / "m.safetensors")
    loaded = sd.load(tmp_path / "m.safetensors")
    assert loaded.declared == model.declared
    assert loaded.evaluate(data, target="numpy") == model.evaluate(data, target="numpy")


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    model = regression()
    model.save(path)
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged: its content does not have the digest it was saved with"):
        sd.load(path)


@pytest.mark.parametrize("problem", ["settings", "equations", "missing", "none"])
def test_a_refused_resume_leaves_the_model_as_it_was(problem, tmp_path):
    path = tmp_path / "run.safetensors"
    sd.fit(regression(), line(), epochs=2, target="numpy", checkpoint=path)
    sd.fit(regression(0.5), line(), epochs=2, target="numpy", checkpoint=tmp_path / "other.safetensors")
    model = regression(init={"w": [1.0, 2.0, 3.0]})
    if problem != "none":
        sd.fit(model, line(), epochs=1, target="numpy")
    before, state, history = dict(model.values), model.training, model.history
    resume = {"settings": path, "equations": tmp_path / "other.safetensors", "missing": tmp_path / "no", "none": True}
    options = {"seed": 1} if problem == "settings" else {}
    with pytest.raises(CheckpointError):
        sd.fit(model, line(), epochs=4, target="numpy", resume=resume[problem], **options)
    assert model.training is state
    assert model.history is history
    for name, array in before.items():
        np.testing.assert_array_equal(model.values[name], array)
