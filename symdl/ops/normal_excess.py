"""The mean excess of the standard normal distribution."""

from functools import reduce
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Float, Integer, Rational, S, pi, sqrt

from symdl.expr.scalar import SCALAR_OPS, ScalarOp
from symdl.ops.erfc import Erfc
from symdl.ops.exp import Exp
from symdl.ops.maximum import Maximum
from symdl.ops.minimum import Minimum
from symdl.ops.normal_cdf import NormalCdf
from symdl.ops.normal_pdf import NormalPdf
from symdl.ops.where import Where

# (x + 5/4) e(x), x = 4 (1 + t) / (1 - t), in powers of t, to 7e-17 for x >= 0; ``tests/codegen/minimax.py`` makes it.
NORMAL_EXCESS = (
    1.184437508569723,
    -0.15540205677598082,
    -0.14259871052439213,
    0.18248125713261654,
    -0.06750053481091293,
    -0.025396637044881046,
    0.03236023195058626,
    -0.002768366877445879,
    -0.010095793673919015,
    0.0036817238786217834,
    0.002491572351846911,
    -0.0017597248951029653,
    -0.0004641324540648668,
    0.0006412276211374852,
    3.8970464348323486e-05,
    -0.0001981380096513493,
    1.702583302975858e-05,
    5.29281714469681e-05,
    -1.1788251717810271e-05,
    -1.1953212583098191e-05,
    4.561034357984312e-06,
    2.1371175320198145e-06,
    -1.281565250277127e-06,
    -2.639296488709061e-07,
    2.454669507269869e-07,
    1.632214832309904e-08,
    -2.388879517401615e-08,
)


class NormalExcess(ScalarOp):
    """The mean excess E[Z - x | Z > x] = phi(x) / Phi(-x) - x of a standard normal Z: reals to (0, inf)."""

    name = "normal_excess"
    symbol = r"m_{\mathcal{N}}"
    source = "Johnson, Kotz and Balakrishnan (1994), chapter 13, truncated normal distributions"
    amplifies = True
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return sqrt(2/pi) at 0."""
        return sqrt(2 / pi) if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return h(x) e(x) - 1, h the hazard rate phi(x) / Phi(-x)."""
        return SCALAR_OPS["normal_hazard"](self.args[0]) * self - 1

    def definition(self) -> Expr:
        """Return phi(x) / Phi(-x) - x."""
        x = self.args[0]
        return NormalPdf(x) / NormalCdf(-x) - x

    def kernel(self) -> Expr:
        """Return a polynomial in (x - 4) / (x + 4) over x + 5/4 for x > 0, and the definition elsewhere."""
        x = self.args[0]
        return Where(x > 0, right(x), left_hazard(x) - x)

    @staticmethod
    def reference(x: Any) -> Any:
        """By SciPy's scaled complementary error function."""
        return hazard(x) - x

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath, with the digits that the difference loses on the right."""
        with mpmath.extraprec(20 + 2 * max(0, int(mpmath.log(1 + abs(x), 2)))):
            value = mpmath.npdf(x) / mpmath.ncdf(-x) - x
        return +value


def hazard(x: Any) -> Any:
    """Return phi(x) / Phi(-x) of numbers, by SciPy's scaled complementary error function."""
    from scipy import special  # imported here because it is slow to load

    return np.sqrt(2 / np.pi) / special.erfcx(x / np.sqrt(2))


def right(x: Expr) -> Expr:
    """Return the mean excess for x > 0."""
    far = Maximum(x, 0)
    t = 1 - 8 / (far + 4)
    polynomial = reduce(lambda total, c: c + total * t, map(Float, reversed(NORMAL_EXCESS)), Integer(0))
    return polynomial / (far + Rational(5, 4))


def left_hazard(x: Expr) -> Expr:
    """Return phi(x) / Phi(-x) for x < 0, with a denominator in [1/2, 1]."""
    return sqrt(2 / pi) * Exp(-(x**2) / 2) / Erfc(Minimum(x, 0) / sqrt(2))
