"""The cpu engine: emitted kernels as native code, run by one native driver over one arena."""

import ctypes
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from symdl_codegen.emit import Argument, Emitted
from symdl_codegen.errors import ComputationError, VerificationError
from symdl_codegen.intrinsics.machine import tile_shape
from symdl_codegen.ir import Module, routines
from symdl_codegen.primitives import fault
from symdl_codegen.runtime import driver, native
from symdl_codegen.runtime.arena import ALIGNMENT, Life, byte_size, layout, lifetimes
from symdl_codegen.runtime.arguments import dtype_of
from symdl_codegen.runtime.calls import CallTable

PLANS_KEPT = 8
CHUNK_SECONDS = 0.25


@dataclass
class Plan:
    """A program bound to sizes: call code with addresses, the arena it points into, and where to patch addresses."""

    code: np.ndarray
    patches: dict[str, np.ndarray]
    arena: np.ndarray
    offsets: dict[str, int]
    base: int
    set_to: dict[str, int] = field(default_factory=dict)

    def point(self, buffer: str, address: int) -> None:
        """Let every call use ``address`` for ``buffer``, which no call uses where its loop has no step."""
        if buffer in self.patches and self.set_to.get(buffer) != address:
            self.set_to[buffer] = address
            self.code[self.patches[buffer]] = address

    def slot(self, buffer: str) -> int:
        """The address of ``buffer`` in the arena."""
        return self.base + self.offsets[buffer]


