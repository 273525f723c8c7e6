"""The mish."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.exp import Exp
from symdl.ops.sigmoid import Sigmoid
from symdl.ops.softplus import Softplus
from symdl.ops.tanh import Tanh
from symdl.ops.where import Where


class Mish(ScalarOp):
    """The mish x tanh(softplus(x)): reals to reals."""

    name = "mish"
    symbol = r"\sigma_{\mathrm{Mish}}"
    source = "book 5.3, others; Misra (2019)"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return t + x sigmoid(x) (1 - t^2) with t = tanh(softplus(x))."""
        x = self.args[0]
        gate = Tanh(Softplus(x))
        return gate + x * Sigmoid(x) * (1 - gate**2)

    def definition(self) -> Expr:
        """Return x tanh(softplus(x))."""
        x = self.args[0]
        return x * Tanh(Softplus(x))

    def kernel(self) -> Expr:
        """Return x times a quotient of polynomials in e = e^-|x|, from tanh(log u) = (u^2 - 1) / (u^2 + 1)."""
        x = self.args[0]
        e = Exp(-Abs(x))
        right = (1 + 2 * e) / (1 + 2 * e + 2 * e**2)
        left = e * (2 + e) / (2 + e * (2 + e))
        return x * Where(x >= 0, right, left)

    @staticmethod
    def reference(x: Any) -> Any:
        """By the definition."""
        return x * np.tanh(Softplus.reference(x))

    @staticmethod
    def precise(x: Any) -> Any:
        """By the definition."""
        return x * mpmath.tanh(Softplus.precise(x))
