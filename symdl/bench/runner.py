"""What a runner does: it imports what it needs, prepares a workload, says its results, and takes times."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from symdl.bench.workload import CURVE, Function, Training, Workload

SAMPLE_SECONDS = 0.1


class Runner(ABC):
    """One way to run a workload, in a process of its own.

    Attributes:
        name: What it is called in tables.
        requests: The methods that may be called from outside the process.
        needs: The packages that must be installed.
        details: What preparing took, by stage, where it tells.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    requests: ClassVar[tuple[str, ...]] = ()

    def __init__(self, threads: int, cold: bool = False) -> None:
        """Begin; ``cold``: there is no compiled code yet, so that compilers are imported with all else."""
        self.threads, self.cold = threads, cold
        self.details: dict[str, Any] = {}

    @abstractmethod
    def imports(self) -> None:
        """Import everything that is needed, and set the number of threads."""

    @abstractmethod
    def prepare(self, workload: Any) -> None:
        """Declare, derive, compile, and run a first step."""


class Compared(Runner):
    """A runner of a workload, whose results must agree with those of others."""

    requests: ClassVar[tuple[str, ...]] = ("save", "sample")

    def save(self, path: str) -> None:
        """Write the results to a file."""
        np.save(path, self.results())

    @abstractmethod
    def results(self) -> np.ndarray:
        """Return what must agree: the losses of the first steps from the initial values, or the function's value."""

    @abstractmethod
    def sample(self) -> list[float]:
        """Return seconds for each step, or call, of about ``SAMPLE_SECONDS`` of running."""


class Trainer(Compared):
    """Runs trainings by epochs; for functions, by calls."""

    workload: Workload

    def prepare(self, workload: Workload) -> None:
        """Prepare a training or a function."""
        self.workload = workload
        if isinstance(workload, Training):
            self.training(workload)
            self.epochs(1)
        else:
            assert isinstance(workload, Function)
            self.call = self.function(workload)
            self.call()

    def training(self, workload: Training) -> None:
        """Prepare a training."""
        raise TypeError(f"{self.name} runs no training")

    def function(self, workload: Function) -> Callable[[], Any]:
        """Return the function on its arguments."""
        raise TypeError(f"{self.name} runs no function")

    def epochs(self, count: int) -> tuple[Sequence[float], Sequence[float]]:
        """Train from the initial values; return the loss of each step, and the seconds of each epoch."""
        raise TypeError(f"{self.name} runs no training")

    def results(self) -> np.ndarray:
        """Return the losses, or the value."""
        if isinstance(self.workload, Training):
            return np.array(self.epochs(self.workload.epochs)[0], np.float64)[:CURVE]
        found = self.call()
        parts = found if isinstance(found, list | tuple) else [found]
        return np.concatenate([np.ravel(np.asarray(part, np.float64)) for part in parts])

    def sample(self) -> list[float]:
        """Time epochs from the initial values, or calls."""
        found: list[float] = []
        while sum(found) < SAMPLE_SECONDS:
            if isinstance(self.workload, Training):
                left = (SAMPLE_SECONDS - sum(found)) / min(found) if found else 1.0
                found += self.epochs(min(self.workload.epochs, max(1, round(left))))[1]
            else:
                began = perf_counter()
                self.call()
                found.append(perf_counter() - began)
        steps = self.workload.steps if isinstance(self.workload, Training) else 1
        return [seconds / steps for seconds in found]
