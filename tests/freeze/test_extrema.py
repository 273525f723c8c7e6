"""Places of extrema: one entry is chosen, whatever rounding does."""

import numpy as np
import pytest

import symdl as sd
from symdl.freeze import freeze

n = sd.dims("n")
x, y = sd.vector("x", n), sd.vector("y", n)
q = sd.scalar("q", positive=True)
FORMULA = sd.hadamard(x, y) * q + sd.exp(x) * q - sd.hadamard(y, y) / 3


def equations(value):
    return {equation.target: equation.note for equation in freeze({"out": value}).equations}


def test_what_is_compared_is_stored():
    found = equations(sd.grad(sd.max(FORMULA), x))
    [stored] = [name for name in found if name.endswith("_of")]
    reading = [note for note in found.values() if f"{stored}[r0]" in note]
    assert len(reading) == 2  # the maximum, and the place where it is attained
    assert next(note for note in found.values() if "min[" in note).count("exp") == 0


def test_plain_entries_are_not_stored_again():
    pool = sd.max_pool(sd.tensor("t", (1, 6, 6)), 3, 2, 1)
    for value in (sd.grad(sd.max(x), x), sd.grad(sd.sum(sd.exp(pool)), sd.tensor("t", (1, 6, 6)))):
        assert not [name for name in equations(value) if name.endswith("_of")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_entry_is_chosen(dtype):
    gradient = sd.compile([sd.max(FORMULA), sd.grad(sd.max(FORMULA), x), sd.argmax(FORMULA)], dtype=dtype)
    rng = np.random.default_rng(0)
    for _ in range(30):
        arrays = {"x": rng.standard_normal(37), "y": rng.standard_normal(37), "q": rng.uniform(0.1, 3)}
        _, slopes, place = gradient(arrays)
        assert np.flatnonzero(slopes).tolist() == [int(place)]
