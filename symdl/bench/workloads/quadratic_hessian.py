"""The Hessian of a quadratic form."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symdl.bench.workload import Function
from symdl.calculus import hessian
from symdl.expr.declare import matrix, vector


@dataclass(frozen=True)
class QuadraticHessian(Function):
    """∂²/∂x² of xᵀA x, which is A + Aᵀ."""

    size: int = 2048
    dtype: ClassVar[str] = "float64"
    peers: ClassVar[tuple[str, ...]] = ("numpy", "torch-eager", "jax-step")

    @property
    def flops(self) -> int:
        """One addition for each entry: memory is the limit here, not this floor."""
        return self.size**2

    def expression(self) -> Any:
        """Return the Hessian, derived."""
        A, x = matrix("A", self.size, self.size), vector("x", self.size)
        return hessian(x.T @ A @ x, x)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return a normal matrix and vector."""
        random = np.random.default_rng(0)
        return {"A": random.normal(size=(self.size, self.size)), "x": random.normal(size=self.size)}

    def numpy_function(self) -> Any:
        """Return the closed form."""
        return lambda A, x: A + A.T

    def torch_function(self) -> Any:
        """Return ``torch.func.hessian`` of the form."""
        import torch

        found = torch.func.hessian(lambda x, A: x @ A @ x)
        return lambda A, x: found(x, A)

    def jax_function(self) -> Any:
        """Return ``jax.hessian`` of the form, compiled."""
        import jax

        found = jax.jit(jax.hessian(lambda x, A: x @ A @ x))
        return lambda A, x: found(x, A)


WORKLOADS = (QuadraticHessian("hessian-quadratic", "Hessian of x'Ax, n 2048, float64"),)
