"""The unit step."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import FROM_SYMPY, ScalarOp
from symdl.ops.where import Where


class UnitStep(ScalarOp):
    """The indicator of x >= 0: 0 or 1. Its derivative is taken to be 0 everywhere."""

    name = "heaviside"
    symbol = r"\mathbf{1}"
    source = "book 5.3, step and sign"
    analytic = False
    kinks = (0.0,)
    is_nonnegative = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return the value where the sign of x is known."""
        if x.is_nonnegative:
            return S.One
        return S.Zero if x.is_negative else None

    def derivative(self, position: int) -> Expr:
        """Return 0."""
        return S.Zero

    def definition(self) -> Expr:
        """Return 1 or 0 by the sign of x."""
        return Where(self.args[0] >= 0, 1, 0)

    @staticmethod
    def reference(x: Any) -> Any:
        """By the real part."""
        return np.where(np.real(x) >= 0, 1.0, 0.0)

    @staticmethod
    def precise(x: Any) -> Any:
        """By comparison."""
        return mpmath.mpf(1 if x >= 0 else 0)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\mathbf{{1}}{power}\left\{{{printer._print(self.args[0])} \geq 0\right\}}"


def _from_sympy(x: Expr, at_zero: Expr) -> Expr:
    return UnitStep(x) if at_zero == 1 else Where(x > 0, 1, Where(x < 0, 0, at_zero))


FROM_SYMPY[sympy.Heaviside] = _from_sympy
