"""The exponential loss."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import exp, hadamard


def exponential(y: Any, score: Any) -> Expr:
    """Return Σ exp(−y·score) for labels y ∈ {−1, 1}; tensors of one shape or scalars. Book §2.3."""
    value = exp(-hadamard(y, score))
    return total(value)
