"""The absolute error."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import abs


def absolute(y: Any, y_hat: Any) -> Expr:
    """Return Σ |ŷ − y| for tensors of one shape or scalars; the derivative at 0 is 0. Book §2.3, Laplace noise."""
    r = y_hat - y
    return total(abs(r))
