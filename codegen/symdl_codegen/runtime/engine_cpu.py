"""The cpu engine: emitted kernels as native code, run by workers with one native driver over one arena."""

import ctypes
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from symdl_codegen.emit import Argument, Emitted
from symdl_codegen.errors import ComputationError
from symdl_codegen.intrinsics.barrier import LINE
from symdl_codegen.intrinsics.machine import tile_sizes
from symdl_codegen.ir import Module, routines
from symdl_codegen.primitives import fault
from symdl_codegen.runtime import driver, native
from symdl_codegen.runtime.arena import ALIGNMENT, Life, byte_size, layout, lifetimes, longest
from symdl_codegen.runtime.arguments import dtype_of, item_bytes
from symdl_codegen.runtime.calls import CallTable
from symdl_codegen.runtime.division import Divider
from symdl_codegen.runtime.plan import Meeting, Places, Plan
from symdl_codegen.runtime.touches import touches
from symdl_codegen.runtime.workers import available, crew, thread_count

BARRIER = "barrier_int64"
PLANS_KEPT = 12
CHUNK_SECONDS = 0.25
WAKING = 50_000.0  # nanoseconds that a call must gain for workers to be woken
COPIED = 2**22  # bytes of a batch up to which each worker has a copy
SMALL, LINGER = 2**16, 8  # a buffer of so many bytes keeps its place for some more kernels

Together = Callable[[Sequence[Callable[[], object]], Callable[[], None]], object]


