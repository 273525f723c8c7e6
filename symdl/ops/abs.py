"""The absolute value."""

from typing import Any

import numpy as np
import sympy
from sympy import Expr

from symdl.expr.scalar import ScalarOp
from symdl.ops.sign import Sign


class Abs(ScalarOp):
    """The absolute value |x|: reals to [0, inf). Its derivative is sign(x), which is 0 at 0."""

    name = "abs"
    symbol = r"\left|"
    equivalents = (sympy.Abs,)
    primitive_name = "abs"
    source = "elementary"
    analytic = False
    kinks = (0.0,)
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """|x| is x or -x where the sign of x is known."""
        if x.is_nonnegative:
            return x
        return -x if x.is_nonpositive else None

    def derivative(self, position: int) -> Expr:
        """Return sign(x)."""
        return Sign(self.args[0])

    @staticmethod
    def reference(x: Any) -> Any:
        """The continuation of |x| off the real axis on either side of 0."""
        return np.where(np.real(x) < 0, -x, x)

    @staticmethod
    def precise(x: Any) -> Any:
        """The absolute value."""
        return abs(x)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\left|{printer._print(self.args[0])}\right|"
        return text if exp is None else f"{text}^{{{exp}}}"
