"""LeNet-5 on grey images of 28 by 28, without padding."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from symdl.bench.workload import Arrays, Training
from symdl.expr.declare import matrix, named, tensor, vector
from symdl.init import he_normal
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.blocks import per_channel
from symdl.ops.convolution import conv2d
from symdl.ops.elementwise import relu
from symdl.ops.pooling import max_pool
from symdl.ops.rearrange import reshape
from symdl.ops.softmax import softmax
from symdl.train import Model

SIDE, WINDOW, FILTERS, WIDTHS = 28, 5, (6, 16), (120, 84, 10)


@dataclass(frozen=True)
class LeNet(Training):
    """a^[ℓ] = maxpool(max(0, W^[ℓ] ⋆ a^[ℓ-1] + b^[ℓ])) twice, then three fully connected layers."""

    padding: int = 0

    def maps(self) -> list[tuple[int, int, int, int]]:
        """Return for each convolution: its padding, its channels in and out, and the side of what it gives."""
        found, side, channels = [], SIDE, 1
        for count, padding in zip(FILTERS, (self.padding, 0), strict=True):
            side = side + 2 * padding - WINDOW + 1
            found.append((padding, channels, count, side))
            side, channels = side // 2, count
        return found

    @property
    def flops(self) -> int:
        """Three products for each layer, save that of the gradient of the images."""
        layers = [2 * self.batch * side**2 * n * m * WINDOW**2 for _, n, m, side in self.maps()]
        wide = (FILTERS[-1] * (self.maps()[-1][3] // 2) ** 2, *WIDTHS)
        layers += [2 * self.batch * n * m for n, m in pairwise(wide)]
        return 3 * sum(layers) - layers[0]

    def model(self) -> Model:
        """Return the model, as equations."""
        x, y = tensor("x", (1, SIDE, SIDE)), vector("y", WIDTHS[-1], one_hot=True)
        a: Any = x
        parameters: list[Any] = []
        for layer, (padding, inputs, count, _) in enumerate(self.maps(), 1):
            W, b = tensor(f"W{layer}", (count, inputs, WINDOW, WINDOW)), vector(f"b{layer}", count)
            z = conv2d(a, W, padding=padding)
            z = named(f"z{layer}", z + per_channel(b, z))
            a = named(f"a{layer}", max_pool(relu(z, at_zero=0), 2))
            parameters += [W, b]
        a = reshape(a, -1)
        for layer, width in enumerate(WIDTHS, len(FILTERS) + 1):
            W, b = matrix(f"W{layer}", width, a.shape[0]), vector(f"b{layer}", width)
            z = named(f"z{layer}", W @ a + b)
            a = named(f"a{layer}", relu(z, at_zero=0)) if width != WIDTHS[-1] else z
            parameters += [W, b]
        y_hat = named("y_hat", softmax(a))
        init = {W: he_normal() for W in parameters[::2]}
        return Model(cross_entropy(y, y_hat), parameters, [x], [y], {"y_hat": y_hat}, init)

    def data(self, samples: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Return normal pixels and uniform labels."""
        x = random.normal(size=(samples, 1, SIDE, SIDE))
        return {"x": x, "y": random.integers(0, WIDTHS[-1], samples)}

    def torch_loss(self, values: Arrays, compiled: bool) -> Any:
        """Return the network; the runner keeps channels last."""
        import torch
        from torch.nn import functional

        paddings = [padding for padding, *_ in self.maps()]

        class Loss(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                names = [f"{kind}{layer}" for layer in range(1, 6) for kind in "Wb"]
                self.values = torch.nn.ParameterList(torch.tensor(values[name]) for name in names)

            def forward(self, x: Any, y: Any) -> Any:
                for k, padding in enumerate(paddings):
                    x = functional.conv2d(x, self.values[2 * k], self.values[2 * k + 1], padding=padding)
                    x = functional.max_pool2d(functional.relu(x), 2)
                x = x.flatten(1)
                for k in range(2, 5):
                    x = functional.linear(x, self.values[2 * k], self.values[2 * k + 1])
                    x = functional.relu(x) if k < 4 else x
                return functional.cross_entropy(x, y)

        return Loss()

    def jax_loss(self, values: Arrays) -> tuple[Any, Any]:
        """Return the network with channels last."""
        import jax
        from jax import numpy as jnp

        kernels = [(jnp.asarray(values[f"W{k}"].transpose(2, 3, 1, 0)), jnp.asarray(values[f"b{k}"])) for k in (1, 2)]
        linear = [(jnp.asarray(values[f"W{k}"].T), jnp.asarray(values[f"b{k}"])) for k in (3, 4, 5)]
        paddings = [padding for padding, *_ in self.maps()]

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            kernels, linear = parameters
            x = x.transpose(0, 2, 3, 1)
            for (K, b), padding in zip(kernels, paddings, strict=True):
                around, names = [(padding, padding)] * 2, ("NHWC", "HWIO", "NHWC")
                x = jax.lax.conv_general_dilated(x, K, (1, 1), around, dimension_numbers=names) + b
                window = (1, 2, 2, 1)
                x = jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, window, window, "VALID")
            x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
            for k, (W, b) in enumerate(linear):
                x = x @ W + b
                x = jax.nn.relu(x) if k < 2 else x
            return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()

        return (kernels, linear), loss


WORKLOADS = (
    LeNet("lenet", "LeNet-5 28×28, batch 64", 64, 50),
    LeNet("lenet-padded", "LeNet-5 28×28 with a padding of 2, batch 64", 64, 50, 2),
)
