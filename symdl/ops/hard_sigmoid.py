"""The piecewise linear sigmoid."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Integer, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.maximum import Maximum
from symdl.ops.minimum import Minimum
from symdl.ops.where import Where


class HardSigmoid(ScalarOp):
    """x/6 + 1/2 limited to [0, 1]: reals to [0, 1]. Its derivative is 0 at both limits."""

    name = "hard_sigmoid"
    symbol = r"\sigma_{\mathrm{HardSig}}"
    source = "book 5.3, others; Howard et al. (2019)"
    analytic = False
    kinks = (-3.0, 3.0)
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return the value at numbers."""
        return min(max(x + 3, S.Zero), Integer(6)) / 6 if x.is_Number else None

    def derivative(self, position: int) -> Expr:
        """Return 1/6 times the indicator of |x| < 3."""
        return Where(Abs(self.args[0]) < 3, 1, 0) / 6

    def definition(self) -> Expr:
        """Return min(max(x + 3, 0), 6) / 6."""
        return Minimum(Maximum(self.args[0] + 3, 0), 6) / 6

    @staticmethod
    def reference(x: Any) -> Any:
        """By the real part."""
        inside = np.abs(np.real(x)) < 3
        return np.where(inside, x + 3, np.where(np.real(x) < 0, 0, 6)) / 6

    @staticmethod
    def precise(x: Any) -> Any:
        """By comparison."""
        return min(max(x + 3, mpmath.mpf(0)), mpmath.mpf(6)) / 6
