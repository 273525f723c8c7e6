"""What differs between training and prediction, as dropout does: fit trains, all else predicts."""

import numpy as np
import pytest

import symdl as sd
from symdl.expr.mode import by_mode


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_training_trains_and_all_else_predicts(target):
    x, y, w = sd.vector("x", 3), sd.scalar("y"), sd.vector("w", 3)
    y_hat = sd.named("y_hat", by_mode(2 * (w @ x), w @ x))
    model = sd.Model(loss=(y_hat - y) ** 2, parameters=[w], inputs=[x], targets=[y], outputs={"y_hat": y_hat})
    model.set_values({"w": [1.0, 2.0, 3.0]})
    data = {"x": np.eye(3), "y": np.ones(3)}
    np.testing.assert_allclose(model.predict({"x": np.eye(3)}, target=target)["y_hat"], [1, 2, 3])
    assert model.evaluate(data, ["mse"], target=target) == pytest.approx({"loss": 5 / 3, "mse": 5 / 3})
    slow = {"optimizer": sd.optimizers.SGD(alpha=1e-9), "epochs": 1, "target": target, "metrics": ["mse"]}
    history = sd.fit(model, data, validation=data, **slow)
    assert history.loss == pytest.approx([35 / 3])
    assert history.validation_loss == pytest.approx([5 / 3])
    assert history.metrics["mse"] == pytest.approx([5 / 3])
