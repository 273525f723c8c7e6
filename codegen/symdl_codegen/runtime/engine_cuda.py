"""The cuda engine: the emitted kernels launched one after the other, on a GPU or in Numba's CUDA simulator.

Without either it still compiles: ``ptx`` needs no device. Buffers are flat device arrays; temporaries share one arena.
"""

import math
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from symdl_codegen.emit import Emitted
from symdl_codegen.emit.cuda_grid import grid_form
from symdl_codegen.emit.numpy_support import erf, erfc
from symdl_codegen.errors import CompilerUnavailableError
from symdl_codegen.ir import Module
from symdl_codegen.runtime import cuda_toolkit
from symdl_codegen.runtime.arena import byte_size, layout, lifetimes
from symdl_codegen.runtime.arguments import dtype_of
from symdl_codegen.runtime.calls import turns
from symdl_codegen.runtime.interrupts import deferred_interrupts
from symdl_codegen.runtime.strips import unrolled
from symdl_codegen.scalars import evaluate

PLANS_KEPT = 4
NO_DEVICE = (
    "the cuda target can show and compile its kernels here but not run them: Numba finds no GPU with a driver. Use a "
    "machine with an NVIDIA GPU, or set NUMBA_ENABLE_CUDASIM=1 before Python starts, which runs the kernels in a slow "
    "simulator; target='cpu' needs neither"
)
_LOCK = threading.RLock()  # of all engines: the simulator runs one kernel at a time


