"""symdl itself: ``fit``, whose epoch is one native call, or a compiled function."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np

from symdl.bench.profile import Kernel, timed
from symdl.bench.runner import Trainer
from symdl.bench.workload import SEED, Function, Training


class Symdl(Trainer):
    """What a user runs."""

    name = "symdl"
    requests: ClassVar[tuple[str, ...]] = ("save", "sample", "profile", "switches")

    def imports(self) -> None:
        """Import what compiles and trains; Numba only where there is something to compile."""
        import importlib

        modules = [
            "symdl.compile",
            "symdl.train",
            "symdl.optimizers",
            "symdl_codegen.pipeline",
            "symdl_codegen.runtime.native",
        ]
        if self.cold:
            modules += ["numba.core.compiler", "numba.core.registry", "symdl_codegen.intrinsics.numba_ops"]
        for name in modules:
            importlib.import_module(name)

    def training(self, workload: Training) -> None:
        """Declare the model, derive and compile its step, make two steps."""
        from symdl.train import fit

        self.fit, self.steps = fit, workload.steps
        self.model = workload.model()
        self.model.initialise(SEED)
        self.start = {name: np.array(array, workload.dtype) for name, array in self.model.values.items()}
        self.data = workload.samples()
        self.batch, self.alpha, self.dtype = workload.batch, workload.alpha, workload.dtype
        first = {name: array[: 2 * self.batch] for name, array in self.data.items()}
        history = self.trained(first, 1)
        self.details = dict(history.timings)

    def trained(self, data: Any, epochs: int, **options: Any) -> Any:
        """Train from the initial values and return the history."""
        from symdl.optimizers.adam import Adam

        self.model.set_values(self.start)
        given = {"batch_size": self.batch, "shuffle": False, **options}
        return self.fit(
            self.model, data, optimizer=Adam(alpha=self.alpha), epochs=epochs, dtype=self.dtype,
            threads=self.threads, progress=False, **given,
        )  # fmt: skip

    def prepare(self, workload: Any) -> None:
        """As for all, but the first step has been made already."""
        self.workload = workload
        if isinstance(workload, Training):
            self.training(workload)
        else:
            self.call = self.function(workload)
            self.call()

    def epochs(self, count: int) -> tuple[Sequence[float], Sequence[float]]:
        """Train in native epochs."""
        losses: list[float] = []
        history = self.trained(self.data, count, callbacks=lambda _, history: losses.extend(history.step_loss))
        return losses, history.seconds

    def profile(self) -> list[dict[str, Any]]:
        """Return the kernels, with their calls and seconds for one step or call; slowest first."""
        count = self.workload.steps if isinstance(self.workload, Training) else 1
        with timed(self.executable()) as kernels:
            self.call() if count == 1 else self.epochs(1)
        found = [Kernel(part.name, part.note, part.calls // count, part.seconds / count) for part in kernels]
        return [asdict(part) for part in sorted(found, key=lambda part: -part.seconds)]

    def executable(self) -> Any:
        """Return the compiled program."""
        if isinstance(self.workload, Training):
            return self.model.training_program().executable
        [executable] = self.compiled._executables.values()
        return executable

    def switches(self) -> list[str]:
        """Return the passes and schedules without which the kernels would be others."""
        from symdl_codegen.pipeline import SWITCHES, scheduled

        program = self.executable().program
        whole = scheduled(program, self.workload.dtype)
        own = [name for name in SWITCHES if name != "memory"]
        return [name for name in own if scheduled(program, self.workload.dtype, {name: False}) != whole] + ["memory"]

    def function(self, workload: Function) -> Callable[[], Any]:
        """Compile the expression for arguments of these sizes."""
        from symdl.compile import compile

        self.compiled = compiled = compile(workload.expression(), dtype=workload.dtype, threads=self.threads)
        self.details = compiled.timings
        arrays = {name: array for name, array in workload.arrays().items() if name in compiled.inputs}
        return lambda: compiled(arrays)


RUNNER = Symdl
