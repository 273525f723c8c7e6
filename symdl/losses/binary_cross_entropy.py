"""Binary cross entropy of a probability."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import hadamard, log


def binary_cross_entropy(y: Any, y_hat: Any) -> Expr:
    """Return −(y log ŷ + (1 − y) log(1 − ŷ)), summed over tensors of one shape; y and ŷ are in [0, 1]. Book §3.2.

    With ŷ = σ(z) the stable form in z is chosen when kernels are made.
    """
    value = -(hadamard(y, log(y_hat)) + hadamard(1 - y, log(1 - y_hat)))
    return total(value)
