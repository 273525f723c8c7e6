"""The quantile (pinball) loss."""

from typing import Any

import sympy
from sympy import Expr

from symdl.errors import InputError
from symdl.losses._total import total
from symdl.ops.elementwise import maximum


def quantile(y: Any, y_hat: Any, tau: float = 0.5) -> Expr:
    """Return Σ max(τ(y − ŷ), (τ − 1)(y − ŷ)) for tensors of one shape or scalars; minimal at the τ-quantile. Book §2.3.

    Raises:
        InputError: unless 0 < τ < 1.
    """
    if not 0 < tau < 1:
        raise InputError(f"quantile: tau must be in (0, 1), found {tau}")
    r, level = y - y_hat, sympy.nsimplify(tau, rational=True)
    value = maximum(level * r, (level - 1) * r)
    return total(value)
