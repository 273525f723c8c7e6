"""The log-odds."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Rational, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.log import Log
from symdl.ops.log1p import Log1p
from symdl.ops.sigmoid import Sigmoid
from symdl.ops.where import Where


class Logit(ScalarOp):
    """The log-odds log(x / (1 - x)), inverse of the logistic function: (0, 1) to the reals."""

    name = "logit"
    symbol = r"\operatorname{logit}"
    inverse_name = "sigmoid"
    source = "elementary"
    domain = (0.0, 1.0)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 1/2, and x of sigmoid(x)."""
        if x is S.Half:
            return S.Zero
        return x.args[0] if isinstance(x, Sigmoid) else None

    def derivative(self, position: int) -> Expr:
        """Return 1 / (x (1 - x))."""
        x = self.args[0]
        return 1 / (x * (1 - x))

    def definition(self) -> Expr:
        """Return log(x / (1 - x))."""
        x = self.args[0]
        return Log(x / (1 - x))

    def kernel(self) -> Expr:
        """Return log1p((2x - 1) / (1 - x)) where the odds are near 1: there 2x - 1 is exact."""
        x = self.args[0]
        near = Log1p((2 * x - 1) / (1 - x))
        return Where(Abs(2 * x - 1) < Rational(1, 2), near, self.definition())

    @staticmethod
    def reference(x: Any) -> Any:
        """By logarithms of the odds' two parts."""
        return np.log(x) - np.log1p(-x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By the logarithm of the odds."""
        return mpmath.log(x / (1 - x))
