"""The cosine."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.sin import Sin


class Cos(ScalarOp):
    """The cosine: reals to [-1, 1]."""

    name = "cos"
    symbol = r"\cos"
    equivalents = (sympy.cos,)
    primitive_name = "cos"
    source = "elementary"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 1 at 0."""
        return S.One if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return -sin(x)."""
        return -Sin(self.args[0])

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.cos(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.cos(x)
