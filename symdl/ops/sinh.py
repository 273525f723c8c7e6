"""The hyperbolic sine."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import E, Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.exp import Exp
from symdl.ops.expm1 import Expm1
from symdl.ops.sign import Sign
from symdl.ops.where import Where


class Sinh(ScalarOp):
    """The hyperbolic sine (e^x - e^-x) / 2: reals to reals."""

    name = "sinh"
    symbol = r"\sinh"
    equivalents = (sympy.sinh,)
    source = "elementary"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return cosh(x)."""
        from symdl.ops.cosh import Cosh

        return Cosh(self.args[0])

    def definition(self) -> Expr:
        """Return (e^x - e^-x) / 2."""
        x = self.args[0]
        return (Exp(x) - Exp(-x)) / 2

    def kernel(self) -> Expr:
        """Return a form by expm1 near 0, and by e^(|x| - 1) elsewhere, so that it overflows only where sinh does."""
        x = self.args[0]
        size = Abs(x)
        small = Expm1(size)
        near = (small + small / (1 + small)) / 2
        far = E / 2 * Exp(size - 1) * (1 - Exp(-2 * size))
        return Sign(x) * Where(size < 1, near, far)

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.sinh(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.sinh(x)
