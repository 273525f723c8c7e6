"""The compiled program as users hold it: checked calls, steps, epochs, and everything that can be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from symdl_codegen.bounds import Bounds
from symdl_codegen.emit import Emitted
from symdl_codegen.errors import ArgumentError
from symdl_codegen.ir import Module
from symdl_codegen.ir_print import module_text
from symdl_codegen.program import Program, Size
from symdl_codegen.runtime.arguments import cast, check_names, dtype_of, infer_sizes
from symdl_codegen.runtime.workers import thread_count


class KernelText(NamedTuple):
    """One kernel as shown to people: its name, its equations, its emitted source."""

    name: str
    note: str
    source: str


@dataclass(frozen=True)
class EpochResult:
    """``recorded``: each order-0 output, one element a step (NaN, or 0, where no step was made).

    ``completed_steps``: the steps whose updates were made; fewer than planned where the guard stopped the epoch.
    """

    recorded: dict[str, np.ndarray]
    completed_steps: int


class Engine(Protocol):
    """What runs the emitted text on checked arrays."""

    cached: bool
    compiled: int
    wanted: int | None

    def arena(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[dict[str, int], int]:
        """Offsets in the arena and its length in bytes."""
        ...

    def rooms(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[int, int]:
        """How many workers have room of their own in the arena, and the bytes that each of them has."""
        ...

    def call(
        self, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int], update: bool
    ) -> dict[str, np.ndarray] | None:
        """One step: fresh outputs, or None where the guard forbade the update."""
        ...

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
        """All steps of an epoch; how many were completed."""
        ...


class Executable:
    """A compiled Program.

    ``inputs``: tensors in order of declaration, then sizes that no array carries. ``outputs``: names. ``source``: the
    emitted text. ``kernels``: (name, note, source) each. ``timings``: seconds per stage, and under ``cached`` whether
    nothing had to be compiled. ``ir_text``: the loop IR as it was emitted.
    """

    def __init__(
        self,
        program: Program,
        module: Module,
        emitted: Emitted,
        engine: Engine,
        target: str,
        dtype: str,
        timings: dict[str, Any],
    ) -> None:
        self.program, self.module, self.emitted, self.engine = program, module, emitted, engine
        self.target, self.dtype, self.timings = target, dtype, timings
        self.tensors = {name: program.tensors[name] for name in program.inputs}
        carried = {e.name for tensor in self.tensors.values() for e in tensor.shape if isinstance(e, Size)}
        self.free_sizes = tuple(n for n, value in program.sizes.items() if value is None and n not in carried)
        self.inputs = (*self.tensors, *self.free_sizes)
        self.outputs = program.outputs
        self.lengths = {n: int(value) for n, value in module.sizes.items() if value is not None}  # of recurrences, too
        self.last_sizes: dict[str, int] = {}
        self.bounds = Bounds(program)
        self.source = emitted.source
        self.kernels = tuple(KernelText(kernel.name, kernel.note, kernel.source) for kernel in emitted.kernels)

    @property
    def threads(self) -> int | None:
        """How many threads work together on the cpu target; None for SYMDL_NUM_THREADS or all processors at hand.

        No result depends on it. Raises ArgumentError when set to something else than an integer of at least 1.
        """
        return self.engine.wanted

    @threads.setter
    def threads(self, threads: int | None) -> None:
        self.engine.wanted = None if threads is None else thread_count(threads)

    @property
    def ir_text(self) -> str:
        """The loop IR, after passes and schedule, as text."""
        return module_text(self.module)

    def arena_bytes(self, sizes: Mapping[str, int]) -> int:
        """Bytes of the arena when all sizes have the given values (static ones may be left out)."""
        return self._planned(self._known({}, sizes))

    @property
    def planned_bytes(self) -> int:
        """Bytes of the arena, which holds all intermediates, for the sizes of the last run; 0 before the first."""
        return self._planned(self.last_sizes) if self.last_sizes else 0

    @property
    def planned_rooms(self) -> tuple[int, int]:
        """How many workers have room of their own in those bytes, and how much each: its scratch, batches, values."""
        known = self.last_sizes
        return self.engine.rooms(known, known, bool(self.program.updates)) if known else (0, 0)

    def _planned(self, known: dict[str, int]) -> int:
        return self.engine.arena(known, known, bool(self.program.updates))[1]

    def __call__(self, arrays: Mapping[str, Any], sizes: Mapping[str, int] | None = None) -> dict[str, np.ndarray]:
        """Compute the outputs, as fresh arrays. Arrays passed in, states included, are never changed.

        Raises ArgumentError where a name is missing or surplus, or an array does not fit its declaration.
        """
        checked, known = self._checked(arrays, sizes)
        outputs = self.engine.call(checked, known, update=False)
        assert outputs is not None
        return outputs

    def step(
        self, state: Mapping[str, np.ndarray], arrays: Mapping[str, Any], sizes: Mapping[str, int] | None = None
    ) -> dict[str, np.ndarray] | None:
        """One training step: compute the outputs, then change ``state`` in place; None and no change at a bad guard."""
        own, views = self._state(state)
        checked, known = self._checked({**arrays, **own}, sizes)
        outputs = self.engine.call(checked, known, update=True)
        _write_back(state, views)
        return outputs

    def epoch(
        self,
        state: Mapping[str, np.ndarray],
        data: Mapping[str, Any],
        order: Any,
        batch_size: int,
        steps: Mapping[str, Any] | None = None,
        fixed: Mapping[str, Any] | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> EpochResult:
        """Train over the samples ``order`` (rows of ``data``), ``batch_size`` at a time; the last batch may be short.

        ``state`` arrays are updated in place. ``steps`` holds one 1-D array per ``step`` input with an element for each
        training step, ``fixed`` the other inputs. Stops before the updates of the first step whose guard is not finite.
        A KeyboardInterrupt leaves the states as after a whole number of steps.
        """
        if self.program.batch is None:
            raise ArgumentError(f"{self.program.name} declares no batch size: it has no epochs; call it, or use step")
        steps, fixed = steps or {}, fixed or {}
        roles = {
            role: tuple(n for n, t in self.tensors.items() if t.role == role) for role in ("batch", "step", "input")
        }
        check_names(data, roles["batch"], "data")
        check_names(steps, roles["step"], "steps")
        check_names(fixed, roles["input"], "fixed")
        rows, number = self._order(order, batch_size)
        own, views = self._state(state)
        arrays = {n: cast(n, a, self.tensors[n].kind, self.dtype) for n, a in {**data, **fixed}.items()}
        values = {n: cast(n, a, self.tensors[n].kind, self.dtype) for n, a in steps.items()}
        for name, array in values.items():
            if array.shape != (number,):
                raise ArgumentError(f"{name}: expected one value for each of {number} steps, found shape {array.shape}")
        known = self._epoch_sizes(arrays, own, roles["batch"], rows, sizes)
        for length in {min(int(batch_size), len(rows)), len(rows) % int(batch_size)} - {0}:
            lengths = {**known, self.program.batch: length}
            self.bounds.check(lengths, {**values, **arrays}, dict.fromkeys(roles["batch"], rows))
        self.last_sizes = {**known, self.program.batch: min(int(batch_size), len(rows))}
        recorded = self._recorded(number)
        try:
            done = self.engine.epoch(
                own,
                {n: arrays[n] for n in data},
                rows,
                int(batch_size),
                values,
                {n: arrays[n] for n in fixed},
                known,
                recorded,
            )
        finally:
            _write_back(state, views)
        return EpochResult(recorded, done)

    def _checked(
        self, arrays: Mapping[str, Any], sizes: Mapping[str, int] | None
    ) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        given = dict(sizes or {})
        mixed = {n: int(arrays[n]) for n in self.free_sizes if n in arrays and n not in self.tensors}
        given.update(mixed)
        check_names({n: a for n, a in arrays.items() if n not in mixed}, tuple(self.tensors))
        checked = {n: cast(n, arrays[n], t.kind, self.dtype) for n, t in self.tensors.items()}
        known = self._known({n: a.shape for n, a in checked.items()}, given)
        self.bounds.check(known, checked)
        self.last_sizes = known
        return checked, known

    def _known(self, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, int] | None) -> dict[str, int]:
        """The value of every size."""
        return {**self.lengths, **infer_sizes(self.tensors, shapes, self.program.sizes, sizes)}

    def _state(self, state: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """State arrays to run on, and those among them that must be copied back."""
        names = tuple(name for name, tensor in self.tensors.items() if tensor.role == "state")
        check_names(state, names, "state")
        own, views = {}, {}
        for name in names:
            array = state[name]
            if not isinstance(array, np.ndarray) or not array.flags.writeable:
                raise ArgumentError(f"state {name}: expected a writable NumPy array, to be updated in place")
            own[name] = cast(name, array, self.tensors[name].kind, self.dtype)
            if own[name] is not array:
                views[name] = own[name]
        return own, views

    def _order(self, order: Any, batch_size: int) -> tuple[np.ndarray, int]:
        rows = cast("order", order, "int", self.dtype)
        if rows.ndim != 1:
            raise ArgumentError(f"order: expected a 1-D array of row numbers, found shape {rows.shape}")
        if batch_size < 1:
            raise ArgumentError(f"batch_size: expected at least 1, found {batch_size}")
        return rows, -(-len(rows) // int(batch_size))

    def _epoch_sizes(
        self,
        arrays: Mapping[str, np.ndarray],
        own: Mapping[str, np.ndarray],
        batch: tuple[str, ...],
        rows: np.ndarray,
        sizes: Mapping[str, int] | None,
    ) -> dict[str, int]:
        lengths = {len(arrays[name]) for name in batch if arrays[name].ndim}
        for name in batch:
            if arrays[name].ndim != len(self.tensors[name].shape):
                raise ArgumentError(
                    f"{name}: expected order {len(self.tensors[name].shape)}, found shape {arrays[name].shape}"
                )
        if len(lengths) > 1:
            raise ArgumentError(
                f"data: expected as many rows in each array, found {', '.join(f'{n} {len(arrays[n])}' for n in batch)}"
            )
        if batch and len(rows) and (rows.min() < 0 or rows.max() >= min(lengths)):
            raise ArgumentError(f"order: expected rows 0 to {min(lengths) - 1}, found {rows.min()} to {rows.max()}")
        shapes = {n: a.shape for n, a in {**arrays, **own}.items()}
        return self._known(shapes, sizes)

    def _recorded(self, number: int) -> dict[str, np.ndarray]:
        recorded = {}
        for name in self.program.outputs:
            tensor = self.program.tensors[name]
            if not tensor.shape:
                kind = dtype_of(tensor.kind, self.dtype)
                recorded[name] = np.full(number, np.nan if kind.kind == "f" else 0, kind)
        return recorded


def _write_back(state: Mapping[str, np.ndarray], views: Mapping[str, np.ndarray]) -> None:
    for name, array in views.items():
        state[name][...] = array
