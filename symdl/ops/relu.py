"""The rectified linear unit."""

from typing import Any

import numpy as np
from sympy import Expr, S

from symdl.errors import ExpressionError
from symdl.expr.scalar import ScalarOp
from symdl.ops.maximum import Maximum
from symdl.ops.where import Where


class ReLU(ScalarOp):
    """The rectified linear unit max(0, x): reals to [0, inf).

    ``at_zero`` is the convention for its derivative at 0, a number in [0, 1]: 1 in the book, 0 in most libraries.
    """

    name = "relu"
    symbol = r"\sigma_{\mathrm{ReLU}}"
    source = "book 5.3, relu"
    analytic = False
    kinks = (0.0,)
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr, at_zero: Expr = S.One) -> Expr | None:
        """The value where the sign of x is known."""
        if at_zero.is_number and not 0 <= at_zero <= 1:
            raise ExpressionError(f"relu(x, at_zero={at_zero}): expected a derivative between 0 and 1")
        if x.is_Number:
            return x if x >= 0 else S.Zero
        if x.is_positive:
            return x
        return S.Zero if x.is_negative else None

    def derivative(self, position: int) -> Expr:
        """Return the indicator of x >= 0, with ``at_zero`` at 0; ``at_zero`` itself changes no value."""
        x, at_zero = self.args
        if position == 1:
            return S.Zero
        if at_zero == 1:
            return Where(x >= 0, 1, 0)
        return Where(x > 0, 1, 0 if at_zero == 0 else Where(x < 0, 0, at_zero))

    def definition(self) -> Expr:
        """Return max(0, x)."""
        return Maximum(0, self.args[0])

    @staticmethod
    def reference(x: Any, at_zero: Any = 1) -> Any:
        """By the sign of the real part."""
        return np.where(np.real(x) > 0, x, 0)

    @staticmethod
    def precise(x: Any, at_zero: Any = 1) -> Any:
        """max(0, x)."""
        return max(x, x * 0)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        x, at_zero = self.args
        power = "" if exp is None else f"^{{{exp}}}"
        convention = "" if at_zero == 1 else rf";\, \dot{{\sigma}}(0) = {printer._print(at_zero)}"
        return rf"{self.symbol}{power}\left({printer._print(x)}{convention}\right)"
