"""The gradient of a network, and its Hessian's product with a direction."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from symdl.bench.workload import Function
from symdl.calculus import grad, hvp
from symdl.expr.declare import matrix, tensor, vector
from symdl.ops.elementwise import hadamard, tanh
from symdl.ops.reductions import sum as total
from symdl.ops.softmax import logsumexp
from symdl.ops.structure import ones, outer


@dataclass(frozen=True)
class Gradient(Function):
    """The gradient of the mean cross entropy over a batch, in all weights and biases; tanh in the hidden layers."""

    widths: tuple[int, ...] = (784, 512, 256, 10)
    batch: int = 128
    dtype: ClassVar[str] = "float64"
    peers: ClassVar[tuple[str, ...]] = ("torch-eager", "jax-step")

    @property
    def layers(self) -> list[int]:
        """The operations of one product with each weight matrix."""
        return [2 * self.batch * n * m for n, m in pairwise(self.widths)]

    @property
    def flops(self) -> int:
        """Three products for each layer, save that of the gradient of its inputs for the first."""
        return 3 * sum(self.layers) - self.layers[0]

    def parameters(self) -> list[Any]:
        """Return the weights and biases, layer by layer."""
        pairs = enumerate(pairwise(self.widths), 1)
        return [part for k, (n, m) in pairs for part in (matrix(f"W{k}", m, n), vector(f"b{k}", m))]

    def loss(self, parameters: list[Any]) -> Any:
        """Return the loss."""
        a, y = matrix("x", self.batch, self.widths[0]), matrix("y", self.batch, self.widths[-1])
        for k in range(0, len(parameters), 2):
            a = (tanh(a) if k else a) @ parameters[k].T + outer(ones(self.batch), parameters[k + 1])
        return (total(logsumexp(a, axis=1)) - total(hadamard(y, a))) / self.batch

    def expression(self) -> Any:
        """Return the gradients, derived."""
        parameters = self.parameters()
        return list(grad(self.loss(parameters), parameters))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return normal samples, one-hot labels, small parameters and a direction."""
        random = np.random.default_rng(0)
        found = {"x": random.normal(size=(self.batch, self.widths[0]))}
        found["y"] = np.eye(self.widths[-1])[random.integers(0, self.widths[-1], self.batch)]
        for part in self.parameters():
            shape = tuple(map(int, part.shape))
            found[part.name], found[f"d{part.name}"] = 0.05 * random.normal(size=(2, *shape))
        return found

    def numpy_function(self) -> Any:
        """There is none."""
        raise TypeError(f"{self.name} has no closed form in NumPy")

    def torch_function(self) -> Any:
        """Return ``torch.func.grad``."""
        import torch

        found = torch.func.grad(self._peer_loss(torch, torch.logsumexp))
        return lambda **arrays: found(*self._split(arrays)[:2])

    def jax_function(self) -> Any:
        """Return ``jax.grad``, compiled."""
        import jax

        found = jax.jit(jax.grad(self._peer_loss(jax.numpy, jax.scipy.special.logsumexp)))
        return lambda **arrays: found(*self._split(arrays)[:2])

    def _split(self, arrays: dict[str, Any]) -> tuple[list[Any], dict[str, Any], list[Any]]:
        """Return parameters, data and direction."""
        names = [part.name for part in self.parameters()]
        data = {name: arrays[name] for name in "xy"}
        return [arrays[name] for name in names], data, [arrays[f"d{name}"] for name in names]

    def _peer_loss(self, library: Any, logsumexp: Any) -> Any:
        """Return the loss in a library's functions."""

        def loss(parameters: list[Any], data: dict[str, Any]) -> Any:
            a = data["x"]
            for k in range(0, len(parameters), 2):
                a = (library.tanh(a) if k else a) @ parameters[k].T + parameters[k + 1]
            return (logsumexp(a, 1) - (data["y"] * a).sum(1)).mean()

        return loss


@dataclass(frozen=True)
class Product(Gradient):
    """∇²C times a direction, of the same loss: forward over reverse, for peers too."""

    beside: ClassVar[str] = "mlp-gradient"

    @property
    def flops(self) -> int:
        """Those of primal and tangent: of activations and their adjoints, and the tangents of the gradients."""
        return 8 * sum(self.layers) - 5 * self.layers[0]

    def expression(self) -> Any:
        """Return the products, derived."""
        parameters = self.parameters()
        return list(hvp(self.loss(parameters), parameters, [tensor(f"d{p.name}", p.shape) for p in parameters]))

    def torch_function(self) -> Any:
        """Return ``torch.func.jvp`` of ``torch.func.grad``."""
        import torch

        gradient = torch.func.grad(self._peer_loss(torch, torch.logsumexp))

        def product(**arrays: Any) -> Any:
            parameters, data, direction = self._split(arrays)
            return torch.func.jvp(lambda point: gradient(point, data), (parameters,), (direction,))[1]

        return product

    def jax_function(self) -> Any:
        """Return ``jax.jvp`` of ``jax.grad``, compiled."""
        import jax

        gradient = jax.grad(self._peer_loss(jax.numpy, jax.scipy.special.logsumexp))

        @jax.jit
        def product(parameters: Any, data: Any, direction: Any) -> Any:
            return jax.jvp(lambda point: gradient(point, data), (parameters,), (direction,))[1]

        return lambda **arrays: product(*self._split(arrays))


WORKLOADS = (
    Gradient("mlp-gradient", "gradient of an MLP 784-512-256-10, batch 128, float64"),
    Product("mlp-hvp", "its Hessian-vector product"),
)
