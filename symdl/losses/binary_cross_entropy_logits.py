"""Binary cross entropy of a log-odds."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import hadamard, softplus


def binary_cross_entropy_logits(y: Any, z: Any) -> Expr:
    """Return softplus(z) − yz, the binary cross entropy of ŷ = σ(z), summed over tensors of one shape. Book §3.2."""
    value = softplus(z) - hadamard(y, z)
    return total(value)
