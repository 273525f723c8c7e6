"""What a workload is: the same training, or the same function, for symdl and for each of its peers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from symdl.train import Model

Arrays = Mapping[str, np.ndarray]
SEED = 0
CURVE = 50  # steps whose losses must agree
TOLERANCE = 1e-4  # relative


@dataclass(frozen=True)
class Workload(ABC):
    """A workload; subclasses say what is computed.

    Attributes:
        name: What it is called on the command line.
        title: What it is, in a few words.
        dtype: Its floating type, for all who run it.
        peers: The runners, besides symdl's, that it has.
        beside: The workload whose time it is compared with, for each runner; empty for none.
    """

    name: str
    title: str
    dtype: ClassVar[str] = "float32"
    peers: ClassVar[tuple[str, ...]] = ()
    beside: ClassVar[str] = ""

    @property
    @abstractmethod
    def flops(self) -> int:
        """Floating-point operations of its products, for one step or one call: those that the equations need."""


@dataclass(frozen=True)
class Training(Workload):
    """A training with Adam: an epoch of ``steps`` mini-batches, always in the same order.

    Attributes:
        batch: Samples for each step.
        steps: Steps for each epoch.
        seed: Of the samples.
    """

    batch: int
    steps: int
    seed: int = field(default=SEED, kw_only=True)
    alpha: ClassVar[float] = 1e-3
    peers: ClassVar[tuple[str, ...]] = ("torch-eager", "torch-compile", "jax-step", "jax-scan")

    @abstractmethod
    def model(self) -> Model:
        """Return the model, as equations."""

    @abstractmethod
    def data(self, samples: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Return that many samples: ``x``, and integers ``y``."""

    @abstractmethod
    def torch_loss(self, values: Arrays, compiled: bool) -> Any:
        """Return a ``torch.nn.Module`` with these initial values whose result for a batch (x, y) is its mean loss."""

    @abstractmethod
    def jax_loss(self, values: Arrays) -> tuple[Any, Any]:
        """Return the parameters and a function of them and a batch (x, y): its mean loss."""

    @property
    def epochs(self) -> int:
        """As many as the compared losses need."""
        return -(-CURVE // self.steps)

    def samples(self) -> dict[str, np.ndarray]:
        """Return the samples of an epoch, the same in each process."""
        arrays = self.data(self.batch * self.steps, np.random.default_rng(self.seed))
        return {name: a.astype(self.dtype if a.dtype.kind == "f" else np.int64) for name, a in arrays.items()}

    def values(self) -> dict[str, np.ndarray]:
        """Return the initial values of the parameters, the same in each process."""
        model = self.model()
        model.initialise(SEED)
        return {name: np.array(array, self.dtype) for name, array in model.values.items()}


@dataclass(frozen=True)
class Function(Workload):
    """A function of arrays."""

    @abstractmethod
    def expression(self) -> Any:
        """Return what symdl compiles."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Return its arguments by name, the same in each process."""

    @abstractmethod
    def numpy_function(self) -> Any:
        """Return the same as a function of arrays, written in closed form for NumPy."""

    @abstractmethod
    def torch_function(self) -> Any:
        """Return the same as a function of tensors that PyTorch differentiates."""

    @abstractmethod
    def jax_function(self) -> Any:
        """Return the same as a function of arrays that JAX differentiates."""
