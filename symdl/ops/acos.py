"""The inverse cosine."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.atan import Atan


class Acos(ScalarOp):
    """The inverse cosine: [-1, 1] to [0, pi]."""

    name = "acos"
    symbol = r"\arccos"
    equivalents = (sympy.acos,)
    source = "elementary"
    domain = (-1.0, 1.0)
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return pi/2 at 0, and 0 at 1."""
        if x is S.Zero:
            return S.Pi / 2
        return S.Zero if x is S.One else None

    def derivative(self, position: int) -> Expr:
        """Return -1 / sqrt(1 - x^2)."""
        return -1 / sqrt(1 - self.args[0] ** 2)

    def kernel(self) -> Expr:
        """Return 2 atan(sqrt((1 - x) / (1 + x))), which is 2 atan(inf) = pi at -1."""
        x = self.args[0]
        return 2 * Atan(sqrt((1 - x) / (1 + x)))

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.arccos(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.acos(x)
