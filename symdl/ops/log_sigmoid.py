"""The logarithm of the logistic function."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.exp import Exp
from symdl.ops.log import Log
from symdl.ops.log1p import Log1p
from symdl.ops.minimum import Minimum
from symdl.ops.sigmoid import Sigmoid


class LogSigmoid(ScalarOp):
    """The logarithm of the logistic function, -log(1 + e^-x): reals to (-inf, 0)."""

    name = "log_sigmoid"
    symbol = r"\log\sigma_{\mathrm{Sig}}"
    source = "book 5.3, sigmoid"
    is_negative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return -log(2) at 0."""
        return -Log(2) if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return sigmoid(-x) = 1 - sigmoid(x)."""
        return Sigmoid(-self.args[0])

    def definition(self) -> Expr:
        """Return log(sigmoid(x))."""
        return Log(Sigmoid(self.args[0]))

    def kernel(self) -> Expr:
        """Return min(x, 0) - log1p(e^-|x|)."""
        x = self.args[0]
        return Minimum(x, 0) - Log1p(Exp(-Abs(x)))

    @staticmethod
    def reference(x: Any) -> Any:
        """By the sign of the real part."""
        left = np.real(x) < 0
        return np.where(left, x, 0) - np.log1p(np.exp(np.where(left, x, -x)))

    @staticmethod
    def precise(x: Any) -> Any:
        """Return -log(1 + e^-x)."""
        return -mpmath.log1p(mpmath.exp(-x))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = super()._latex(printer)
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"
