"""The logarithm of the hyperbolic cosine."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs
from symdl.ops.cosh import Cosh
from symdl.ops.exp import Exp
from symdl.ops.expm1 import Expm1
from symdl.ops.log import Log
from symdl.ops.log1p import Log1p
from symdl.ops.tanh import Tanh
from symdl.ops.where import Where


class LogCosh(ScalarOp):
    """The logarithm of cosh(x), a smooth |x|: reals to [0, inf)."""

    name = "logcosh"
    symbol = r"\log\cosh"
    source = "elementary"
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return tanh(x)."""
        return Tanh(self.args[0])

    def definition(self) -> Expr:
        """Return log(cosh(x))."""
        return Log(Cosh(self.args[0]))

    def kernel(self) -> Expr:
        """Return log1p of cosh(x) - 1 = t^2 / (2 (1 + t)), t = e^|x| - 1, and a form by e^(-2|x|) from |x| = 1 on."""
        size = Abs(self.args[0])
        t = Expm1(size)
        near = Log1p(t**2 / (2 * (1 + t)))
        return Where(size < 1, near, size - Log(2) + Log1p(Exp(-2 * size)))

    @staticmethod
    def reference(x: Any) -> Any:
        """By cosh(x) - 1 = 2 sinh(x/2)^2 near 0, by the sign of the real part elsewhere."""
        size = np.where(np.real(x) < 0, -x, x)
        near = np.log1p(2 * np.sinh(np.where(np.real(size) < 1, size, 0) / 2) ** 2)
        return np.where(np.real(size) < 1, near, size + np.log1p(np.exp(-2 * size)) - np.log(2))

    @staticmethod
    def precise(x: Any) -> Any:
        """By cosh(x) - 1 = 2 sinh(x/2)^2."""
        return mpmath.log1p(2 * mpmath.sinh(x / 2) ** 2)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = super()._latex(printer)
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"
