"""The Gaussian error linear unit."""

from typing import Any

import mpmath
from sympy import Expr, S, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.erf import Erf
from symdl.ops.erfc import Erfc
from symdl.ops.normal_cdf import NormalCdf
from symdl.ops.normal_pdf import NormalPdf


class Gelu(ScalarOp):
    """The Gaussian error linear unit x Phi(x), with the exact normal distribution function: reals to reals."""

    name = "gelu"
    symbol = r"\sigma_{\mathrm{GELU}}"
    source = "book 5.3, gelu; Hendrycks and Gimpel (2016)"
    amplifies = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return Phi(x) + x phi(x)."""
        x = self.args[0]
        return NormalCdf(x) + x * NormalPdf(x)

    def definition(self) -> Expr:
        """Return x (1 + erf(x / sqrt 2)) / 2."""
        x = self.args[0]
        return x / 2 * (1 + Erf(x / sqrt(2)))

    def kernel(self) -> Expr:
        """Return x erfc(-x / sqrt 2) / 2, which keeps the left tail."""
        x = self.args[0]
        return x / 2 * Erfc(-x / sqrt(2))

    @staticmethod
    def reference(x: Any) -> Any:
        """By the normal distribution's reference."""
        return x * NormalCdf.reference(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return x * mpmath.ncdf(x)
