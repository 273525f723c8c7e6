"""The tangent."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.cos import Cos
from symdl.ops.sin import Sin


class Tan(ScalarOp):
    """The tangent sin(x) / cos(x): reals without the odd multiples of pi/2."""

    name = "tan"
    symbol = r"\tan"
    equivalents = (sympy.tan,)
    source = "elementary"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return 1 + tan(x)^2."""
        return 1 + self**2

    def definition(self) -> Expr:
        """Return sin(x) / cos(x)."""
        return Sin(self.args[0]) / Cos(self.args[0])

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.tan(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.tan(x)
