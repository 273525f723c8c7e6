"""The piecewise linear tanh."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.maximum import Maximum
from symdl.ops.minimum import Minimum
from symdl.ops.where import Where


class HardTanh(ScalarOp):
    """x limited to [-1, 1]: reals to [-1, 1]. Its derivative is 0 at both limits."""

    name = "hard_tanh"
    symbol = r"\sigma_{\mathrm{HardTanh}}"
    source = "book 5.3, others"
    analytic = False
    kinks = (-1.0, 1.0)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return the value at numbers."""
        return min(max(x, S.NegativeOne), S.One) if x.is_Number else None

    def derivative(self, position: int) -> Expr:
        """Return the indicator of |x| < 1."""
        return Where(Abs(self.args[0]) < 1, 1, 0)

    def definition(self) -> Expr:
        """Return min(max(x, -1), 1)."""
        return Minimum(Maximum(self.args[0], -1), 1)

    @staticmethod
    def reference(x: Any) -> Any:
        """By the real part."""
        return np.where(np.abs(np.real(x)) < 1, x, np.sign(np.real(x)))

    @staticmethod
    def precise(x: Any) -> Any:
        """By comparison."""
        return min(max(x, mpmath.mpf(-1)), mpmath.mpf(1))
