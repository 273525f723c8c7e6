"""A character model: a causal transformer, normalised first, with Gaussian error linear units."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.bench.workload import Arrays, Training
from symdl.models.language import language_model
from symdl.models.transformer import Sizes
from symdl.train import Model


@dataclass(frozen=True)
class Characters(Training):
    """The library's language model; the feedforward network of a block is four times as wide as a token."""

    symbols: int = 65
    length: int = 64
    features: int = 128
    heads: int = 4
    depth: int = 4

    @property
    def sizes(self) -> Sizes:
        """Widths: heads share the features."""
        return Sizes.of(self.features, self.heads, 4 * self.features)

    @property
    def flops(self) -> int:
        """Three products for each; attention counts all pairs of tokens, as it is usual, masked or not."""
        tokens, p = self.batch * self.length, self.features
        block = 12 * p * p + 2 * self.length * p
        return 3 * 2 * tokens * (self.depth * block + p * self.symbols)

    def model(self) -> Model:
        """Return the model, as equations."""
        return language_model(self.symbols, self.length, self.sizes, self.depth, activation="gelu")

    def data(self, samples: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Return windows of a text in which a character tells something about the next."""
        steps = random.integers(0, 5, (samples, self.length + 1))
        codes = (random.integers(0, self.symbols, (samples, 1)) + steps.cumsum(1)) % self.symbols
        return {"x": codes[:, :-1], "y": codes[:, 1:]}

    def torch_loss(self, values: Arrays, compiled: bool) -> Any:
        """Return the network with one joint product for queries, keys and values, and PyTorch's fused attention."""
        import torch
        from torch.nn import functional

        heads, depth, p = self.heads, self.depth, self.features

        class Loss(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                arrays = together(values, depth)
                self.values = torch.nn.ParameterDict({name: torch.tensor(array) for name, array in arrays.items()})

            def norm(self, name: str, x: Any) -> Any:
                return functional.layer_norm(x, (p,), self.values[f"gamma{name}"], self.values[f"beta{name}"])

            def forward(self, x: Any, y: Any) -> Any:
                v, (rows, length) = self.values, x.shape
                a = functional.embedding(x, v["E"]) + v["R"]
                for k in range(1, depth + 1):
                    joint = functional.linear(self.norm(f"1_{k}", a), v[f"A_{k}"])
                    q, key, w = (part.view(rows, length, heads, -1).transpose(1, 2) for part in joint.chunk(3, -1))
                    u = functional.scaled_dot_product_attention(q, key, w, is_causal=True)
                    a = a + functional.linear(u.transpose(1, 2).reshape(rows, length, p), v[f"C_{k}"])
                    z = functional.linear(self.norm(f"3_{k}", a), v[f"W1_{k}"], v[f"b1_{k}"])
                    a = a + functional.linear(functional.gelu(z), v[f"W2_{k}"], v[f"b2_{k}"])
                z = functional.linear(self.norm("0", a), v["W_o"], v["b_o"])
                return functional.cross_entropy(z.flatten(0, 1), y.flatten())

        return Loss()

    def jax_loss(self, values: Arrays) -> tuple[Any, Any]:
        """Return the network in the same arrangement."""
        import jax
        from jax import numpy as jnp

        heads, depth, p = self.heads, self.depth, self.features
        start = {name: jnp.asarray(a.T if a.ndim == 2 else a) for name, a in together(values, depth).items()}
        start |= {name: start[name].T for name in ("E", "R")}

        def loss(v: Any, x: Any, y: Any) -> Any:
            def norm(name: str, a: Any) -> Any:
                mean, variance = a.mean(-1, keepdims=True), a.var(-1, keepdims=True)
                return (a - mean) * jax.lax.rsqrt(variance + 1e-5) * v[f"gamma{name}"] + v[f"beta{name}"]

            rows, length = x.shape
            a = v["E"][x] + v["R"]
            mask = jnp.tril(jnp.ones((length, length), bool))
            for k in range(1, depth + 1):
                parts = jnp.split(norm(f"1_{k}", a) @ v[f"A_{k}"], 3, -1)
                q, key, w = (part.reshape(rows, length, heads, -1) for part in parts)
                scores = jnp.einsum("bthm,bshm->bhts", q, key) / np.sqrt(p // heads).astype("f4")
                weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), -1)
                u = jnp.einsum("bhts,bshm->bthm", weights, w).reshape(rows, length, p)
                a = a + u @ v[f"C_{k}"]
                z = norm(f"3_{k}", a) @ v[f"W1_{k}"] + v[f"b1_{k}"]
                a = a + jax.nn.gelu(z, approximate=False) @ v[f"W2_{k}"] + v[f"b2_{k}"]
            z = jax.nn.log_softmax(norm("0", a) @ v["W_o"] + v["b_o"])
            return -jnp.take_along_axis(z, y[..., None], -1).mean()

        return start, loss


def together(values: Arrays, depth: int) -> dict[str, np.ndarray]:
    """Return the parameters with tokens as rows, and those of all heads joined to matrices (outputs, inputs)."""
    found = {"E": values["E"], "R": values["R"].T}
    found |= {name: values[name] for name in ("gamma0", "beta0", "W_o", "b_o")}
    for k in range(1, depth + 1):
        parts = [values[f"W_{part}[{k}]"] for part in "qkv"]
        found[f"A_{k}"] = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
        W_c = values[f"W_c[{k}]"]  # (heads, features, values)
        found[f"C_{k}"] = W_c.transpose(1, 0, 2).reshape(W_c.shape[1], -1)
        found |= {f"{name}{stage}_{k}": values[f"{name}{stage}[{k}]"] for name in ("gamma", "beta") for stage in (1, 3)}
        found |= {f"{name}{part}_{k}": values[f"{name}_{part}[{k}]"] for name in "Wb" for part in (1, 2)}
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


WORKLOADS = (Characters("transformer", "character transformer L4 H4 C128 T64, batch 12", 12, 5),)
