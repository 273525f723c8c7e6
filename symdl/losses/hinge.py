"""The hinge loss."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import hadamard, maximum


def hinge(y: Any, score: Any) -> Expr:
    """Return Σ max(0, 1 − y·score) for labels y ∈ {−1, 1}; tensors of one shape or scalars. Book §2.3."""
    value = maximum(1 - hadamard(y, score), 0)
    return total(value)
