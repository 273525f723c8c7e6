"""Ctrl-C at safe points only."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], None]]:
    """Hold SIGINT back within the block. The function it gives delivers one that came, as does the end of the block.

    Outside the main thread, and where SIGINT has no Python handler, nothing is held back.
    """
    before: Any = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: None
        return
    pending: list[tuple[Any, ...]] = []

    def deliver() -> None:
        if pending:
            before(*pending.pop())

    signal.signal(signal.SIGINT, lambda *arguments: pending.append(arguments))
    try:
        yield deliver
    finally:
        signal.signal(signal.SIGINT, before)
    deliver()
