"""Kernels alone: symdl's native loop, the machine's limit and a library's function in turn, in one process."""

from collections.abc import Sequence
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

from symdl.bench.case import Case, Native
from symdl.bench.limits import bandwidth, peak
from symdl.bench.runner import Runner

ROUNDS, BLOCK_SECONDS = 5, 0.01


class Kernels(Runner):
    """Measures the cases of a group one by one."""

    name = "kernels"
    requests = ("names", "measure")

    def imports(self) -> None:
        """Set PyTorch's threads where it is installed."""
        self.torch = find_spec("torch") is not None
        if self.torch:
            import torch

            torch.set_num_threads(self.threads)

    def prepare(self, workload: Sequence[Case]) -> None:
        """Take the cases; each is compiled when it is measured."""
        self.cases = list(workload)

    def names(self) -> list[str]:
        """Return the names of the cases."""
        return [case.name for case in self.cases]

    def measure(self, number: str, *families: str) -> dict[str, Any]:
        """Measure a case, beside those of its peers that are wanted and installed."""
        case = self.cases[int(number)]
        native = Native(case, self.threads)
        calls = {}
        for name, peer in case.peers.items():
            if name in families and (name != "torch" or self.torch):
                calls[name] = peer(case.drawn())
        native(1)
        refused = {name: text for name, call in calls.items() if (text := _differs(case, native, call()))}
        runs = {"symdl": native, **{name: _repeated(call) for name, call in calls.items() if name not in refused}}
        counts = {name: _count(run) for name, run in runs.items()}
        floors, seconds = [], {name: list[float]() for name in runs}
        for _ in range(ROUNDS):
            floors.append(self.floor(case, native.bytes))
            for name, run in runs.items():
                seconds[name].append(_seconds(run, counts[name]) / counts[name])
        return {"case": case.name, "floor": min(floors), "seconds": seconds, "refused": refused}

    def floor(self, case: Case, size: int) -> float:
        """Return the seconds that a case takes at least, for its operations or for its bytes."""
        if case.flops:
            return case.flops / peak(case.dtype, self.threads, 2)
        return case.bytes / bandwidth(size, case.dtype, self.threads, case.in_place, 2)


def _differs(case: Case, native: Native, found: Any) -> str:
    for name, array in found.items():
        ours, theirs = native.state[name], np.asarray(array)
        difference = np.abs(ours - theirs).max() / np.abs(theirs).max()
        if ours.shape != theirs.shape or not difference <= case.rounding:
            return f"differs from symdl by {difference:.1e}"
    return ""


def _repeated(call: Any) -> Any:
    def run(times: int) -> None:
        for _ in range(times):
            call()

    return run


def _seconds(run: Any, times: int) -> float:
    began = perf_counter()
    run(times)
    return perf_counter() - began


def _count(run: Any) -> int:
    """Return how many calls take about a block's time."""
    times = 1
    while (spent := _seconds(run, times)) < BLOCK_SECONDS / 4:
        times *= 4
    return max(1, round(times * BLOCK_SECONDS / spent))


RUNNER = Kernels
