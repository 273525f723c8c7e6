"""The hyperbolic cosine."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import E, Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.exp import Exp
from symdl.ops.sinh import Sinh


class Cosh(ScalarOp):
    """The hyperbolic cosine (e^x + e^-x) / 2: reals to [1, inf)."""

    name = "cosh"
    symbol = r"\cosh"
    equivalents = (sympy.cosh,)
    source = "elementary"
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 1 at 0."""
        return S.One if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return sinh(x)."""
        return Sinh(self.args[0])

    def definition(self) -> Expr:
        """Return (e^x + e^-x) / 2."""
        x = self.args[0]
        return (Exp(x) + Exp(-x)) / 2

    def kernel(self) -> Expr:
        """Return a form by e^(|x| - 1), which overflows only where cosh does."""
        size = Abs(self.args[0])
        return E / 2 * Exp(size - 1) * (1 + Exp(-2 * size))

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.cosh(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.cosh(x)
