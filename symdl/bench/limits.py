"""The machine's limits, measured: floating-point operations and bytes of memory for each second."""

import ctypes
import threading
from collections.abc import Callable
from time import perf_counter

import numpy as np

from symdl_codegen.intrinsics.machine import lanes, tile_shape
from symdl_codegen.intrinsics.peak import FMA_CHAINS, SWEEP_VECTORS
from symdl_codegen.runtime import native

CALL_SECONDS = 0.01
TILE_DEPTH = 96


def peak(dtype: str, threads: int, calls: int = 5) -> float:
    """Return floating-point operations for each second of multiply-adds in registers, the best of some calls."""
    function = _function(f"fma_{dtype}")
    sinks = [np.array([0.5, 0.25, 0.0], dtype) for _ in range(threads)]
    flops = 2 * FMA_CHAINS * lanes(dtype)
    steps = int(CALL_SECONDS * 2e9 * 2 / FMA_CHAINS)
    seconds = [_together(lambda k: function(sinks[k].ctypes.data, steps), threads) for _ in range(calls)]
    return flops * steps * threads / min(seconds)


def tile_rate(dtype: str, threads: int, calls: int = 5) -> float:
    """Return floating-point operations for each second of the contraction tile, its operands in the first cache.

    A processor may run at a lower clock as soon as its multiply-adds read memory: no product reaches ``peak`` then.
    """
    function = _function(f"tile_{dtype}", 20)
    rows, columns = tile_shape(dtype)
    turns = int(CALL_SECONDS * 1e9 / TILE_DEPTH / (rows * columns / lanes(dtype) / 2))
    item = np.dtype(dtype).itemsize

    def operands() -> list[np.ndarray]:
        found = [np.zeros(count * TILE_DEPTH + 64, dtype) for count in (rows, columns)]
        found.append(np.zeros(rows * columns + 64, dtype))
        return [array[-array.ctypes.data % 64 // item :] for array in found]  # a line of the cache begins there

    kept = [operands() for _ in range(threads)]

    def work(k: int) -> None:
        a, b, c = (array.ctypes.data for array in kept[k])
        depth = (turns, 0, 0, 1, 0, 0, TILE_DEPTH, rows, columns)  # the same again and again
        function(a, 0, 1, rows, b, c, columns, 0, *depth, rows, columns, rows)

    seconds = [_together(work, threads) for _ in range(calls)]
    return 2.0 * rows * columns * TILE_DEPTH * turns * threads / min(seconds)


def bandwidth(size: int, dtype: str, threads: int, in_place: bool = True, calls: int = 5) -> float:
    """Return bytes for each second, read and written, of a sweep over memory; best of some calls.

    Args:
        size: Bytes of all arrays together.
        dtype: Of their elements.
        threads: How many share them.
        in_place: Whether what is read is what is written; else one half is read and the other written.
        calls: How often it is measured.
    """
    function = _function(f"sweep_{dtype}", 3)
    block, item = SWEEP_VECTORS * lanes(dtype), np.dtype(dtype).itemsize
    count = max(block, size // item // threads // (1 if in_place else 2) // block * block)
    sources = [np.ones(count, dtype) for _ in range(threads)]
    targets = sources if in_place else [np.ones(count, dtype) for _ in range(threads)]

    def work(k: int) -> None:
        function(targets[k].ctypes.data, sources[k].ctypes.data, count)

    seconds = [_together(work, threads) for _ in range(calls)]
    return 2.0 * count * item * threads / min(seconds)


def _function(name: str, arguments: int = 2) -> Callable[..., None]:
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arguments)  # calls without Python's lock
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
