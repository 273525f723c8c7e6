"""Every buffer of native code ends, or begins, at a page that nobody may touch: a plugin, ``pytest -p tests.guarded``.

A kernel that reads or writes beyond a buffer then ends the process there. SYMDL_GUARD says on which side pages follow
without a gap: ``end``, the default, or ``start``. What callers pass is copied to such pages and back.
"""

import ctypes
import mmap
import os
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl_codegen.intrinsics.machine import tile_sizes
from symdl_codegen.ir import Tensor
from symdl_codegen.runtime.arena import longest
from symdl_codegen.runtime.engine_cpu import CpuEngine
from symdl_codegen.runtime.plan import Places, Plan
from symdl_codegen.scalars import evaluate

PAGE = mmap.PAGESIZE
SIDE = os.environ.get("SYMDL_GUARD", "end")
ARENAS: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()  # guarded ones, by address
_protect = ctypes.CDLL(None, use_errno=True).mprotect
_protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def pages(count: int) -> int:
    """``count`` bytes in whole pages."""
    return -(-count // PAGE) * PAGE


def forbid(address: int) -> None:
    """Let nobody touch the page at ``address``."""
    if _protect(address, PAGE, 0):
        raise OSError(ctypes.get_errno(), "mprotect")


def memory(count: int) -> np.ndarray:
    """So many bytes of fresh pages, full of a pattern that is NaN in both floating types."""
    found = np.frombuffer(mmap.mmap(-1, count), np.uint8)
    found[:] = 0xFF
    return found


def place(count: int, room: int) -> int:
    """Where in a region of ``room`` bytes, behind a page of its own, ``count`` bytes begin."""
    return PAGE + (room - count if SIDE == "end" else 0)


def guarded(array: np.ndarray) -> np.ndarray:
    """A copy of ``array`` between two pages that nobody may touch."""
    room = pages(max(array.nbytes, 1))
    block = memory(room + 2 * PAGE)
    start = place(array.nbytes, room)
    copy = block[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    for page in (0, room + PAGE):
        forbid(block.ctypes.data + page)
    return copy


@dataclass(frozen=True)
class GuardedPlaces(Places):
    """``shared_pages`` and ``private_pages``: where there are pages that nobody may touch."""

    shared_pages: tuple[int, ...] = ()
    private_pages: tuple[int, ...] = ()


def places(self: CpuEngine, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> GuardedPlaces:
    """Each buffer in pages of its own, at the same ones for all sizes that share an arena."""
    more = {**tile_sizes(self.dtype), **longest(self.module)}
    lasting = self.lasting(epoch)
    usual = PLACES(self, sizes, capacity, epoch)
    found = []
    for names in (usual.shared, usual.private):
        offsets, forbidden, end = {}, [], 0
        for name in sorted(names):
            buffer = self.module.buffers[name]
            most = length(buffer, {**capacity, **more}, self.item)
            count = most if name in lasting else length(buffer, {**sizes, **more}, self.item)
            room = pages(max(most, count))
            offsets[name] = end + place(count, room)
            forbidden += [end, end + room + PAGE]
            end += room + 2 * PAGE
        found.append((offsets, end, tuple(forbidden)))
    (shared, shared_end, shared_pages), (private, private_end, private_pages) = found
    return GuardedPlaces(shared, private, shared_end, private_end, shared_pages, private_pages)


def arena(self: CpuEngine, sizes: Any, capacity: Any, epoch: bool) -> tuple[dict[str, int], int]:
    """What is told about the arena: as it is without guards."""
    usual = PLACES(self, sizes, capacity, epoch)
    return dict(usual.shared), usual.total(self._workers())


def length(buffer: Tensor, sizes: Mapping[str, int], item: Mapping[str, int]) -> int:
    """Bytes of ``buffer``."""
    return int(np.prod([max(evaluate(extent, sizes), 0) for extent in buffer.shape], dtype=int)) * item[buffer.kind]


def bound(
    self: CpuEngine, sizes: Any, workers: int, epoch: bool, places: GuardedPlaces, arena: Any, meeting: Any
) -> Plan:
    """The plan in guarded memory; one that shares it has the same pages."""
    if arena.ctypes.data not in ARENAS:  # a new one
        arena = memory(places.total(workers) + PAGE)
        ARENAS[arena.ctypes.data] = arena
        starts = [(0, places.shared_pages)]
        starts += [(places.shared_bytes + k * places.private_bytes, places.private_pages) for k in range(workers)]
        for start, forbidden in starts:
            for page in forbidden:
                forbid(arena.ctypes.data + start + page)
    plan = BOUND(self, sizes, workers, epoch, places, arena, meeting)
    plan.code = guarded(plan.code)
    return plan


def table(self: CpuEngine, *arguments: Any) -> np.ndarray:
    """The table of a worker."""
    return guarded(TABLE(self, *arguments))


def call(self: CpuEngine, arrays: Mapping[str, np.ndarray], sizes: Any, update: bool) -> Any:
    """One step on guarded copies."""
    copies = {name: guarded(array) for name, array in arrays.items()}
    found = CALL(self, copies, sizes, update)
    if update:
        for name, _ in self.module.updates:
            arrays[name][...] = copies[name]
    return found


def epoch(
    self: CpuEngine, state: Any, data: Any, order: Any, batch: Any, steps: Any, fixed: Any, sizes: Any, recorded: Any
) -> int:
    """An epoch on guarded copies."""
    data, steps, fixed = ({n: guarded(a) for n, a in group.items()} for group in (data, steps, fixed))
    copies, results = ({n: guarded(a) for n, a in group.items()} for group in (state, recorded))
    try:
        return EPOCH(self, copies, data, guarded(order), batch, steps, fixed, sizes, results)
    finally:
        for own, others in ((state, copies), (recorded, results)):
            for name, array in others.items():
                own[name][...] = array


def empty(self: CpuEngine, buffer: str, sizes: Mapping[str, int]) -> np.ndarray:
    """Room for a result."""
    return guarded(EMPTY(self, buffer, sizes))


PLACES, BOUND, TABLE = CpuEngine.places, CpuEngine._bound, CpuEngine._table
CALL, EPOCH, EMPTY = CpuEngine.call, CpuEngine.epoch, CpuEngine._empty
for name, function in {
    "places": places, "arena": arena, "_bound": bound, "_table": table, "call": call, "epoch": epoch, "_empty": empty
}.items():  # fmt: skip
    setattr(CpuEngine, name, function)
