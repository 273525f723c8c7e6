"""The machine's limits, measured: floating-point operations and bytes of memory for each second."""

import ctypes
import threading
from collections.abc import Callable
from time import perf_counter

import numpy as np

from symdl_codegen.intrinsics.machine import lanes
from symdl_codegen.intrinsics.peak import FMA_CHAINS
from symdl_codegen.runtime import native

CALL_SECONDS = 0.01


def peak(dtype: str, threads: int, calls: int = 5) -> float:
    """Return floating-point operations for each second of multiply-adds in registers, the best of some calls."""
    function = _function(f"fma_{dtype}")
    sinks = [np.array([0.5, 0.25, 0.0], dtype) for _ in range(threads)]
    flops = 2 * FMA_CHAINS * lanes(dtype)
    steps = int(CALL_SECONDS * 2e9 * 2 / FMA_CHAINS)
    seconds = [_together(lambda k: function(sinks[k].ctypes.data, steps), threads) for _ in range(calls)]
    return flops * steps * threads / min(seconds)


def bandwidth(size: int, dtype: str, threads: int, calls: int = 5) -> float:
    """Return bytes for each second, read and written, of a sweep over ``size`` bytes in place; best of some calls."""
    function = _function(f"sweep_{dtype}")
    width, item = lanes(dtype), np.dtype(dtype).itemsize
    count = size // item // threads // width * width
    arrays = [np.ones(count, dtype) for _ in range(threads)]
    seconds = [_together(lambda k: function(arrays[k].ctypes.data, count), threads) for _ in range(calls)]
    return 2.0 * count * item * threads / min(seconds)


def _function(name: str) -> Callable[[int, int], None]:
    kind = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)  # calls without Python's lock
    return kind(native.symbol(name).address)


def _together(work: Callable[[int], None], threads: int) -> float:
    """Run ``work`` once in each thread, all from the same moment; return the seconds until the last is done."""
    if threads == 1:
        began = perf_counter()
        work(0)
        return perf_counter() - began
    start, times = threading.Barrier(threads), [(0.0, 0.0)] * threads

    def run(k: int) -> None:
        start.wait()
        began = perf_counter()
        work(k)
        times[k] = began, perf_counter()

    workers = [threading.Thread(target=run, args=(k,)) for k in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return max(end for _, end in times) - min(began for began, _ in times)
