"""Memory: one arena, planned beforehand, holds all intermediates; training takes no more of it as it goes on."""

from pathlib import Path

import numpy as np
import pytest

import symdl as sd
from symdl.optimizers.adam import Adam

STATUS = Path("/proc/self/statm")


def resident():
    """Return the bytes of this process in memory."""
    return int(STATUS.read_text().split()[1]) * 4096


@pytest.mark.skipif(not STATUS.exists(), reason="resident memory is read from /proc, which only Linux has")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_thousand_steps_take_no_memory(streamed):
    """One native call for each epoch of twenty steps; batches that come one after the other are copied for it."""
    x, y = sd.vector("x", 64), sd.vector("y", 64)
    W, V = sd.matrix("W", 64, 64), sd.matrix("V", 64, 64)
    model = sd.Model(loss=sd.sum(sd.square(V @ sd.tanh(W @ x) - y)), parameters=[W, V], inputs=[x], targets=[y])
    data = np.random.default_rng(0).normal(size=(2, 400, 64)).astype(np.float32)
    seen = []
    batches = [{"x": data[0, k : k + 20], "y": data[1, k : k + 20]} for k in range(0, 400, 20)]
    sd.fit(
        model,
        batches if streamed else {"x": data[0], "y": data[1]},
        optimizer=Adam(),
        epochs=60,
        batch_size=None if streamed else 20,
        callbacks=[lambda model, history: seen.append(resident())],
    )
    assert len(seen) == 60
    assert max(seen[10:]) - seen[9] < 2**20, "20 steps each, 1000 in all; one batch of rows has 10 kB"
    planned = model.training_program().executable.planned_bytes
    rows = 20 * 64 * 4
    assert 2 * rows <= planned < 60 * rows


def recurrent(length):
    """A recurrence over a number of times, or a symbol for it."""
    x, y, W = sd.matrix("x", length, 4), sd.vector("y", 4), sd.matrix("W", 4, 4)
    h = sd.recurrence(lambda t, h: sd.tanh(W @ h + x[t]), sd.zeros(4), length, names="h")
    return sd.Model(sd.sum(sd.square(h[length - 1] - y)), [W], [x], [y], sizes={"T": 24} if length == T else {})


T = sd.dims("T")


def test_the_memory_of_a_recurrence_is_known_whether_its_length_is_a_number_or_a_symbol():
    data = {"x": np.zeros((6, 24, 4)), "y": np.ones((6, 4))}
    planned = []
    for length in (24, T):
        model = recurrent(length)
        sd.fit(model, data, epochs=1, batch_size=3, dtype="float64")
        planned.append(model.training_program().executable.planned_bytes)
    assert planned[0] == planned[1] >= 3 * 24 * 4 * 8


def test_the_room_of_each_thread_is_told_apart():
    a, b = sd.matrix("a", *sd.dims("n k")), sd.matrix("b", *sd.dims("k m"))
    arrays = {"a": np.ones((30, 40)), "b": np.ones((40, 50))}
    function = sd.compile(a @ b, threads=1)
    assert function.planned_rooms == (0, 0)
    function(arrays)
    threads, own = function.planned_rooms
    assert threads == 1
    assert own > 0, "packed operands and finished tiles"
    assert function.planned_bytes - own <= 30 * 50 * 8 + 64, "what is left is shared: at most the result"
    plain = sd.compile(a @ b, target="numpy")
    plain(arrays)
    assert plain.planned_rooms == (0, 0)
