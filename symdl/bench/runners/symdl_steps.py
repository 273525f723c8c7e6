"""symdl without its native epoch: each batch is handed over by Python, one call for each step."""

from collections.abc import Sequence
from typing import Any

from symdl.bench.runners.symdl import Symdl
from symdl.bench.workload import Training


class Steps(Symdl):
    """``fit`` on a collection of batches."""

    name = "symdl-steps"

    def training(self, workload: Training) -> None:
        """Cut the data into batches."""
        super().training(workload)
        size = workload.batch
        self.batches = [
            {name: array[first : first + size] for name, array in self.data.items()}
            for first in range(0, size * workload.steps, size)
        ]
        self.epochs(1)

    def epochs(self, count: int) -> tuple[Sequence[float], Sequence[float]]:
        """Train batch by batch."""
        losses: list[float] = []
        more: dict[str, Any] = {"batch_size": None, "shuffle": True}
        history = self.trained(
            self.batches, count, callbacks=lambda _, history: losses.extend(history.step_loss), **more
        )
        return losses, history.seconds


RUNNER = Steps
