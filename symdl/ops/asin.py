"""The inverse sine."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.atan import Atan


class Asin(ScalarOp):
    """The inverse sine: [-1, 1] to [-pi/2, pi/2]."""

    name = "asin"
    symbol = r"\arcsin"
    equivalents = (sympy.asin,)
    source = "elementary"
    domain = (-1.0, 1.0)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return 1 / sqrt(1 - x^2)."""
        return 1 / sqrt(1 - self.args[0] ** 2)

    def kernel(self) -> Expr:
        """Return 2 atan(x / (1 + sqrt(1 - x^2))), the square root taken of factors that do not cancel."""
        x = self.args[0]
        return 2 * Atan(x / (1 + sqrt((1 - x) * (1 + x))))

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.arcsin(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.asin(x)
