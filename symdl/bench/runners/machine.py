"""The machine's peak, taken in turn with the others: what a workload's operations would take at least."""

from typing import ClassVar

import numpy as np

from symdl.bench.limits import peak, tile_rate
from symdl.bench.runner import Compared
from symdl.bench.workload import Workload


class Machine(Compared):
    """Multiply-adds in registers on all threads; a sample is the seconds that the workload's operations take so."""

    name: ClassVar[str] = "machine"
    requests = (*Compared.requests, "tile")

    def imports(self) -> None:
        """Everything is there."""

    def prepare(self, workload: Workload) -> None:
        """Compile the loop."""
        self.workload = workload
        peak(workload.dtype, self.threads, 1)
        tile_rate(workload.dtype, self.threads, 1)

    def results(self) -> np.ndarray:
        """Nothing is computed."""
        return np.zeros(0)

    def sample(self) -> list[float]:
        """Return the floor."""
        return [self.workload.flops / peak(self.workload.dtype, self.threads)]

    def tile(self) -> float:
        """Return what the contraction tile reaches."""
        return tile_rate(self.workload.dtype, self.threads)


RUNNER = Machine
