"""Categorical cross entropy of log-probabilities up to a constant."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import hadamard
from symdl.ops.softmax import logsumexp


def cross_entropy_logits(y: Any, z: Any) -> Expr:
    """Return log Σ_k exp(z_k) − yᵀz: the cross entropy of ŷ = softmax(z) for a y that sums to 1. Book (3.30)."""
    return logsumexp(z) - total(hadamard(y, z))
