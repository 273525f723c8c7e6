"""The log-cosh loss."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import logcosh


def log_cosh(y: Any, y_hat: Any) -> Expr:
    """Return Σ log cosh(ŷ − y) for tensors of one shape or scalars; the derivative is tanh. Book §2.3."""
    return total(logcosh(y_hat - y))
