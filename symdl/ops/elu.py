"""The exponential linear unit."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.exp import Exp
from symdl.ops.expm1 import Expm1
from symdl.ops.where import Where


class Elu(ScalarOp):
    """The exponential linear unit: x for x >= 0 and alpha (e^x - 1) for x < 0, reals to reals."""

    name = "elu"
    symbol = r"\sigma_{\mathrm{ELU}}"
    source = "book 5.3, elu and selu; Clevert, Unterthiner and Hochreiter (2015)"
    analytic = False
    kinks = (0.0,)

    @classmethod
    def eval(cls, x: Expr, alpha: Expr = S.One) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return 1 for x >= 0 and alpha e^x elsewhere; for alpha 0 and e^x - 1."""
        x, alpha = self.args
        return Where(x >= 0, 1, alpha * Exp(x)) if position == 0 else Where(x >= 0, 0, Expm1(x))

    def definition(self) -> Expr:
        """Return x or alpha (e^x - 1) by the sign of x."""
        x, alpha = self.args
        return Where(x >= 0, x, alpha * (Exp(x) - 1))

    def kernel(self) -> Expr:
        """Return the definition by expm1."""
        x, alpha = self.args
        return Where(x >= 0, x, alpha * Expm1(x))

    @staticmethod
    def reference(x: Any, alpha: Any = 1) -> Any:
        """By the sign of the real part."""
        left = np.real(x) < 0
        return np.where(left, alpha * np.expm1(np.where(left, x, 0)), x)

    @staticmethod
    def precise(x: Any, alpha: Any = 1) -> Any:
        """By the sign of x."""
        return x if x >= 0 else alpha * mpmath.expm1(x)
