"""Fully connected networks with rectified linear units and softmax, of three sizes."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from symdl.bench.workload import Arrays, Training
from symdl.expr.declare import matrix, named, vector
from symdl.init import he_normal
from symdl.losses.cross_entropy import cross_entropy
from symdl.ops.elementwise import relu
from symdl.ops.softmax import softmax
from symdl.train import Model


@dataclass(frozen=True)
class Network(Training):
    """z^[ℓ] = W^[ℓ] a^[ℓ-1] + b^[ℓ] with a^[ℓ] = max(0, z^[ℓ]), and ŷ = softmax(z^[L])."""

    widths: tuple[int, ...]

    @property
    def flops(self) -> int:
        """Three products for each layer, save that of the gradient of its inputs for the first."""
        layers = [2 * self.batch * n * m for n, m in pairwise(self.widths)]
        return 3 * sum(layers) - layers[0]

    def model(self) -> Model:
        """Return the model, as equations."""
        x, y = vector("x", self.widths[0]), vector("y", self.widths[-1], one_hot=True)
        a, parameters, init, last = x, [], {}, len(self.widths) - 1
        for layer in range(1, last + 1):
            W = matrix(f"W{layer}", self.widths[layer], self.widths[layer - 1])
            b = vector(f"b{layer}", self.widths[layer])
            z = named(f"z{layer}", W @ a + b)
            a = named(f"a{layer}", relu(z, at_zero=0)) if layer < last else z
            parameters += [W, b]
            init[W] = he_normal()
        y_hat = named("y_hat", softmax(a))
        return Model(cross_entropy(y, y_hat), parameters, [x], [y], {"y_hat": y_hat}, init)

    def data(self, samples: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Return normal features and uniform labels."""
        x = random.normal(size=(samples, self.widths[0]))
        return {"x": x, "y": random.integers(0, self.widths[-1], samples)}

    def torch_loss(self, values: Arrays, compiled: bool) -> Any:
        """Return the network as linear layers."""
        import torch
        from torch.nn import functional

        class Loss(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                pairs = [(torch.tensor(values[f"W{k}"]), torch.tensor(values[f"b{k}"])) for k in range(1, depth + 1)]
                self.layers = torch.nn.ParameterList(part for pair in pairs for part in pair)

            def forward(self, x: Any, y: Any) -> Any:
                for k in range(depth):
                    x = functional.linear(x, self.layers[2 * k], self.layers[2 * k + 1])
                    x = functional.relu(x) if k < depth - 1 else x
                return functional.cross_entropy(x, y)

        depth = len(self.widths) - 1
        return Loss()

    def jax_loss(self, values: Arrays) -> tuple[Any, Any]:
        """Return the network with weights (inputs, outputs)."""
        import jax
        from jax import numpy as jnp

        depth = len(self.widths) - 1
        start = [(jnp.asarray(values[f"W{k}"].T), jnp.asarray(values[f"b{k}"])) for k in range(1, depth + 1)]

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            for k, (W, b) in enumerate(parameters):
                x = x @ W + b
                x = jax.nn.relu(x) if k < depth - 1 else x
            return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()

        return start, loss


# The seed of mlp-large: its first fifty steps have five million arguments of rectified linear units. With most
# seeds one of them is within rounding of zero, where the derivative jumps: of two libraries that round differently one
# then takes the other slope, and their losses part by some 1e-4. With this one none is nearer to zero than 1e-6.
WORKLOADS = (
    Network("mlp", "MLP 784-128-10, batch 64", 64, 100, (784, 128, 10)),
    Network("mlp-small", "MLP 64-64-32-10, batch 32", 32, 500, (64, 64, 32, 10)),
    Network("mlp-large", "MLP 784-512-256-10, batch 128", 128, 50, (784, 512, 256, 10), seed=10),
)
