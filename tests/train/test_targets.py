"""The same weights from every target, whatever the batch size; values and targets in the middle of large numbers."""

import numpy as np
import pytest

import symdl as sd
from symdl.optimizers import OPTIMIZERS
from tests.train.models import classifier, labelled, line, regression


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("name", ["Adam", "Nesterov"])
def test_one_epoch_on_cpu_and_numpy(name, dtype, tolerance):
    options = {"optimizer": OPTIMIZERS[name](alpha=0.01), "batch_size": 16, "epochs": 1, "dtype": dtype}
    options |= {"clip_norm": 0.5, "weight_decay": {"W1": 0.1}, "sample_weights": np.linspace(0.5, 1.5, 50)}
    native, plain = classifier(), classifier()
    first = sd.fit(native, labelled(), target="cpu", **options)
    second = sd.fit(plain, labelled(), target="numpy", **options)
    np.testing.assert_allclose(first.loss, second.loss, rtol=tolerance)
    for parameter, array in native.values.items():
        np.testing.assert_allclose(array, plain.values[parameter], rtol=tolerance, atol=tolerance)
        assert array.dtype.name == dtype


@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_prediction_and_evaluation_for_any_number_of_samples(target):
    model, data = classifier(), labelled(30)
    whole = model.predict({"x": data["x"]}, target=target)["y_hat"]
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-12)
    for count in (1, 7):
        part = model.predict({"x": data["x"][:count]}, target=target)["y_hat"]
        np.testing.assert_allclose(part, whole[:count], rtol=1e-12)
    found = model.evaluate(data, ["accuracy"], target=target)
    assert found["loss"] == pytest.approx(-np.log(whole[np.arange(30), data["y"]]).mean(), rel=1e-12)
    assert found["accuracy"] == np.mean(whole.argmax(1) == data["y"])


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        "float64",
    ],
)
def test_gradients_stay_finite_for_large_scores(dtype):
    """A score of ±200 makes probabilities that underflow; the gradient of cross entropy is still ŷ − y."""
    x, y = sd.vector("x", 2), sd.vector("y", 2, one_hot=True)
    W = sd.matrix("W", 2, 2)
    y_hat = sd.named("y_hat", sd.softmax(sd.named("z", W @ x)))
    model = sd.Model(
        loss=sd.losses.cross_entropy(y, y_hat), parameters=[W], inputs=[x], targets=[y], init={W: np.eye(2)}
    )
    data = {"x": [[200.0, -200.0]], "y": [1]}
    history = sd.fit(model, data, optimizer=sd.optimizers.SGD(alpha=1e-3), epochs=1, dtype=dtype)
    assert history.loss == [pytest.approx(400.0, rel=1e-6)]
    np.testing.assert_allclose(model.values["W"], np.eye(2) - 1e-3 * np.outer([1, -1], [200, -200]), rtol=1e-5)


def test_binary_cross_entropy_for_large_scores():
    x, y, w = sd.scalar("x"), sd.scalar("y"), sd.scalar("w")
    loss = sd.losses.binary_cross_entropy(y, sd.named("y_hat", sd.sigmoid(w * x)))
    model = sd.Model(loss=loss, parameters=[w], inputs=[x], targets=[y], init={w: 1.0})
    data = {"x": [200.0, -200.0], "y": [0, 1]}
    history = sd.fit(model, data, optimizer=sd.optimizers.SGD(alpha=1e-3), epochs=1)
    assert history.loss == [pytest.approx(200.0, rel=1e-6)]
    assert model.values["w"] == pytest.approx(1 - 1e-3 * 200, rel=1e-5)


def test_predictions_have_the_type_of_the_values():
    model = regression()
    assert model.predict({"x": line()["x"]}, target="numpy")["y_hat"].dtype == np.float64
    sd.fit(model, line(), epochs=1, target="numpy")
    assert model.values["w"].dtype == np.float32
    assert model.predict({"x": line()["x"]}, target="numpy")["y_hat"].dtype == np.float32
    assert model.predict({"x": line()["x"]}, target="numpy", dtype="float64")["y_hat"].dtype == np.float64
