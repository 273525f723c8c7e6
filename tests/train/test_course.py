"""The course of a training: validation, early stopping, callbacks, losses that are not finite, interruption."""

import signal
import threading

import numpy as np
import pytest

import symdl as sd
from symdl.train import EarlyStopping
from tests.train.models import classifier, cost_and_gradient, labelled, line, regression

SETTINGS = {"optimizer": sd.optimizers.SGD(alpha=0.05), "dtype": "float64", "target": "numpy"}


def test_validation_on_other_data():
    model, other = regression(), line(20, seed=1)
    seen = []
    history = sd.fit(model, line(), validation=other, epochs=4, metrics=["mse", "r2"], **SETTINGS,
                     callbacks=lambda model, history: seen.append(dict(model.values)))  # fmt: skip
    costs = [cost_and_gradient(values["w"], values["b"], other["x"], other["y"])[0] for values in seen]
    np.testing.assert_allclose(history.validation_loss, costs, rtol=1e-12)
    np.testing.assert_allclose(history.metrics["mse"], costs, rtol=1e-12)
    assert history.best_epoch == 3
    assert len(history.seconds) == history.epochs == 4
    assert all(seconds > 0 for seconds in history.seconds)


def test_a_share_set_aside_is_random_reproducible_and_not_trained_on():
    data = line()
    data["y"] = data["y"].copy()
    one, two = regression(), regression()
    first = sd.fit(one, data, validation=0.25, epochs=2, seed=3, **SETTINGS)
    again = sd.fit(two, data, validation=0.25, epochs=2, seed=3, **SETTINGS)
    assert first.validation_loss == again.validation_loss
    other = sd.fit(regression(), data, validation=0.25, epochs=2, seed=4, **SETTINGS)
    assert first.validation_loss != other.validation_loss


def test_metrics_without_validation_are_those_of_the_training_data():
    model = classifier()
    history = sd.fit(model, labelled(), epochs=3, metrics=["accuracy"], **SETTINGS)
    found = model.evaluate(labelled(), ["accuracy"], target="numpy")
    assert history.metrics["accuracy"][-1] == found["accuracy"]
    assert history.validation_loss == []


def test_metrics_by_function_and_by_name():
    def largest_error(y, y_hat):
        return np.abs(y - y_hat).max()

    model = regression()
    metrics = {"worst": largest_error, "error": ("mae", "y_hat", "y")}
    history = sd.fit(model, line(), epochs=2, metrics=metrics, **SETTINGS)
    y_hat = model.predict({"x": line()["x"]}, target="numpy")["y_hat"]
    assert history.metrics["worst"][-1] == pytest.approx(np.abs(line()["y"] - y_hat).max())
    assert history.metrics["error"][-1] == pytest.approx(np.abs(line()["y"] - y_hat).mean())
    history = sd.fit(model, line(), epochs=1, metrics=[largest_error], **SETTINGS)
    assert set(history.metrics) == {"largest_error"}


def test_early_stopping_keeps_the_values_of_the_lowest_validation_loss():
    model, seen = classifier(), []
    data, other = labelled(12), labelled(40, seed=1)
    settings = {**SETTINGS, "optimizer": sd.optimizers.Adam(alpha=0.2)}
    history = sd.fit(model, data, validation=other, epochs=200, early_stopping=6, **settings,
                     callbacks=lambda model, history: seen.append(model.values["W1"].copy()))  # fmt: skip
    losses = history.validation_loss
    assert "early stopping after" in history.stopped
    assert not history.diverged
    assert history.epochs < 200
    assert history.best_epoch == int(np.argmin(losses)) == history.epochs - 7
    np.testing.assert_array_equal(model.values["W1"], seen[history.best_epoch])
    assert model.evaluate(other, target="numpy")["loss"] == pytest.approx(min(losses), rel=1e-12)


def test_patience_counts_improvements_larger_than_the_least_one():
    rule = EarlyStopping(patience=2, min_delta=100.0)
    history = sd.fit(regression(), line(), validation=line(10, 1), epochs=9, early_stopping=rule, **SETTINGS)
    assert history.epochs == 3