class CpuEngine:
    """Native code of one program. Calls are serialised by a lock: they share the arena.

    ``wanted`` is the number of workers, by default SYMDL_NUM_THREADS or the processors of this process. A call that is
    too short for them has one. No result depends on it.
    """

    wanted: int | None = None

    def __init__(self, module: Module, emitted: Emitted, dtype: str, share_memory: bool = True) -> None:
        self.module, self.emitted, self.dtype, self.share_memory = module, emitted, dtype, share_memory
        self.item = item_bytes(dtype)
        sources: list[native.Source] = [
            (k.name, k.source, [t for _, t in k.parameters], dtype) for k in emitted.kernels
        ]
        helpers = {a.name for call in emitted.calls for a in call.arguments if a.role == "symbol"}
        names = sorted({*helpers, BARRIER})
        drivers = driver.sources(training=bool(module.updates))
        native.prepare([*sources, *drivers], names)
        loaded = [native.function(*source) for source in sources]
        symbols = {name: native.symbol(name) for name in names}
        run, *epoch = (native.function(*source) for source in drivers)
        everything = [*loaded, *symbols.values(), run, *epoch]
        self.cached = all(code.cached for code in everything)
        self.compiled = sum(not code.cached for code in everything)
        self.addresses = [code.address for code in loaded]
        self.symbols = {name: code.address for name, code in symbols.items()}
        self.barrier = self.symbols[BARRIER]
        self.run = _callable(run.address, len(driver.RUN_PARAMETERS))
        self.epoch_loop = _callable(epoch[0].address, len(driver.EPOCH_PARAMETERS)) if epoch else None
        self.lives = lifetimes(module)
        self.touched = touches(module, emitted.calls)
        self.renewed = {state for state, _ in module.updates} & set(module.outputs.values())
        self.status = np.zeros(len(emitted.calls), np.int64)  # where a call notes that an operation had no result
        self.scratch = np.zeros(8, np.int64)  # return and exception slots of direct calls, always zero
        self.renew()
        _ENGINES.add(self)

    def renew(self) -> None:
        """Begin without plans, as a forked child must: its parent's threads may have been at work."""
        self.plans: OrderedDict[tuple[object, ...], tuple[Plan, Plan | None]] = OrderedDict()
        self.lock = threading.RLock()

    def lasting(self, epoch: bool) -> list[str]:
        """Buffers with a lasting place: in an epoch the slots of gathered rows, of values of a step and of outputs."""
        kept = {*self.module.outputs.values(), self.module.guard} if epoch else set()
        return [
            name
            for name, buffer in self.module.buffers.items()
            if (epoch and buffer.role in ("batch", "step")) or (name in kept and buffer.role == "temporary")
        ]

    def copied(self, capacity: Mapping[str, int]) -> bool:
        """Whether each worker gathers the rows that it reads: sooner done than fetched from another worker's cache."""
        batch = (buffer for buffer in self.module.buffers.values() if buffer.role == "batch")
        return sum(byte_size(buffer, capacity, self.item) for buffer in batch) <= COPIED

    def places(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> Places:
        """Where buffers are; lasting ones come first and are as large as ``capacity`` needs.

        Each worker has scratch buffers to itself, and in an epoch the values of the step and a batch that is not large.
        """
        tile = {**tile_sizes(self.dtype), **longest(self.module)}
        buffers = self.module.buffers
        shared, start = {}, 0
        private, room = {}, 0
        for name in self.lasting(epoch):
            length = byte_size(buffers[name], {**capacity, **tile}, self.item)
            if buffers[name].role == "step" or (buffers[name].role == "batch" and self.copied(capacity)):
                private[name], room = room, room + length
            else:
                shared[name], start = start, start + length
        lengths = {name: byte_size(buffers[name], {**sizes, **tile}, self.item) for name in self.lives}
        lives = {name: life for name, life in self.lives.items() if name not in shared}
        for name, life in lives.items():  # to share little memory is not worth a barrier
            if lengths[name] <= SMALL and buffers[name].role != "scratch":
                lives[name] = Life(life.first, life.last + LINGER)
        scratch = {name for name in lives if buffers[name].role == "scratch"}
        more, end = layout(
            {n: life for n, life in lives.items() if n not in scratch}, lengths, start, self.share_memory
        )
        rest = {name: life for name, life in lives.items() if name in scratch}
        own, room = layout(rest, lengths, room, self.share_memory)
        return Places({**shared, **more}, {**private, **own}, end, room)

    def arena(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[dict[str, int], int]:
        """Offsets of the buffers that workers share and the length of the arena, the rooms of all workers included."""
        places = self.places(sizes, capacity, epoch)
        return dict(places.shared), places.total(self._workers())

    def rooms(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[int, int]:
        """How many workers have room of their own in the arena, and the bytes that each of them has."""
        return self._workers(), self.places(sizes, capacity, epoch).private_bytes

    def _workers(self) -> int:
        """No more than there are processors: workers that take turns on one make each other wait."""
        return min(thread_count(self.wanted), available())

    def plan(
        self,
        sizes: Mapping[str, int],
        workers: int,
        capacity: Mapping[str, int] | None = None,
        epoch: bool = False,
        like: Plan | None = None,
    ) -> Plan:
        """The plan for ``sizes``, from the last few if it was made before.

        ``like`` gives the arena and the meeting to share.
        """
        capacity = capacity or sizes
        key = (tuple(sizes.items()), tuple(capacity.items()), workers, epoch, id(like) if like else None)
        if key in self.plans:
            self.plans.move_to_end(key)
            return self.plans[key][0]
        places = self.places(sizes, capacity, epoch)
        if like is not None:
            places = places.within(like.places)
        memory = np.zeros(places.total(workers) + 2 * ALIGNMENT, np.uint8) if like is None else like.memory
        plan = self._bound(sizes, workers, epoch, places, memory, like.meeting if like else Meeting(workers))
        self.plans[key] = (plan, like)  # like is kept, so that its id stays its own
        while len(self.plans) > PLANS_KEPT:
            self.plans.popitem(last=False)
        return plan

    def _bound(
        self,
        sizes: Mapping[str, int],
        workers: int,
        epoch: bool,
        places: Places,
        memory: np.ndarray,
        meeting: Meeting,
    ) -> Plan:
        base = -(-memory.ctypes.data // ALIGNMENT) * ALIGNMENT
        status = self.status.ctypes.data

        def value(argument: Argument, worker: int) -> int:
            if argument.role == "buffer":
                return base + places.offset(argument.name, worker)
            if argument.role == "status":
                return status + 8 * int(argument.name)
            if argument.role == "number":
                return int(argument.name)
            return sizes[argument.name] if argument.role == "size" else self.symbols[argument.name]

        most = {**sizes, **longest(self.module)}
        lengths = {name: byte_size(self.module.buffers[name], most, self.item) for name in places.shared}
        overlaps = places.overlaps(lengths) if workers > 1 else {}
        copied = not any(self.module.buffers[name].role == "batch" for name in places.shared)
        divider = Divider(self.module, self.touched, sizes, workers, self.dtype, overlaps, copied)
        turns = divider.divide(self.emitted.calls, epoch)
        barrier = [(self.barrier, 3, meeting.address, worker, workers) for worker in range(workers)]
        table = CallTable(turns, self.addresses, value, barrier, divider.rows)
        patches = {name: np.array(positions) for name, positions in table.patches.items()}
        code = np.array(table.code, np.int64)
        return Plan(code, table.starts, patches, memory, places, base, meeting, divider.gain)

    @contextmanager
    def _prepared(
        self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool, steps: int
    ) -> Iterator[tuple[Plan, Together]]:
        """The plan for ``steps`` of these sizes, with so many workers as gain by it, and what runs their jobs."""
        with self.lock:
            plan = self.plan(sizes, self._workers(), capacity, epoch)
            if plan.workers > 1 and plan.gain * steps <= WAKING:
                plan = self.plan(sizes, 1, capacity, epoch)
            with crew(plan.workers) as together:
                yield plan, together

    def _give_up(self, plan: Plan) -> None:
        plan.meeting.give_up()
        self.plans.clear()

    def call(
        self, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int], update: bool
    ) -> dict[str, np.ndarray] | None:
        """Run one step on checked arrays and return fresh outputs; with ``update`` states change in place.

        Returns None, with states unchanged, where the guard was not finite.
        """
        with self._prepared(sizes, sizes, False, 1) as (plan, together):
            results: dict[str, np.ndarray] = {}
            if self.renewed and not update:  # new states are computed in place: in copies, where states must not change
                arrays = {**arrays, **{name: arrays[name].copy() for name, _ in self.module.updates}}
            for name, array in arrays.items():
                if name in plan.patches:
                    plan.point(name, array.ctypes.data)
            for buffer in dict.fromkeys(
                [*self.module.outputs.values(), *([self.module.guard] if self.module.guard else [])]
            ):
                if self.module.buffers[buffer].role == "temporary":
                    results[buffer] = self._empty(buffer, sizes)
                    plan.point(buffer, results[buffer].ctypes.data)
            self._run(plan, together, 0)
            guard = self.module.guard
            if update and guard and not np.isfinite(results[guard] if guard in results else arrays[guard]):
                return None
            if update or self.renewed:
                self._run(plan, together, 1)
            return self._outputs(results, arrays)

    def _run(self, plan: Plan, together: Together, phase: int) -> None:
        slot = self.scratch.ctypes.data
        jobs = [partial(self.run, slot, slot, plan.start(worker), phase) for worker in range(plan.workers)]
        together(plan.held(jobs, self), partial(self._give_up, plan))
        self.check_status()

    def check_status(self) -> None:
        """Raise ComputationError where an operation of linear algebra had no result."""
        if self.status.any():
            kernel = self.module.kernels[int(np.flatnonzero(self.status)[0])]
            self.status[:] = 0
            part = routines(kernel)[0]
            raise ComputationError(fault(part.op, part.operands[0].tensor, kernel.note))

    def _empty(self, buffer: str, sizes: Mapping[str, int]) -> np.ndarray:
        from symdl_codegen.scalars import evaluate

        tensor = self.module.buffers[buffer]
        return np.empty(tuple(evaluate(extent, sizes) for extent in tensor.shape), dtype_of(tensor.kind, self.dtype))

    def _outputs(self, results: dict[str, np.ndarray], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        taken: set[str] = set()
        outputs = {}
        for name, buffer in self.module.outputs.items():
            fresh = buffer in results and buffer not in taken
            taken.add(buffer)
            outputs[name] = results[buffer] if fresh else np.array(results.get(buffer, arrays.get(buffer)))
        return outputs

    def epoch(
        self,
        state: Mapping[str, np.ndarray],
        data: Mapping[str, np.ndarray],
        order: np.ndarray,
        batch: int,
        steps: Mapping[str, np.ndarray],
        fixed: Mapping[str, np.ndarray],
        sizes: dict[str, int],
        recorded: dict[str, np.ndarray],
    ) -> int:
        """Run every step of an epoch natively, in chunks that let Ctrl-C through; return how many steps were completed.

        ``state`` arrays are changed in place; ``recorded`` maps an order-0 output to an array with one element a step.
        """
        assert self.epoch_loop is not None
        assert self.module.batch is not None
        samples, name = len(order), self.module.batch
        number, size = -(-samples // batch), min(batch, samples)
        with self._prepared({**sizes, name: size}, {**sizes, name: size}, True, number) as (full, together):
            plans = [full]
            if samples % batch and samples > batch:
                rest = {**sizes, name: samples % batch}
                plans.append(self.plan(rest, full.workers, {**sizes, name: batch}, True, full))
            for plan in plans:
                for buffer, array in {**state, **fixed}.items():
                    if buffer in plan.patches:
                        plan.point(buffer, array.ctypes.data)
            others = {**state, **fixed}
            tables = [self._table(plans, worker, data, steps, others, recorded) for worker in range(full.workers)]
            done = np.zeros((full.workers, LINE), np.int64)
            slot, begin, chunk = self.scratch.ctypes.data, 0, 1
            while begin < number:
                started, end = perf_counter(), min(begin + chunk, number)
                jobs = [
                    partial(
                        self.epoch_loop,
                        slot,
                        slot,
                        full.start(worker),
                        plans[-1].start(worker),
                        order.ctypes.data,
                        tables[worker].ctypes.data,
                        done[worker].ctypes.data,
                        begin,
                        end,
                        samples,
                        size,
                    )
                    for worker in range(full.workers)
                ]
                together(full.held(jobs, self, plans, tables, done, order, data), partial(self._give_up, full))
                if done[0, 0] < end:
                    break
                elapsed = perf_counter() - started
                begin, chunk = end, max(1, min(8 * chunk, int(chunk * CHUNK_SECONDS / max(elapsed, 1e-6))))
            if done[0, 0] == number:
                self.check_status()
            self.status[:] = 0  # where the guard has stopped the epoch, the loss tells
            return int(done[0, 0])

    def _table(
        self,
        plans: Sequence[Plan],
        worker: int,
        data: Mapping[str, np.ndarray],
        steps: Mapping[str, np.ndarray],
        others: Mapping[str, np.ndarray],
        recorded: Mapping[str, np.ndarray],
    ) -> np.ndarray:
        guard, plan = self.module.guard, plans[0]

        def where(buffer: str) -> int:
            return plan.slot(buffer) if buffer in plan.places.shared else others[buffer].ctypes.data

        guarded = [where(guard), self.item[self.module.buffers[guard].kind]] if guard else [0, 0]
        if guard and self.module.buffers[guard].kind != "real":
            guarded[1] = 0
        words = {name: [word for plan in plans for word in plan.words(name, worker)] for name in data}
        gathers = [
            (a.ctypes.data, a.itemsize * (a[0].size if len(a) else 0), plan.slot(n, worker), len(words[n]), *words[n])
            for n, a in data.items()
        ]
        scalars = [(a.ctypes.data, a.itemsize, plan.slot(n, worker)) for n, a in steps.items()]
        written = recorded if worker == 0 else {}
        records = [(where(self.module.outputs[n]), a.itemsize, a.ctypes.data) for n, a in written.items()]
        counts = [len(gathers), len(scalars), len(records)]
        return np.array([*guarded, *counts, *(x for entry in (*gathers, *scalars, *records) for x in entry)], np.int64)


def _callable(address: int, arguments: int) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * (arguments + 2))(address)


def _forked() -> None:
    for engine in _ENGINES:
        engine.renew()


_ENGINES: weakref.WeakSet[CpuEngine] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