class CpuEngine:
    """Native code of one program. Calls are serialised by a lock: they share the arena."""

    def __init__(self, module: Module, emitted: Emitted, dtype: str, share_memory: bool = True) -> None:
        self.module, self.emitted, self.dtype, self.share_memory = module, emitted, dtype, share_memory
        self.item = {"real": np.dtype(dtype).itemsize, "int": 8, "bool": 1}
        sources: list[native.Source] = [
            (k.name, k.source, [t for _, t in k.parameters], dtype) for k in emitted.kernels
        ]
        names = sorted({a.name for call in emitted.calls for a in call.arguments if a.role == "symbol"})
        drivers: list[native.Source] = [("run", driver.RUN, driver.RUN_PARAMETERS, "float64")]
        if module.updates:
            drivers.append(("epoch", driver.EPOCH, driver.EPOCH_PARAMETERS, "float64"))
        native.prepare([*sources, *drivers], names)
        loaded = [native.function(*source) for source in sources]
        symbols = {name: native.symbol(name) for name in names}
        run, *epoch = (native.function(*source) for source in drivers)
        everything = [*loaded, *symbols.values(), run, *epoch]
        self.cached = all(code.cached for code in everything)
        self.compiled = sum(not code.cached for code in everything)
        self.addresses = [code.address for code in loaded]
        self.symbols = {name: code.address for name, code in symbols.items()}
        self.run = _callable(run.address, len(driver.RUN_PARAMETERS))
        self.epoch_loop = _callable(epoch[0].address, len(driver.EPOCH_PARAMETERS)) if epoch else None
        self.lives = lifetimes(module)
        self.renewed = {state for state, _ in module.updates} & set(module.outputs.values())
        self.plans: OrderedDict[tuple[object, ...], tuple[Plan, Plan | None]] = OrderedDict()
        self.lock = threading.RLock()
        self.status = np.zeros(len(emitted.calls), np.int64)  # where a call notes that an operation had no result
        self.scratch = np.zeros(8, np.int64)  # return and exception slots of direct calls, always zero

    def pinned(self, epoch: bool) -> list[str]:
        """Buffers with a lasting place: in an epoch the slots of gathered rows, step values and outputs."""
        lasting = {*self.module.outputs.values(), self.module.guard} if epoch else set()
        return [
            name
            for name, buffer in self.module.buffers.items()
            if (epoch and buffer.role in ("batch", "step")) or (name in lasting and buffer.role == "temporary")
        ]

    def arena(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[dict[str, int], int]:
        """Offsets in the arena and its length; pinned buffers come first and are as large as ``capacity`` needs."""
        rows, columns = tile_shape(self.dtype)
        tile = {"tile.rows": rows, "tile.columns": columns}
        pinned = self.pinned(epoch)
        offsets, start = {}, 0
        for name in pinned:
            offsets[name], start = start, start + byte_size(self.module.buffers[name], {**capacity, **tile}, self.item)
        lives: dict[str, Life] = {name: life for name, life in self.lives.items() if name not in offsets}
        lengths = {name: byte_size(self.module.buffers[name], {**sizes, **tile}, self.item) for name in lives}
        more, end = layout(lives, lengths, start, self.share_memory)
        return {**offsets, **more}, end

    def plan(
        self,
        sizes: Mapping[str, int],
        capacity: Mapping[str, int] | None = None,
        epoch: bool = False,
        like: Plan | None = None,
    ) -> Plan:
        """The plan for ``sizes``, from the last few if it was made before; ``like`` gives the arena to share."""
        capacity = capacity or sizes
        key = (tuple(sizes.items()), tuple(capacity.items()), epoch, id(like) if like else None)
        if key in self.plans:
            self.plans.move_to_end(key)
            return self.plans[key][0]
        offsets, end = self.arena(sizes, capacity, epoch)
        if like is not None and len(like.arena) < end + ALIGNMENT:
            raise VerificationError(f"a plan for {dict(sizes)} needs {end} bytes, more than the arena it is to share")
        memory = np.zeros(end + 2 * ALIGNMENT, np.uint8) if like is None else like.arena
        base = -(-memory.ctypes.data // ALIGNMENT) * ALIGNMENT
        plan = self._bound(sizes, memory, offsets, base)
        self.plans[key] = (plan, like)  # like is kept, so that its id stays its own
        while len(self.plans) > PLANS_KEPT:
            self.plans.popitem(last=False)
        return plan

    def _bound(self, sizes: Mapping[str, int], memory: np.ndarray, offsets: dict[str, int], base: int) -> Plan:
        def value(argument: Argument) -> int:
            if argument.role == "buffer":
                return base + offsets.get(argument.name, 0)
            if argument.role == "status":
                return self.status.ctypes.data + 8 * int(argument.name)
            return sizes[argument.name] if argument.role == "size" else self.symbols[argument.name]

        table = CallTable(self.emitted.calls, self.addresses, sizes, value)
        patches = {name: np.array(places) for name, places in table.patches.items()}
        return Plan(np.array(table.code, np.int64), patches, memory, offsets, base)

    def call(
        self, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int], update: bool
    ) -> dict[str, np.ndarray] | None:
        """Run one step on checked arrays and return fresh outputs; with ``update`` states change in place.

        Returns None, with states unchanged, where the guard was not finite.
        """
        with self.lock:
            plan = self.plan(sizes)
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
            slot, steps, updates = self.scratch.ctypes.data, int(plan.code[0]), int(plan.code[1])
            self.run(slot, slot, plan.code.ctypes.data, 0, steps)
            self.check_status()
            guard = self.module.guard
            if update and guard and not np.isfinite(results[guard] if guard in results else arrays[guard]):
                return None
            if update or self.renewed:
                self.run(slot, slot, plan.code.ctypes.data, steps, steps + updates)
                self.check_status()
            return self._outputs(results, arrays)

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
        number = -(-samples // batch)
        with self.lock:
            full = self.plan({**sizes, name: min(batch, samples)}, epoch=True)
            plans = [full]
            if samples % batch and samples > batch:
                plans.append(self.plan({**sizes, name: samples % batch}, {**sizes, name: batch}, True, full))
            for plan in plans:
                for buffer, array in {**state, **fixed}.items():
                    if buffer in plan.patches:
                        plan.point(buffer, array.ctypes.data)
            table = self._table(full, data, steps, {**state, **fixed}, recorded)
            done = np.zeros(1, np.int64)
            slot, begin, chunk = self.scratch.ctypes.data, 0, 1
            size = min(batch, samples)
            while begin < number:
                started, end = perf_counter(), min(begin + chunk, number)
                self.epoch_loop(
                    slot,
                    slot,
                    full.code.ctypes.data,
                    plans[-1].code.ctypes.data,
                    order.ctypes.data,
                    table.ctypes.data,
                    done.ctypes.data,
                    begin,
                    end,
                    samples,
                    size,
                )
                if done[0] < end:
                    break
                elapsed = perf_counter() - started
                begin, chunk = end, max(1, min(8 * chunk, int(chunk * CHUNK_SECONDS / max(elapsed, 1e-6))))
            if done[0] == number:
                self.check_status()
            self.status[:] = 0  # where the guard has stopped the epoch, the loss tells
            return int(done[0])

    def _table(
        self,
        plan: Plan,
        data: Mapping[str, np.ndarray],
        steps: Mapping[str, np.ndarray],
        others: Mapping[str, np.ndarray],
        recorded: Mapping[str, np.ndarray],
    ) -> np.ndarray:
        guard = self.module.guard

        def where(buffer: str) -> int:
            return plan.slot(buffer) if buffer in plan.offsets else others[buffer].ctypes.data

        guarded = [where(guard), self.item[self.module.buffers[guard].kind]] if guard else [0, 0]
        if guard and self.module.buffers[guard].kind != "real":
            guarded[1] = 0
        gathers = [(a.ctypes.data, a.itemsize * (a[0].size if len(a) else 0), plan.slot(n)) for n, a in data.items()]
        scalars = [(a.ctypes.data, a.itemsize, plan.slot(n)) for n, a in steps.items()]
        records = [(where(self.module.outputs[n]), a.itemsize, a.ctypes.data) for n, a in recorded.items()]
        counts = [len(gathers), len(scalars), len(records)]
        return np.array(
            [*guarded, *counts, *(x for triple in (*gathers, *scalars, *records) for x in triple)], np.int64
        )


def _callable(address: int, arguments: int) -> Any:
    return ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * (arguments + 2))(address)
