"""Where workers run, and where they find the rows of a batch."""

import os

import numpy as np
import pytest

import symdl_codegen.runtime.engine_cpu as engine_cpu
import symdl_codegen.runtime.processors as processors
from symdl_codegen import build
from symdl_codegen.runtime.workers import available
from tests.codegen.test_threads import BATCH, COUNTS, SAMPLES, start, together, trained

__all__ = ["together"]  # a fixture for all that is here


@pytest.mark.parametrize("copied", [True, False])
def test_rows_that_follow_each_other_are_used_where_they_are(copied, monkeypatch):
    monkeypatch.setattr(engine_cpu, "COPIED", engine_cpu.COPIED if copied else -1)
    program, state, data = start()
    fn = build(program, dtype="float32")
    order = np.arange(SAMPLES)
    order[BATCH : 2 * BATCH] = order[BATCH : 2 * BATCH][::-1]  # in the second batch, and in none after it
    rows = np.random.default_rng(2).permutation(SAMPLES)
    moved = {name: np.empty_like(array) for name, array in data.items()}
    for name, array in data.items():
        moved[name][rows] = array
    for count in COUNTS:
        fn.threads = count
        found, expected = trained(fn, state, data, order), trained(fn, state, moved, rows[order])
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=f"{name}, {count} threads")


@pytest.mark.skipif(available() < 2, reason="needs another processor to move to")
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot choose their processor here")
def test_a_worker_leaves_a_processor_that_is_taken():
    own, apart = os.sched_getaffinity(0), processors.Apart()
    here = processors._where()()
    os.sched_setaffinity(0, {here})
    apart.settle()
    assert apart.taken == {here}
    apart.settle()
    assert apart.taken == {here}, "there is no other one for this thread"
    os.sched_setaffinity(0, own)
    apart.settle()
    assert len(apart.taken) == 2
    assert os.sched_getaffinity(0) == own
