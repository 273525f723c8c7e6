"""The hyperbolic tangent."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.exp import Exp


class Tanh(ScalarOp):
    """The hyperbolic tangent (e^x - e^-x) / (e^x + e^-x): reals to (-1, 1)."""

    name = "tanh"
    symbol = r"\tanh"
    equivalents = (sympy.tanh,)
    primitive_name = "tanh"
    source = "book 5.3, tanh"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """tanh(0) = 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return 1 - tanh(x)^2."""
        return 1 - self**2

    def definition(self) -> Expr:
        """Return (e^x - e^-x) / (e^x + e^-x)."""
        x = self.args[0]
        return (Exp(x) - Exp(-x)) / (Exp(x) + Exp(-x))

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.tanh(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.tanh(x)
