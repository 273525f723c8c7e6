"""The logistic function."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Rational, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.exp import Exp
from symdl.ops.where import Where


class Sigmoid(ScalarOp):
    """The logistic function 1 / (1 + e^-x): reals to (0, 1)."""

    name = "sigmoid"
    symbol = r"\sigma_{\mathrm{Sig}}"
    inverse_name = "logit"
    source = "book 5.3, sigmoid"
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """sigmoid(0) = 1/2."""
        return Rational(1, 2) if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return s (1 - s) with s = sigmoid(x)."""
        return self * (1 - self)

    def definition(self) -> Expr:
        """Return 1 / (1 + e^-x)."""
        return 1 / (1 + Exp(-self.args[0]))

    def kernel(self) -> Expr:
        """Return the form that exponentiates -|x| only."""
        return stable_sigmoid(self.args[0])

    @staticmethod
    def reference(x: Any) -> Any:
        """By the sign of the real part."""
        small = np.exp(np.where(np.real(x) < 0, x, -x))
        return np.where(np.real(x) < 0, small, 1) / (1 + small)

    @staticmethod
    def precise(x: Any) -> Any:
        """1 / (1 + e^-x)."""
        return 1 / (1 + mpmath.exp(-x))


def stable_sigmoid(x: Expr) -> Expr:
    """Return sigmoid(x) over primitives: neither tail overflows, and the left one keeps its relative accuracy.

    For x and -x the exponential is the same, so that both are computed with one.
    """
    small = Exp(-Abs(-x if x.could_extract_minus_sign() else x))
    return Where(x >= 0, 1, small) / (1 + small)
