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
def test_a_thousand_steps_take_no_memory():
    x, y = sd.vector("x", 64), sd.vector("y", 64)
    W, V = sd.matrix("W", 64, 64), sd.matrix("V", 64, 64)
    model = sd.Model(loss=sd.sum(sd.square(V @ sd.tanh(W @ x) - y)), parameters=[W, V], inputs=[x], targets=[y])
    data = np.random.default_rng(0).normal(size=(2, 400, 64)).astype(np.float32)
    seen = []
    sd.fit(
        model,
        {"x": data[0], "y": data[1]},
        optimizer=Adam(),
        epochs=60,
        batch_size=20,
        callbacks=[lambda model, history: seen.append(resident())],
    )
    assert len(seen) == 60
    assert max(seen[10:]) - seen[9] < 2**20, "20 steps each, 1000 in all; one batch of rows has 10 kB"
    planned = model.training_program().executable.planned_bytes
    rows = 20 * 64 * 4
    assert 2 * rows <= planned < 60 * rows
