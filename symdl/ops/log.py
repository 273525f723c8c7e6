"""The natural logarithm."""

import math
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp


class Log(ScalarOp):
    """The natural logarithm: (0, inf) to the reals."""

    name = "log"
    symbol = r"\log"
    inverse_name = "exp"
    equivalents = (sympy.log,)
    primitive_name = "log"
    source = "elementary"
    domain = (0.0, math.inf)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """log(1) = 0, log(e) = 1, log(exp(x)) = x."""
        if x is S.One:
            return S.Zero
        if x is S.Exp1:
            return S.One
        return x.args[0] if isinstance(x, ScalarOp) and x.name == "exp" else None

    def derivative(self, position: int) -> Expr:
        """Return 1 / x."""
        return 1 / self.args[0]

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.log(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.log(x)
