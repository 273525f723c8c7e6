"""The squared error."""

from typing import Any

from sympy import Expr

from symdl.losses._total import total
from symdl.ops.elementwise import square


def squared(y: Any, y_hat: Any) -> Expr:
    """Return ‖ŷ − y‖² for tensors of one shape, or (ŷ − y)² for scalars. Book §2.3, Gaussian noise."""
    r = y_hat - y
    return total(square(r))
