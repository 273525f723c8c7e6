"""A kernel alone: arrays that are computed from arrays, again and again in native code, beside a library's function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.expr.sizes import dims
from symdl.freeze import freeze

Arrays = Mapping[str, np.ndarray]
STEPS = dims("bench.steps")


@dataclass(frozen=True)
class Case:
    """A kernel.

    Attributes:
        name: What distinguishes it in its group.
        results: By the name of an array, what it becomes at each call; it may depend on the array itself.
        arrays: All arrays before the first call, those that are read only and those that are computed.
        peers: By package: a function of the arrays, as it sees them, that returns a function without arguments, which
            computes the same once and returns what ``arrays`` becomes, by name.
        flops: Operations of its products; 0 where memory is the limit.
        bytes: Read and written, at least.
        in_place: Whether what is written is also read.
        dtype: Its floating type.
        rounding: The largest difference from a peer, relative to the largest result.
    """

    name: str
    results: Mapping[str, Any]
    arrays: Callable[[np.random.Generator], Arrays]
    peers: Mapping[str, Callable[[Arrays], Callable[[], Mapping[str, Any]]]]
    flops: int = 0
    bytes: int = 0
    in_place: bool = False
    dtype: str = "float32"
    rounding: float = 1e-4

    def drawn(self) -> dict[str, np.ndarray]:
        """Return the arrays, the same each time."""
        found = self.arrays(np.random.default_rng(0))
        return {name: np.ascontiguousarray(array, self.dtype) for name, array in found.items()}


class Native:
    """A case as a program whose steps are calls: a native loop, as in training.

    Attributes:
        state: What is computed, by name.
        bytes: Of all arrays.
    """

    def __init__(self, case: Case, threads: int) -> None:
        from symdl_codegen.pipeline import build

        outputs = {f"{name}.next": value for name, value in case.results.items()}
        updates = [(name, f"{name}.next") for name in case.results]
        roles = dict.fromkeys(case.results, "state")
        program = freeze(outputs, roles=roles, updates=updates, batch=STEPS, name="kernel")
        self.executable = build(program, "cpu", case.dtype)
        arrays = case.drawn()
        self.bytes = sum(array.nbytes for array in arrays.values())
        self.state = {name: arrays.pop(name) for name in case.results}
        self.fixed = arrays

    def __call__(self, times: int) -> None:
        """Call it so many times in one native loop."""
        self.executable.epoch(self.state, {}, np.zeros(times, np.int64), 1, {}, self.fixed, {STEPS.name: 1})
