"""A long short-term memory that reads images row by row."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.bench.workload import Arrays, Training
from symdl.expr.declare import matrix, named, vector
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.recurrent import lstm
from symdl.ops.softmax import softmax
from symdl.train import Model

GATES = ("i", "f", "tilde_c", "o")  # in PyTorch's order


@dataclass(frozen=True)
class Memory(Training):
    """h⟨t⟩ and c⟨t⟩ of an LSTM over x (length, features), and ŷ = softmax(W_y h⟨T⟩ + b_y)."""

    length: int = 28
    features: int = 28
    units: int = 128
    classes: int = 10

    @property
    def flops(self) -> int:
        """Three products for each matrix, save that of the gradient of the images; the first state, 0, counts, too."""
        inputs = 2 * self.batch * self.length * 4 * self.units * self.features
        states = 2 * self.batch * self.length * 4 * self.units * self.units
        return 2 * inputs + 3 * states + 3 * 2 * self.batch * self.units * self.classes

    def model(self) -> Model:
        """Return the model, as equations."""
        x, y = matrix("x", self.length, self.features), vector("y", self.classes, one_hot=True)
        layer = lstm(x, self.units)
        W, b = matrix("W_y", self.classes, self.units), vector("b_y", self.classes)
        y_hat = named("y_hat", softmax(W @ layer.h[self.length - 1] + b))
        return Model(cross_entropy(y, y_hat), [*layer.parameters, W, b], [x], [y], {"y_hat": y_hat}, dict(layer.init))

    def data(self, samples: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Return normal rows and uniform labels."""
        x = random.normal(size=(samples, self.length, self.features))
        return {"x": x, "y": random.integers(0, self.classes, samples)}

    def torch_loss(self, values: Arrays, compiled: bool) -> Any:
        """Return the network: PyTorch's own LSTM, or where it is compiled a loop over one joint product."""
        import torch
        from torch.nn import functional

        W_x, W_h, b = (torch.tensor(array) for array in joined(values))
        units = self.units

        class Loss(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.head = torch.nn.ParameterList([torch.tensor(values["W_y"]), torch.tensor(values["b_y"])])

            def forward(self, x: Any, y: Any) -> Any:
                return functional.cross_entropy(functional.linear(self.last(x), self.head[0], self.head[1]), y)

        class Plain(Loss):
            def __init__(self) -> None:
                super().__init__()
                self.layer = torch.nn.LSTM(x_size, units, batch_first=True)
                own = (self.layer.weight_ih_l0, self.layer.weight_hh_l0, self.layer.bias_ih_l0, self.layer.bias_hh_l0)
                with torch.no_grad():
                    for parameter, array in zip(own, (W_x, W_h, b, torch.zeros_like(b)), strict=True):
                        parameter.copy_(array)
                own[-1].requires_grad_(False)  # one bias, as in the equations

            def last(self, x: Any) -> Any:
                return self.layer(x)[0][:, -1]

        class Unrolled(Loss):
            def __init__(self) -> None:
                super().__init__()
                self.cell = torch.nn.ParameterList([W_x, W_h, b])

            def last(self, x: Any) -> Any:
                W_x, W_h, b = self.cell
                read = functional.linear(x.transpose(0, 1), W_x, b)
                h = c = x.new_zeros(x.shape[0], units)
                for t in range(read.shape[0]):
                    i, f, g, o = functional.linear(h, W_h, None).add(read[t]).chunk(4, 1)
                    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                    h = o.sigmoid() * c.tanh()
                return h

        x_size = self.features
        return Unrolled() if compiled else Plain()

    def jax_loss(self, values: Arrays) -> tuple[Any, Any]:
        """Return the network: one product for all inputs, then a scan."""
        import jax
        from jax import numpy as jnp

        W_x, W_h, b = (jnp.asarray(array.T) for array in joined(values))
        head = jnp.asarray(values["W_y"].T), jnp.asarray(values["b_y"])

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            W_x, W_h, b, W, d = parameters

            def cell(state: Any, read: Any) -> Any:
                h, c = state
                i, f, g, o = jnp.split(read + h @ W_h, 4, 1)
                c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
                return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

            start = jnp.zeros((x.shape[0], W_h.shape[0]), x.dtype)
            (h, _), _ = jax.lax.scan(cell, (start, start), x.transpose(1, 0, 2) @ W_x + b)
            return -jnp.take_along_axis(jax.nn.log_softmax(h @ W + d), y[:, None], 1).mean()

        return (W_x, W_h, b, *head), loss


def joined(values: Arrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return W_x (4m, p), W_h (4m, m) and b (4m,) of all gates."""
    W_x, W_h = (np.concatenate([values[f"W_{gate}_{part}"] for gate in GATES]) for part in "xh")
    return W_x, W_h, np.concatenate([values[f"b_{gate}"] for gate in GATES])


WORKLOADS = (Memory("lstm", "LSTM 28→128, 28 times, batch 128", 128, 10),)
