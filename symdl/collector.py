"""Python's cyclic garbage collector, held while formulas are made: nearly all stay, and it reads them each time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """No cycles are collected meanwhile; what has no more references goes as ever. Also a decorator."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