def test_callbacks_end_a_training():
    history = sd.fit(
        regression(), line(), epochs=9, callbacks=[lambda m, h: False, lambda m, h: h.epochs == 4], **SETTINGS
    )
    assert history.epochs == 4
    assert history.stopped == "a callback ended the training after 4 epochs"


@pytest.mark.parametrize("batch", [None, 10])
def test_a_loss_that_is_not_finite_stops_the_training(batch):
    model = regression()
    settings = {**SETTINGS, "optimizer": sd.optimizers.SGD(alpha=1e12)}
    with pytest.warns(RuntimeWarning, match="the loss is not finite in epoch .* Lower the learning rate alpha, clip"):
        history = sd.fit(model, line(), epochs=500, batch_size=batch, **settings)
    assert history.stopped.startswith("the loss is not finite in epoch")
    assert history.diverged
    assert 0 < history.epochs < 500
    assert np.isfinite(history.loss).all()
    assert np.isfinite(model.values["w"]).all()
    assert np.isfinite(model.evaluate(line(), target="numpy")["loss"])
    if batch is None:  # the very last good values: one step more and the loss overflows
        twin = regression()
        sd.fit(twin, line(), epochs=history.epochs, **settings)
        np.testing.assert_array_equal(model.values["w"], twin.values["w"])


def test_values_that_are_not_finite_stop_the_training():
    model = regression()
    jump = sd.optimizers.SGD(alpha=lambda t: 0.001 if t < 7 else 1e308)
    with pytest.warns(RuntimeWarning, match="the values after 7 epochs are kept"):
        history = sd.fit(model, line(), epochs=8, **{**SETTINGS, "optimizer": jump, "clip_norm": 1e3})
    assert history.epochs == 7
    assert np.isfinite(model.values["w"]).all()


def test_initial_values_without_a_finite_loss_are_kept():
    model = regression(init={"w": 1e200})
    with pytest.warns(RuntimeWarning, match="in epoch 0 .* the values after 0 epochs are kept"):
        history = sd.fit(model, line(), epochs=3, **SETTINGS)
    assert history.epochs == 0
    assert (model.values["w"] == 1e200).all()


class Stop(Exception):
    pass


def test_an_exception_in_a_callback_leaves_the_values_of_the_last_epoch():
    model = regression()

    def fail(model, history):
        if history.epochs == 2:
            raise Stop

    with pytest.raises(Stop):
        sd.fit(model, line(), epochs=5, callbacks=fail, **SETTINGS)
    twin = regression()
    sd.fit(twin, line(), epochs=2, **SETTINGS)
    np.testing.assert_array_equal(model.values["w"], twin.values["w"])
    assert model.history.epochs == 2


@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_an_interrupted_training_can_be_continued(tmp_path, target):
    path = tmp_path / "run.safetensors"
    settings = {**SETTINGS, "target": target, "batch_size": 4}
    model = regression()

    def interrupt(model, history):
        if history.epochs == 3:
            signal.raise_signal(signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(KeyboardInterrupt):
        sd.fit(model, line(), epochs=6, checkpoint=path, callbacks=interrupt, **settings)
    assert np.isfinite(model.values["w"]).all()
    loaded = sd.load(path)
    np.testing.assert_array_equal(loaded.values["w"], model.values["w"])
    sd.fit(loaded, line(), epochs=6, resume=path, **settings)
    whole = regression()
    sd.fit(whole, line(), epochs=6, **settings)
    np.testing.assert_array_equal(loaded.values["w"], whole.values["w"])


def test_progress_is_shown_where_it_is_wanted(capsys):
    sd.fit(regression(), line(), epochs=2, progress=True, validation=0.2, metrics=["mse"], **SETTINGS)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "loss" in shown
    sd.fit(regression(), line(), epochs=2, **SETTINGS)
    assert capsys.readouterr().err == ""


def test_timings_name_every_stage():
    history = sd.fit(regression(), line(), epochs=1, **SETTINGS)
    assert {"derive", "simplify", "freeze", "lower", "emit", "compile", "cached"} <= set(history.timings)
    assert "1 epochs" in repr(history)
    assert history.as_dict()["loss"] == history.loss
