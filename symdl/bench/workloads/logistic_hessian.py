"""The Hessian of the logistic loss, in double precision."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symdl.bench.workload import Function
from symdl.calculus import hessian
from symdl.expr.declare import matrix, vector
from symdl.ops.elementwise import hadamard, softplus
from symdl.ops.reductions import sum as total


@dataclass(frozen=True)
class LogisticHessian(Function):
    """∂²/∂w² of Σ softplus(X w) − y ⊙ X w, which is Xᵀ diag(σ(1−σ)) X."""

    samples: int = 2000
    features: int = 1000
    dtype: ClassVar[str] = "float64"
    peers: ClassVar[tuple[str, ...]] = ("numpy", "numpy-syrk", "torch-eager", "jax-step")

    @property
    def flops(self) -> int:
        """Half of a product, since the result is symmetric: n·d²."""
        return self.samples * self.features**2

    def expression(self) -> Any:
        """Return the Hessian, derived."""
        X, y, w = matrix("X", self.samples, self.features), vector("y", self.samples), vector("w", self.features)
        return hessian(total(softplus(X @ w) - hadamard(y, X @ w)), w)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return normal samples, labels 0 and 1, and small weights."""
        random = np.random.default_rng(0)
        X = random.normal(size=(self.samples, self.features))
        return {"X": X, "y": (X[:, 0] > 0).astype(float), "w": 0.01 * random.normal(size=self.features)}

    def numpy_function(self, symmetric: bool = False) -> Any:
        """Return the closed form; ``symmetric``: as AᵀA, which NumPy gives to BLAS's syrk."""

        def plain(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
            p = 1 / (1 + np.exp(-(X @ w)))
            return X.T @ ((p * (1 - p))[:, None] * X)

        def half(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
            p = 1 / (1 + np.exp(-(X @ w)))
            A = np.sqrt(p * (1 - p))[:, None] * X
            return A.T @ A

        return half if symmetric else plain

    def torch_function(self) -> Any:
        """Return ``torch.func.hessian`` of the loss."""
        import torch

        def loss(w: Any, X: Any, y: Any) -> Any:
            u = X @ w
            return (torch.nn.functional.softplus(u) - y * u).sum()

        found = torch.func.hessian(loss)
        return lambda X, y, w: found(w, X, y)

    def jax_function(self) -> Any:
        """Return ``jax.hessian`` of the loss, compiled."""
        import jax

        def loss(w: Any, X: Any, y: Any) -> Any:
            u = X @ w
            return (jax.nn.softplus(u) - y * u).sum()

        found = jax.jit(jax.hessian(loss))
        return lambda X, y, w: found(w, X, y)


WORKLOADS = (LogisticHessian("hessian", "Hessian of the logistic loss, n 2000, d 1000, float64"),)
