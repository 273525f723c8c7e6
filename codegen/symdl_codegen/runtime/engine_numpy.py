"""The numpy engine: the emitted text run by Python, the reference for every other engine."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl_codegen.emit import Emitted
from symdl_codegen.errors import ComputationError
from symdl_codegen.ir import Module


class NumpyEngine:
    """The emitted ``step`` function and the loop over steps around it."""

    wanted: int | None = None  # threads: of no consequence here
    cached, compiled = True, 0

    def __init__(self, module: Module, emitted: Emitted, dtype: str, share_memory: bool = True) -> None:
        self.module, self.dtype = module, dtype
        scope: dict[str, Any] = {}
        exec(compile(emitted.source, f"<symdl {module.name}>", "exec"), scope)
        self.step = scope["step"]

    def arena(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[dict[str, int], int]:
        """NumPy allocates each array itself."""
        return {}, 0

    def rooms(self, sizes: Mapping[str, int], capacity: Mapping[str, int], epoch: bool) -> tuple[int, int]:
        """Nobody has a room."""
        return 0, 0

    def call(
        self, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int], update: bool
    ) -> dict[str, np.ndarray] | None:
        """Run one step and return fresh outputs; with ``update`` states change in place unless the guard forbids it."""
        with np.errstate(all="ignore"):
            outputs, states, guard = self.step(arrays, sizes)
        outputs = {name: np.array(value) for name, value in outputs.items()}
        if update:
            if guard is not None and not np.isfinite(guard):
                return None
            for name, value in states.items():
                arrays[name][...] = value
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
        """The same loop as the native one, in Python."""
        name = self.module.batch
        assert name is not None
        for step in range(-(-len(order) // batch)):
            rows = order[step * batch : (step + 1) * batch]
            arrays = {
                **state,
                **fixed,
                **{n: a[rows] for n, a in data.items()},
                **{n: a[step] for n, a in steps.items()},
            }
            try:
                with np.errstate(all="ignore"):
                    outputs, states, guard = self.step(arrays, {**sizes, name: len(rows)})
            except ComputationError:
                if self.module.guard is None:
                    raise
                return step  # natively the loss becomes NaN: what is recorded for this step stays NaN here
            for output, values in recorded.items():
                values[step] = outputs[output]
            if guard is not None and not np.isfinite(guard):
                return step
            for target, value in states.items():
                state[target][...] = value
        return -(-len(order) // batch)
