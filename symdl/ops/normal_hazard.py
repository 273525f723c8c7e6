"""The hazard rate of the standard normal distribution."""

from typing import Any

import mpmath
from sympy import Expr, S, pi, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.normal_cdf import NormalCdf
from symdl.ops.normal_excess import NormalExcess, hazard, left_hazard, right
from symdl.ops.normal_pdf import NormalPdf
from symdl.ops.where import Where


class NormalHazard(ScalarOp):
    """The hazard rate phi(x) / Phi(-x) of the standard normal, the inverse Mills ratio of -x: reals to (0, inf)."""

    name = "normal_hazard"
    symbol = r"\lambda_{\mathcal{N}}"
    source = "Johnson, Kotz and Balakrishnan (1994), chapter 13, truncated normal distributions"
    amplifies = True
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return sqrt(2/pi) at 0."""
        return sqrt(2 / pi) if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return h(x) e(x), e the mean excess h(x) - x."""
        return self * NormalExcess(self.args[0])

    def definition(self) -> Expr:
        """Return phi(x) / Phi(-x)."""
        x = self.args[0]
        return NormalPdf(x) / NormalCdf(-x)

    def kernel(self) -> Expr:
        """Return x plus the mean excess for x > 0, and the definition elsewhere."""
        x = self.args[0]
        return Where(x > 0, x + right(x), left_hazard(x))

    @staticmethod
    def reference(x: Any) -> Any:
        """By SciPy's scaled complementary error function."""
        return hazard(x)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.npdf(x) / mpmath.ncdf(-x)
