"""The logarithm of 1 + x."""

import math
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S
from sympy.codegen.cfunctions import log1p

from symdl.expr.scalar import ScalarOp
from symdl.ops.log import Log


class Log1p(ScalarOp):
    """The logarithm log(1 + x), accurate near 0: (-1, inf) to the reals."""

    name = "log1p"
    symbol = r"\log"
    inverse_name = "expm1"
    equivalents = (log1p,)
    primitive_name = "log1p"
    source = "elementary"
    domain = (-1.0, math.inf)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """log1p(0) = 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return 1 / (1 + x)."""
        return 1 / (1 + self.args[0])

    def definition(self) -> Expr:
        """Return log(1 + x)."""
        return Log(1 + self.args[0])

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.log1p(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.log1p(x)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return Log(1 + self.args[0], evaluate=False)._latex(printer, exp)
