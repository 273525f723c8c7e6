"""The sign of a number."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp


class Sign(ScalarOp):
    """The sign of x: -1, 0 or 1. Its derivative is taken to be 0 everywhere."""

    name = "sign"
    symbol = r"\operatorname{sign}"
    equivalents = (sympy.sign,)
    primitive_name = "sign"
    source = "book 5.3, step and sign"
    analytic = False
    kinks = (0.0,)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """The value where the sign of x is known."""
        if x.is_positive:
            return S.One
        if x.is_negative:
            return S.NegativeOne
        return S.Zero if x.is_zero else None

    def derivative(self, position: int) -> Expr:
        """Return 0."""
        return S.Zero

    @staticmethod
    def reference(x: Any) -> Any:
        """The sign of the real part."""
        return np.sign(np.real(x))

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.sign(x)
