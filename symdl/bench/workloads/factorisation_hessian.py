"""The Hessian of a matrix factorisation, applied to a direction."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symdl.bench.workload import Function
from symdl.calculus import hessian
from symdl.curvature import structure
from symdl.expr.declare import matrix
from symdl.ops.elementwise import square
from symdl.ops.reductions import sum as total


@dataclass(frozen=True)
class FactorisationHessian(Function):
    """∂²/∂U² of ½‖T - U Vᵀ‖², built and applied to D: symdl keeps its factors I ⊗ VᵀV, peers have all its entries."""

    rows: int = 500
    columns: int = 400
    rank: int = 10
    dtype: ClassVar[str] = "float64"
    peers: ClassVar[tuple[str, ...]] = ("numpy", "torch-eager", "jax-step")

    @property
    def flops(self) -> int:
        """Half of VᵀV, since it is symmetric, and D VᵀV."""
        return self.columns * self.rank**2 + 2 * self.rows * self.rank**2

    def expression(self) -> Any:
        """Return the product by the factors that are read off the derived Hessian."""
        T, D = matrix("T", self.rows, self.columns), matrix("D", self.rows, self.rank)
        U, V = matrix("U", self.rows, self.rank), matrix("V", self.columns, self.rank)
        return structure(hessian(total(square(T - U @ V.T)) / 2, U)).product(D)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return normal matrices."""
        random = np.random.default_rng(0)
        sides = {"T": (self.rows, self.columns), "V": (self.columns, self.rank)}
        sides |= dict.fromkeys("UD", (self.rows, self.rank))
        return {name: random.normal(size=shape) for name, shape in sides.items()}

    def numpy_function(self) -> Any:
        """Return what somebody writes who has derived the factors by hand."""
        return lambda T, V, U, D: D @ (V.T @ V)

    def torch_function(self) -> Any:
        """Return the product with the dense Hessian; by parts, since all at once does not fit into memory."""
        import torch

        def loss(U: Any, T: Any, V: Any) -> Any:
            return ((T - U @ V.T) ** 2).sum() / 2

        found = torch.func.jacrev(torch.func.jacrev(loss), chunk_size=250)
        return lambda T, V, U, D: torch.tensordot(found(U, T, V), D, 2)

    def jax_function(self) -> Any:
        """Return the product with ``jax.hessian``, compiled."""
        import jax

        def loss(U: Any, T: Any, V: Any) -> Any:
            return ((T - U @ V.T) ** 2).sum() / 2

        def product(T: Any, V: Any, U: Any, D: Any) -> Any:
            return jax.numpy.tensordot(jax.hessian(loss)(U, T, V), D, 2)

        return jax.jit(product)


WORKLOADS = (FactorisationHessian("hessian-mf", "Hessian of ½‖T - U Vᵀ‖² in U, applied; T 500×400, k 10, float64"),)
