"""Metrics: columns are vectors, and shapes that do not fit are errors and not broadcast."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InputError
from symdl.train.metrics import METRICS
from tests.train.models import labelled, line

Y, Y_HAT = np.array([0, 1, 1, 0]), np.array([0.9, 0.8, 0.1, 0.2])
ROWS = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("of_y", [(4,), (4, 1), (4, 1, 1)])
@pytest.mark.parametrize("of_y_hat", [(4,), (4, 1), (4, 1, 1)])
def test_a_column_is_a_vector(name, of_y, of_y_hat):
    expected = {"accuracy": 0.5, "mse": 0.425, "rmse": 0.425**0.5, "mae": 0.55, "r2": 1 - 1.7}
    assert METRICS[name](Y.reshape(of_y), Y_HAT.reshape(of_y_hat)) == pytest.approx(expected[name])


def test_accuracy_of_one_column_can_be_zero():
    y = np.array([[0.0], [1.0]])
    assert METRICS["accuracy"](y, 1 - y) == 0
    assert METRICS["accuracy"](y, y) == 1
    assert METRICS["accuracy"](np.tile(y, (3, 1, 1)), np.tile(1 - y, (3, 1, 1))) == 0  # of sequences


@pytest.mark.parametrize("labels", [np.array([0, 1, 2, 2]), np.array([0.0, 1, 2, 2]), np.array([[0], [1], [2], [2]])])
def test_classes_are_labels_or_rows(labels):
    assert METRICS["accuracy"](labels, ROWS) == 0.75
    assert METRICS["accuracy"](np.eye(3)[labels.astype(int).ravel()], ROWS) == 0.75
    assert METRICS["accuracy"](labels.reshape(4, 1), ROWS[:, None, :]) == 0.75


@pytest.mark.parametrize("name", METRICS)
def test_other_shapes_do_not_fit(name):
    with pytest.raises(InputError, match=rf"metrics: {name.replace('rmse', 'mse')} compares arrays of one shape"):
        METRICS[name](np.zeros(3), np.zeros((4, 1)))
    with pytest.raises(InputError, match=r"found a target of shape|rows of shape"):
        METRICS[name](np.zeros((4, 2)), np.zeros((4, 3)))


def test_labels_are_integers():
    with pytest.raises(InputError, match=r"accuracy: expected rows of shape \(4, 3\) or integer labels"):
        METRICS["accuracy"](np.full(4, 0.5), ROWS)
    for y in (np.array([0.3, -1.0, 1.0]), np.array([0, 1, 2])):
        with pytest.raises(InputError, match=r"expects targets of 0 or 1, found (-1|2); use mse, or declare the targ"):
            METRICS["accuracy"](y, np.array([0.1, 0.9, 0.9]))


def test_a_model_with_one_output_in_a_column():
    x, y, W = sd.vector("x", 3), sd.scalar("y"), sd.matrix("W", 1, 3)
    y_hat = sd.named("y_hat", sd.sigmoid(W @ x))
    model = sd.Model(loss=(y_hat[0] - y) ** 2, parameters=[W], inputs=[x], targets=[y], outputs={"y_hat": y_hat})
    data = {"x": line()["x"], "y": (line()["y"] > 0).astype(float)}
    sd.fit(model, data, epochs=3, target="numpy")
    found = model.evaluate(data, ["accuracy", "mse", "r2"], target="numpy")
    got = model.predict({"x": data["x"]}, target="numpy")["y_hat"]
    assert got.shape == (40, 1)
    assert found["accuracy"] == np.mean((got[:, 0] > 0.5) == data["y"])
    assert found["mse"] == pytest.approx(found["loss"], rel=1e-5)
    assert found["r2"] == pytest.approx(1 - found["mse"] / np.var(data["y"]), rel=1e-5)
    other = {"x": labelled()["x"], "y": labelled()["y"]}
    with pytest.raises(InputError, match=r"mse compares arrays of one shape, found a target of shape \(50, 3\)"):
        model.evaluate(other, {"m": ("mse", "y_hat", "x")}, target="numpy")
