"""The step function of the book."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.where import Where


class Step(ScalarOp):
    """The step: -1 for x < 0 and 1 for x >= 0. Its derivative is taken to be 0 everywhere."""

    name = "step"
    symbol = r"\sigma_{\mathrm{Step}}"
    source = "book 5.3, step and sign"
    analytic = False
    kinks = (0.0,)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return the value where the sign of x is known."""
        if x.is_nonnegative:
            return S.One
        return S.NegativeOne if x.is_negative else None

    def derivative(self, position: int) -> Expr:
        """Return 0."""
        return S.Zero

    def definition(self) -> Expr:
        """Return 1 or -1 by the sign of x."""
        return Where(self.args[0] >= 0, 1, -1)

    @staticmethod
    def reference(x: Any) -> Any:
        """By the real part."""
        return np.where(np.real(x) >= 0, 1.0, -1.0)

    @staticmethod
    def precise(x: Any) -> Any:
        """By comparison."""
        return mpmath.mpf(1 if x >= 0 else -1)
