"""NumPy: a closed form, written by hand."""

from collections.abc import Callable
from typing import Any, ClassVar

from symdl.bench.runner import Trainer
from symdl.bench.workload import Function


class Numpy(Trainer):
    """The closed form; BLAS has its threads from the environment."""

    name = "numpy"
    options: ClassVar[dict[str, Any]] = {}

    def imports(self) -> None:
        """NumPy is there already."""

    def function(self, workload: Function) -> Callable[[], Any]:
        """Return the closed form on its arguments."""
        found, arrays = workload.numpy_function(**self.options), workload.arrays()
        return lambda: found(**arrays)


RUNNER = Numpy
