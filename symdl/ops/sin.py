"""The sine."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp


class Sin(ScalarOp):
    """The sine: reals to [-1, 1]."""

    name = "sin"
    symbol = r"\sin"
    equivalents = (sympy.sin,)
    primitive_name = "sin"
    source = "elementary"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return cos(x)."""
        from symdl.ops.cos import Cos

        return Cos(self.args[0])

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.sin(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.sin(x)
