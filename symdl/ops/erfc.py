"""The complementary error function."""

from typing import Any

import mpmath
import sympy
from sympy import Expr, S, pi, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.erf import Erf
from symdl.ops.exp import Exp


class Erfc(ScalarOp):
    """The complementary error function 1 - erf(x), accurate in its right tail: reals to (0, 2)."""

    name = "erfc"
    symbol = r"\operatorname{erfc}"
    equivalents = (sympy.erfc,)
    primitive_name = "erfc"
    source = "elementary"
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 1 at 0."""
        return S.One if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return -2/sqrt(pi) e^(-x^2)."""
        return -2 / sqrt(pi) * Exp(-(self.args[0] ** 2))

    def definition(self) -> Expr:
        """Return 1 - erf(x)."""
        return 1 - Erf(self.args[0])

    @staticmethod
    def reference(x: Any) -> Any:
        """By SciPy."""
        from scipy import special  # imported here because it is slow to load

        return special.erfc(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.erfc(x)
