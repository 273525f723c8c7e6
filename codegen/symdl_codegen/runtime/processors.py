"""On which processors the workers of a call run: each begins on one to itself.

Systems often wake a thread on the processor of the one that woke it. While both are busy they stay there together for
many milliseconds, taking turns, and an epoch with two workers takes longer than with one.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache


class Apart:
    """The processors that workers of one call have taken."""

    def __init__(self) -> None:
        self.taken: set[int] = set()
        self.lock = threading.Lock()

    def settle(self) -> None:
        """Take the processor at hand, or move this thread to another one where it is taken; it may go on from there."""
        here = _where()
        if here is None:
            return
        with self.lock:
            if here() in self.taken:
                own = os.sched_getaffinity(0)
                if free := own - self.taken:
                    with suppress(OSError):  # where the system forbids it, workers stay where they are
                        os.sched_setaffinity(0, free)
                        os.sched_setaffinity(0, own)
            self.taken.add(here())


@cache
def _where() -> Callable[[], int] | None:
    """What tells the processor of this thread; None where a thread cannot choose."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    function = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    if function is None or function() < 0:
        return None
    return function


__all__ = ["Apart"]
