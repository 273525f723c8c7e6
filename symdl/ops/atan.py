"""The inverse tangent."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp


class Atan(ScalarOp):
    """The inverse tangent: reals to (-pi/2, pi/2)."""

    name = "atan"
    symbol = r"\arctan"
    equivalents = (sympy.atan,)
    primitive_name = "atan"
    source = "elementary"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return 1 / (1 + x^2)."""
        return 1 / (1 + self.args[0] ** 2)

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.arctan(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.atan(x)
