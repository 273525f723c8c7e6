"""Copies and pickles of a model: values, states and the state of training go with it, compiled programs do not."""

import copy
import pickle

import numpy as np
import pytest

import symdl as sd
from tests.train.models import line

x, y, w, b = sd.vector("x", 3), sd.scalar("y"), sd.vector("w", 3), sd.scalar("b")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_by_itself(copied):
    y_hat = w @ sd.dropout(x, 0.2) + b
    count = sd.state("count", update=lambda s: s + 1)
    model = sd.Model((y_hat - y) ** 2 + 0 * count, [w, b], [x], [y], {"y_hat": y_hat, "count": count})
    data = line()
    sd.fit(model, data, epochs=2, batch_size=10, target="numpy")
    other = copied(model)
    assert other.states["count"] == model.states["count"] > 0
    expected = model.predict({"x": data["x"]}, target="numpy")["y_hat"]
    assert np.array_equal(other.predict({"x": data["x"]}, target="numpy")["y_hat"], expected)
    sd.fit(other, data, epochs=2, batch_size=10, target="numpy")
    assert np.array_equal(model.predict({"x": data["x"]}, target="numpy")["y_hat"], expected)
    assert not np.array_equal(other.values["w"], model.values["w"])


def test_pool_of_processes_takes_functions_and_models():
    """What crosses to another process is found to be the same there: spawned, because threads do not survive a fork."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    model = sd.Model((w @ x - y) ** 2, [w], [x], [y], {"y_hat": w @ x}, init={w: [1.0, 2.0, 3.0]})
    function = sd.compile(sd.grad((w @ x - y) ** 2, w), target="numpy")
    rows = np.arange(6.0).reshape(2, 3)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = pool.submit(model.predict, {"x": rows}, target="numpy").result()["y_hat"]
        slope = pool.submit(function, {"x": rows[0], "y": 0.0, "w": np.ones(3)}).result()
    assert np.array_equal(found, rows @ [1, 2, 3])
    assert np.array_equal(slope, 6 * rows[0])
