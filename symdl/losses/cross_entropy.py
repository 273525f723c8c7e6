"""Categorical cross entropy of probabilities."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import hadamard, log


def cross_entropy(y: Any, y_hat: Any) -> Expr:
    """Return −Σ_k y_k log ŷ_k of two probability vectors of one shape; y is usually one-hot. Book (3.30).

    With ŷ the softmax of z the stable form in z is chosen when kernels are made.
    """
    return -total(hadamard(y, log(y_hat)))
