"""The smooth approximation of ReLU."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.exp import Exp
from symdl.ops.log import Log
from symdl.ops.log1p import Log1p
from symdl.ops.maximum import Maximum
from symdl.ops.sigmoid import Sigmoid


class Softplus(ScalarOp):
    """The softplus log(1 + e^x): reals to (0, inf)."""

    name = "softplus"
    symbol = r"\operatorname{softplus}"
    source = "book 5.3, softplus"
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """softplus(0) = log(2)."""
        return Log(2) if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return sigmoid(x)."""
        return Sigmoid(self.args[0])

    def definition(self) -> Expr:
        """Return log(1 + e^x)."""
        return Log(1 + Exp(self.args[0]))

    def kernel(self) -> Expr:
        """Return max(x, 0) + log1p(e^-|x|)."""
        x = self.args[0]
        return Maximum(x, 0) + Log1p(Exp(-Abs(x)))

    @staticmethod
    def reference(x: Any) -> Any:
        """By the sign of the real part."""
        return np.where(np.real(x) > 0, x, 0) + np.log1p(np.exp(np.where(np.real(x) < 0, x, -x)))

    @staticmethod
    def precise(x: Any) -> Any:
        """log(1 + e^x)."""
        return mpmath.log1p(mpmath.exp(x))
