"""Where a step's time goes: each kernel is called through a clock, on one thread."""

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

CLOCK_CALLS = 1000


@dataclass
class Kernel:
    """A kernel's share of a run.

    Attributes:
        name: As in the emitted text.
        note: Its equations.
        calls: How often it was called.
        seconds: In all calls, without the clock's own time.
    """

    name: str
    note: str
    calls: int = 0
    seconds: float = 0.0


@contextmanager
def timed(executable: Any) -> Iterator[list[Kernel]]:
    """Time every kernel of a compiled program inside the ``with`` block; calls outside of it run as before.

    A kernel that several equations share counts once, under its own first note. The program must run on one thread.
    """
    engine = executable.engine
    kernels = [Kernel(kernel.name, kernel.note) for kernel in executable.emitted.kernels]
    counts = {call.kernel: len(call.arguments) for call in executable.emitted.calls}
    addresses, clocks = engine.addresses, []
    for number, address in enumerate(addresses):
        kind = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * (counts.get(number, 0) + 2))
        clocks.append(kind(_clock(kernels[number], address, counts.get(number, 0) + 2)))
    engine.addresses = [ctypes.cast(clock, ctypes.c_void_p).value for clock in clocks]
    engine.plans.clear()
    try:
        yield kernels
    finally:
        engine.addresses = addresses
        engine.plans.clear()
        for kernel in kernels:
            own = _clock_seconds(counts.get(kernels.index(kernel), 0) + 2)
            kernel.seconds = max(0.0, kernel.seconds - own * kernel.calls)


def _clock(kernel: Kernel, address: int, arguments: int) -> Callable[..., int]:
    function = ctypes.PYFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * arguments)(address)

    def run(*values: int) -> int:
        began = perf_counter_ns()
        result = function(*values)
        kernel.seconds += 1e-9 * (perf_counter_ns() - began)
        kernel.calls += 1
        return int(result)

    return run


@functools.cache
def _clock_seconds(arguments: int) -> float:
    """Return what a call of nothing, with so many arguments, seems to take."""
    nothing = Kernel("", "")
    address = ctypes.cast(ctypes.pythonapi.Py_IsInitialized, ctypes.c_void_p).value or 0
    call, values = _clock(nothing, address, arguments), [1 << 46] * arguments
    best = float("inf")
    for _ in range(CLOCK_CALLS):
        nothing.seconds = 0.0
        call(*values)
        best = min(best, nothing.seconds)
    return best
