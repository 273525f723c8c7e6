"""Arrays on disk: rows are read where they are, and training on them is training on the same numbers in memory."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InputError
from symdl.train.dataset import prepare


def test_rows_of_a_mapped_array_are_not_copied(tmp_path, monkeypatch):
    x, y = sd.vector("x", 20), sd.scalar("y")
    w = sd.vector("w", 20)
    model = sd.Model(loss=(w @ x - y) ** 2, parameters=[w], inputs=[x], targets=[y])
    random = np.random.default_rng(0)
    data = {"x": random.normal(size=(300, 20)).astype(np.float32), "y": random.normal(size=300).astype(np.float32)}
    mapped = {}
    for name, array in data.items():
        np.save(tmp_path / f"{name}.npy", array)
        mapped[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    seen = []

    def watched(*arguments):
        samples = prepare(*arguments)
        seen.append(samples.rows)
        return samples

    monkeypatch.setattr("symdl.train.training.prepare", watched)
    found = []
    for arrays in (data, mapped):
        model.initialise(0)
        sd.fit(model, arrays, epochs=3, batch_size=32, seed=1)
        found.append(model.values["w"])
    np.testing.assert_array_equal(found[0], found[1])
    for name in mapped:
        assert np.shares_memory(seen[1][name], mapped[name]), name


def test_what_is_not_finite_is_found_wherever_it_is(monkeypatch):
    monkeypatch.setattr("symdl.train.arrays._LOOK", 10)
    x = sd.vector("x", 4)
    w = sd.vector("w", 4)
    model = sd.Model(loss=(w @ x) ** 2, parameters=[w], inputs=[x])
    values = np.ones((50, 4))
    values[37, 2] = np.nan
    with pytest.raises(InputError, match=r"x: the data to train on hold nan at \[37, 2\], one of 1"):
        sd.fit(model, {"x": values}, epochs=1)
