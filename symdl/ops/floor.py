"""The floor."""

from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import FROM_SYMPY, ScalarOp


class Floor(ScalarOp):
    """The largest integer that is at most x. Its derivative is taken to be 0 everywhere.

    Floors of rational expressions, such as index arithmetic, stay SymPy's.
    """

    name = "floor"
    symbol = r"\left\lfloor"
    primitive_name = "floor"
    source = "elementary"
    analytic = False  # it jumps at every integer
    is_integer = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return x itself where it is known to be an integer, and the value at numbers."""
        if x.is_integer:
            return x
        return sympy.floor(x) if x.is_Number else None

    def derivative(self, position: int) -> Expr:
        """Return 0."""
        return S.Zero

    @staticmethod
    def reference(x: Any) -> Any:
        """Of the real part."""
        return np.floor(np.real(x))

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.floor(x)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\left\lfloor {printer._print(self.args[0])} \right\rfloor"
        return text if exp is None else f"{text}^{{{exp}}}"


FROM_SYMPY[sympy.floor] = lambda x: sympy.floor(x) if x.is_rational else Floor(x)
