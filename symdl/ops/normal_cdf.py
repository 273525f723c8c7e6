"""The distribution function of the standard normal distribution."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.erf import Erf
from symdl.ops.erfc import Erfc
from symdl.ops.normal_pdf import NormalPdf


class NormalCdf(ScalarOp):
    """The standard normal distribution function (1 + erf(x / sqrt 2)) / 2: reals to (0, 1)."""

    name = "normal_cdf"
    symbol = r"\Phi"
    source = "book 5.3, gelu"
    amplifies = True
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 1/2 at 0."""
        return S.Half if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return the density phi(x)."""
        return NormalPdf(self.args[0])

    def definition(self) -> Expr:
        """Return (1 + erf(x / sqrt 2)) / 2."""
        return (1 + Erf(self.args[0] / sqrt(2))) / 2

    def kernel(self) -> Expr:
        """Return erfc(-x / sqrt 2) / 2, which keeps the left tail."""
        return Erfc(-self.args[0] / sqrt(2)) / 2

    @staticmethod
    def reference(x: Any) -> Any:
        """By SciPy, from the left tail."""
        from scipy import special  # imported here because it is slow to load

        return special.erfc(-x / np.sqrt(2)) / 2

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.ncdf(x)
