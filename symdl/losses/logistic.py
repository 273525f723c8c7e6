"""The logistic loss of a margin."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import hadamard, softplus


def logistic(y: Any, score: Any) -> Expr:
    """Return Σ log(1 + exp(−y·score)) for labels y ∈ {−1, 1}; tensors of one shape or scalars. Book §2.3."""
    value = softplus(-hadamard(y, score))
    return total(value)
