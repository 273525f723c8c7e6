"""The scaled exponential linear unit."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Float, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.exp import Exp
from symdl.ops.expm1 import Expm1
from symdl.ops.where import Where

LAMBDA = Float("1.0507009873554805", 17)
ALPHA = Float("1.6732632423543772", 17)


class Selu(ScalarOp):
    """The unit lambda ELU(x, alpha), whose constants keep mean 0 and variance 1: reals to reals."""

    name = "selu"
    symbol = r"\sigma_{\mathrm{SELU}}"
    source = "book 5.3, elu and selu; Klambauer et al. (2017)"
    analytic = False
    kinks = (0.0,)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return lambda for x >= 0 and lambda alpha e^x elsewhere."""
        x = self.args[0]
        return LAMBDA * Where(x >= 0, 1, ALPHA * Exp(x))

    def definition(self) -> Expr:
        """Return lambda x or lambda alpha (e^x - 1) by the sign of x."""
        x = self.args[0]
        return LAMBDA * Where(x >= 0, x, ALPHA * (Exp(x) - 1))

    def kernel(self) -> Expr:
        """Return the definition by expm1."""
        x = self.args[0]
        return LAMBDA * Where(x >= 0, x, ALPHA * Expm1(x))

    @staticmethod
    def reference(x: Any) -> Any:
        """By the sign of the real part."""
        left = np.real(x) < 0
        return float(LAMBDA) * np.where(left, float(ALPHA) * np.expm1(np.where(left, x, 0)), x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By the sign of x."""
        return LAMBDA._to_mpmath(100) * (x if x >= 0 else ALPHA._to_mpmath(100) * mpmath.expm1(x))