class CudaEngine:
    """The kernels of one program. ``blocks`` and ``threads`` are the grid of every launch; no result depends on it."""

    wanted: int | None = None  # threads: of no consequence here
    cached, compiled = True, 0  # compilation happens at the first launch, or in ``ptx``

    def __init__(self, module: Module, emitted: Emitted, dtype: str, share_memory: bool = True) -> None:
        self.module, self.emitted, self.dtype, self.share_memory = grid_form(module), emitted, dtype, share_memory
        self.item = {"real": np.dtype(dtype).itemsize, "int": 8, "bool": 1}
        self.lives = lifetimes(self.module)
        self.plans: OrderedDict[tuple[tuple[str, int], ...], dict[str, Any]] = OrderedDict()
        self.kernels: list[Any] = []
        self.blocks, self.threads = (2, 2) if _simulated() else (256, 128)

    def ptx(self, cc: tuple[int, int] = (9, 0)) -> dict[str, str]:
        """The PTX of each kernel by name, for compute capability ``cc``. Needs no GPU; see ``cuda_toolkit.assemble``.

        Raises CompilerUnavailableError where the compiler is missing, or replaced by the simulator.
        """
        return cuda_toolkit.compile_ptx(self.emitted.kernels, self._functions(), self.dtype, cc)

    def arena(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[dict[str, int], int]:
        """Offsets of the temporaries in the arena, and its length; inputs and states have their own device arrays."""
        lengths = {name: byte_size(self.module.buffers[name], sizes, self.item) for name in self.lives}
        return layout(self.lives, lengths, 0, self.share_memory)

    def rooms(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[int, int]:
        """Threads of a device have registers and shared memory, no room in the arena."""
        return 0, 0

    def call(self, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int], update: bool) -> dict[str, Any] | None:
        """Run one step on checked arrays and return fresh outputs; with ``update`` states change in place.

        Returns None, with states unchanged, where the guard was not finite.
        """
        with _LOCK, deferred_interrupts():
            device = self._device()
            inputs = {name: device.to_device(_flat(array)) for name, array in arrays.items()}
            buffers = {**inputs, **self._temporaries(sizes)}
            self._run("step", buffers, sizes)
            outputs = {name: self._fetch(buffer, buffers, sizes) for name, buffer in self.module.outputs.items()}
            if update:
                if not self._finite(buffers, sizes):
                    return None
                self._run("update", buffers, sizes)
                self._fetch_states(arrays, buffers, sizes)
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
        """Launch every step of an epoch and return how many were completed; states stay on the device meanwhile.

        The host gathers the rows of each mini-batch. ``recorded`` maps an order-0 output to one element a step.
        """
        name, number = self.module.batch, -(-len(order) // batch)
        assert name is not None
        with _LOCK, deferred_interrupts() as deliver:
            device = self._device()
            resident = {n: device.to_device(_flat(array)) for n, array in {**state, **fixed}.items()}
            done = 0
            try:
                while done < number:
                    deliver()
                    rows = order[done * batch : (done + 1) * batch]
                    moving = {n: a[rows] for n, a in data.items()} | {n: a[done : done + 1] for n, a in steps.items()}
                    known = {**sizes, name: len(rows)}
                    buffers = {n: device.to_device(_flat(array)) for n, array in moving.items()}
                    buffers |= resident | self._temporaries(known)
                    self._run("step", buffers, known)
                    for output, values in recorded.items():
                        values[done] = self._fetch(self.module.outputs[output], buffers, known)
                    if not self._finite(buffers, known):
                        break
                    self._run("update", buffers, known)
                    done += 1
            finally:
                self._fetch_states(state, resident, sizes)
            return done

    def _device(self) -> Any:
        """``numba.cuda`` with something to run on, the kernels ready to launch."""
        cuda = device()
        if not self.kernels:
            self.kernels = [cuda.jit(function) for function in self._functions()]
        return cuda

    def _functions(self) -> list[Callable[..., None]]:
        scope: dict[str, Any] = {}
        exec(compile(self.emitted.source, f"<symdl {self.module.name} for CUDA>", "exec"), scope)
        functions = [scope[kernel.name] for kernel in self.emitted.kernels]
        if not _simulated():
            return functions
        scope.update(math=_ieee_math(), real=np.dtype(self.dtype).type, errstate=np.errstate)
        exec(QUIETLY, scope)
        return [scope["quietly"](function) for function in functions]

    def _temporaries(self, sizes: Mapping[str, int]) -> dict[str, Any]:
        """Device arrays for all temporaries, from the last few sets if made for ``sizes`` before."""
        from numba import cuda

        key = tuple(sizes.items())
        if key not in self.plans:
            offsets, end = self.arena(sizes, sizes, epoch=False)
            memory = cuda.device_array(max(end, 1), np.uint8)
            self.plans[key] = {}
            for name, offset in offsets.items():
                buffer = self.module.buffers[name]
                length = byte_size(buffer, sizes, self.item)
                self.plans[key][name] = memory[offset : offset + length].view(_stored(buffer.kind, self.dtype))
            if len(self.plans) > PLANS_KEPT:
                self.plans.popitem(last=False)
        self.plans.move_to_end(key)
        return self.plans[key]

    def _run(self, phase: str, buffers: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        """Launch the calls of ``phase`` in order, those of a recurrence once for each time."""
        made = unrolled([call for call in self.emitted.calls if call.phase == phase], sizes)
        for times, calls in turns([call for call, _ in made], sizes):
            for time in times:
                for call in calls:
                    known = {**sizes, call.span.time: time} if call.span else sizes
                    arguments = [
                        buffers[a.name]
                        if a.role == "buffer"
                        else np.int64(a.name if a.role == "number" else known[a.name])
                        for a in call.arguments
                    ]
                    self.kernels[call.kernel][self.blocks, self.threads](*arguments)

    def _fetch(self, name: str, buffers: Mapping[str, Any], sizes: Mapping[str, int]) -> np.ndarray:
        """The buffer ``name`` as a fresh array on the host."""
        tensor = self.module.buffers[name]
        shape = tuple(evaluate(extent, sizes) for extent in tensor.shape)
        flat = buffers[name].copy_to_host()[: math.prod(shape)]
        return np.array(flat.view(dtype_of(tensor.kind, self.dtype)).reshape(shape))

    def _fetch_states(self, states: Mapping[str, Any], buffers: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        for name, _ in self.module.updates:
            states[name][...] = self._fetch(name, buffers, sizes)

    def _finite(self, buffers: Mapping[str, Any], sizes: Mapping[str, int]) -> bool:
        return self.module.guard is None or bool(np.isfinite(self._fetch(self.module.guard, buffers, sizes)))


QUIETLY = '''
def quietly(kernel):
    """The kernel without NumPy's warnings: each simulated thread starts with NumPy's default error state."""

    def run(*arguments):
        with errstate(all="ignore"):
            kernel(*arguments)

    return run
'''


def device() -> Any:
    """Return ``numba.cuda``; raise CompilerUnavailableError where it has nothing to run on."""
    try:
        if not _simulated():
            cuda_toolkit.prepare()
        from numba import cuda
    except ImportError as error:
        raise CompilerUnavailableError("the cuda target needs numba; install it with: pip install numba") from error
    if not _simulated() and not cuda.is_available():
        raise CompilerUnavailableError(NO_DEVICE)
    return cuda


def _simulated() -> bool:
    """Whether Numba is, or would be, imported as its CUDA simulator."""
    if "numba" in sys.modules:
        return bool(getattr(sys.modules["numba"].config, "ENABLE_CUDASIM", False))
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def _ieee_math() -> SimpleNamespace:
    """``math`` as kernels know it: where Python's raises, these return infinity or NaN, in the argument's type."""
    return SimpleNamespace(
        nan=math.nan,
        inf=math.inf,
        pow=lambda x, y: np.power(np.array([x]), np.array([y]))[0],  # for scalars NumPy replaces pow(x, 0.5) by sqrt(x)
        sqrt=np.sqrt,
        exp=np.exp,
        log=np.log,
        log1p=np.log1p,
        expm1=np.expm1,
        tanh=np.tanh,
        sin=np.sin,
        cos=np.cos,
        atan=np.arctan,
        floor=np.floor,
        erf=lambda x: x.dtype.type(erf(x)),
        erfc=lambda x: x.dtype.type(erfc(x)),
    )


def _stored(kind: str, dtype: str) -> np.dtype:
    """The element type of a device buffer; booleans are bytes."""
    return np.dtype(np.uint8) if kind == "bool" else dtype_of(kind, dtype)


def _flat(array: np.ndarray) -> np.ndarray:
    """``array`` as one row of at least one element; booleans as bytes."""
    flat = np.ascontiguousarray(array).reshape(-1)
    flat = flat.view(np.uint8) if flat.dtype == np.bool_ else flat
    return flat if flat.size else np.zeros(1, flat.dtype)
