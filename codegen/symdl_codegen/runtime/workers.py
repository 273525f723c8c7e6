"""Workers: threads that stay, each inside one native call while there is work, and how many a call may have.

The thread that calls is the first worker. Others come from one pool that all engines of the process share; it grows
when several engines run at once, so that the workers of a call always run at the same time.
"""

import atexit
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any

from symdl_codegen.errors import ArgumentError
from symdl_codegen.runtime.processors import Apart

VARIABLE = "SYMDL_NUM_THREADS"
MOST = 256


def available() -> int:
    """The processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(threads: Any = None) -> int:
    """The number of workers: ``threads``, else SYMDL_NUM_THREADS, else the processors this process may use.

    Raises ArgumentError for something else than an integer of at least 1.
    """
    name = "threads"
    if threads is None:
        text = os.environ.get(VARIABLE, "").strip()
        if not text:
            return min(available(), MOST)
        name, threads = VARIABLE, int(text) if text.lstrip("+-").isdigit() else text
    if isinstance(threads, bool) or not hasattr(threads, "__index__") or int(threads) < 1:
        raise ArgumentError(f"{name}: expected an integer of at least 1, found {threads!r}")
    if threads > MOST:
        raise ArgumentError(f"{name}: expected at most {MOST}, found {threads!r}")
    return int(threads)


class _Worker(threading.Thread):
    """A thread that does jobs as they come."""

    def __init__(self) -> None:
        super().__init__(name="symdl-worker", daemon=True)
        self.jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        """Wait for a job, do it, forget it; end where None comes."""
        while (job := self.jobs.get()) is not None:
            job()
            del job  # what it holds may go


class _Pool:
    """The workers that are free."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin without any: after a fork the child has none of its parent's threads."""
        self.free: list[_Worker] = []
        self.lock = threading.Lock()

    @contextmanager
    def crew(self, number: int) -> Iterator[list[_Worker]]:
        """``number`` workers, to oneself."""
        with self.lock:
            taken, self.free = self.free[:number], self.free[number:]
        taken += [_Worker() for _ in range(number - len(taken))]
        try:
            yield taken
        finally:
            with self.lock:
                self.free = taken + self.free

    def end(self) -> None:
        """End the workers that are free, and wait until each has left the native call that it was in."""
        with self.lock:
            ended, self.free = self.free, []
        for worker in ended:
            worker.jobs.put(None)
        for worker in ended:
            worker.join()


_POOL = _Pool()
atexit.register(_POOL.end)  # no native call goes on while the interpreter is taken down
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_POOL.renew)


@contextmanager
def crew(number: int) -> Iterator[Callable[[Sequence[Callable[[], object]], Callable[[], None]], object]]:
    """A function that runs as many jobs at once as ``number``, the first one here: ``together(jobs, give_up)``.

    Jobs are native calls that begin and end with a barrier: when the first one has returned all work is done.
    ``give_up`` is called where the first one is not reached, as when Ctrl-C comes just before it.
    """
    if number == 1:
        yield lambda jobs, give_up: jobs[0]()
        return
    with _POOL.crew(number - 1) as workers:

        def together(jobs: Sequence[Callable[[], object]], give_up: Callable[[], None]) -> None:
            apart = Apart()
            apart.settle()
            try:
                for worker, job in zip(workers, jobs[1:], strict=True):
                    worker.jobs.put(partial(_settled, apart, job))
                jobs[0]()
            except BaseException:
                give_up()
                raise

        yield together


def _settled(apart: Apart, job: Callable[[], object]) -> None:
    apart.settle()
    job()


__all__ = ["available", "crew", "thread_count"]
