"""Workers that are late: the thread that calls has gone on, and they are still inside the native call."""

import threading
import time
import weakref
from functools import partial

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.runtime.workers import _Pool
from tests.codegen.programs import Builder, ap, axes, ld
from tests.codegen.test_threads import BATCH, start, steps_of, together, workers_of

__all__ = ["together"]  # the fixture: workers work together however little there is to do


def one_call():
    """A compiled function and a call of it."""
    b = Builder("one", n=None)
    b.input("x", "n")
    b.eq("y", axes(i="n"), ap("tanh", ld("x", "i")))
    fn = build(b.program("y"))
    return fn, partial(fn, {"x": np.zeros(1000)})


def one_step():
    """A program that trains and an epoch of one step."""
    program, state, data = start()
    fn, order = build(program, dtype="float32"), np.arange(BATCH)
    return fn, partial(fn.epoch, state, data, order, BATCH, steps_of(order))


@pytest.mark.parametrize(("native", "made"), [("run", one_call), ("epoch_loop", one_step)])
def test_what_a_late_worker_writes_is_there(native, made):
    """A native call notes its return where the engine says, after the last barrier: that must not be gone."""
    fn, call = made()
    fn.threads = 3
    code, first, go_on = getattr(fn.engine, native), threading.current_thread(), threading.Event()

    def late(*arguments):
        result = code(*arguments)
        if threading.current_thread() is not first:
            go_on.wait(60)
        return result

    setattr(fn.engine, native, late)
    scratch = weakref.ref(fn.engine.scratch)
    call()
    assert workers_of(fn) == {3}
    del fn, call
    alive = scratch() is not None
    go_on.set()
    assert alive
    for _ in range(1000):  # it goes when the last worker has left
        if scratch() is None:
            return
        time.sleep(0.01)
    raise AssertionError("the engine stays")


def test_the_end_waits_for_late_workers():
    """While the interpreter is taken down nobody is inside a native call."""
    pool, left = _Pool(), []
    with pool.crew(2) as workers:
        for worker in workers:
            worker.jobs.put(lambda: (time.sleep(0.2), left.append(1)))
    pool.end()
    assert len(left) == 2
    assert not any(worker.is_alive() for worker in workers)
    with pool.crew(1) as workers:  # what runs at exit after that has workers all the same
        assert workers[0].is_alive()
    pool.end()
