"""Huber's loss."""

from typing import Any

import sympy
from sympy import Expr, Rational

from symdl.errors import InputError
from symdl.losses._total import total
from symdl.ops.elementwise import abs, less_equal, square, where


def huber(y: Any, y_hat: Any, delta: float = 1.0) -> Expr:
    """Return Σ ½r² where |r| ≤ δ and δ(|r| − ½δ) elsewhere, r = ŷ − y; tensors of one shape or scalars. Book §2.3.

    Raises:
        InputError: unless δ > 0.
    """
    if not delta > 0:
        raise InputError(f"huber: delta must be above 0, found {delta}")
    r, half, limit = y_hat - y, Rational(1, 2), sympy.nsimplify(delta, rational=True)
    value = where(less_equal(abs(r), limit), half * square(r), limit * (abs(r) - half * limit))
    return total(value)
