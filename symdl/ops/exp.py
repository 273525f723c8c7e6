"""The exponential function."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import ScalarOp


class Exp(ScalarOp):
    """The exponential function e^x: reals to (0, inf). Unlike SymPy's, products of it are not combined."""

    name = "exp"
    symbol = "e"
    inverse_name = "log"
    equivalents = (sympy.exp,)
    primitive_name = "exp"
    source = "elementary"
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """exp(0) = 1, and exp(log(x)) = x where log(x) is defined."""
        if x is S.Zero:
            return S.One
        return x.args[0] if isinstance(x, ScalarOp) and x.name == "log" else None

    def derivative(self, position: int) -> Expr:
        """Return exp(x)."""
        return self

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.exp(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.exp(x)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = f"e^{{{printer._print(self.args[0])}}}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"
