"""The exponential minus 1."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S
from sympy.codegen.cfunctions import expm1

from symdl.expr.scalar import ScalarOp
from symdl.ops.exp import Exp


class Expm1(ScalarOp):
    """The function e^x - 1, accurate near 0: reals to (-1, inf)."""

    name = "expm1"
    symbol = "e"
    inverse_name = "log1p"
    equivalents = (expm1,)
    primitive_name = "expm1"
    source = "elementary"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return e^x."""
        return Exp(self.args[0])

    def definition(self) -> Expr:
        """Return e^x - 1."""
        return Exp(self.args[0]) - 1

    @staticmethod
    def reference(x: Any) -> Any:
        """By NumPy."""
        return np.expm1(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.expm1(x)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"\left(e^{{{printer._print(self.args[0])}}} - 1\right)"
        return text if exp is None else f"{text}^{{{exp}}}"
