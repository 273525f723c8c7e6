"""The error function."""

from typing import Any

import mpmath
import sympy
from sympy import Expr, S, pi, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.exp import Exp


class Erf(ScalarOp):
    """The error function, 2/sqrt(pi) times the integral of e^(-t^2) over [0, x]: reals to (-1, 1)."""

    name = "erf"
    symbol = r"\operatorname{erf}"
    equivalents = (sympy.erf,)
    primitive_name = "erf"
    source = "elementary"

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return 2/sqrt(pi) e^(-x^2)."""
        return 2 / sqrt(pi) * Exp(-(self.args[0] ** 2))

    @staticmethod
    def reference(x: Any) -> Any:
        """By SciPy."""
        from scipy import special  # imported here because it is slow to load

        return special.erf(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.erf(x)
