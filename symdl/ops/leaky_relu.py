"""The leaky rectified linear unit."""

from typing import Any

import numpy as np
from sympy import Expr, Float

from symdl.expr.scalar import ScalarOp
from symdl.ops.where import Where

SLOPE = Float(0.01)


class LeakyReLU(ScalarOp):
    """The leaky rectified linear unit: x for x >= 0 and slope x for x < 0, reals to reals.

    With a learned slope it is the parametric unit (PReLU).
    """

    name = "leaky_relu"
    symbol = r"\sigma_{\mathrm{LeakyReLU}}"
    source = "book 5.3, leaky and prelu"
    analytic = False
    kinks = (0.0,)

    @classmethod
    def eval(cls, x: Expr, slope: Expr = SLOPE) -> Expr | None:
        """Return the value at numbers."""
        return (x if x >= 0 else slope * x) if x.is_Number else None

    def derivative(self, position: int) -> Expr:
        """Return the indicator of x >= 0 plus slope where x < 0; min(x, 0) for the slope."""
        x, slope = self.args
        return Where(x >= 0, 1, slope) if position == 0 else Where(x >= 0, 0, x)

    def definition(self) -> Expr:
        """Return x or slope x by the sign of x."""
        x, slope = self.args
        return Where(x >= 0, x, slope * x)

    @staticmethod
    def reference(x: Any, slope: Any = 0.01) -> Any:
        """By the sign of the real part."""
        return np.where(np.real(x) >= 0, x, slope * x)

    @staticmethod
    def precise(x: Any, slope: Any) -> Any:
        """By the sign of x."""
        return x if x >= 0 else slope * x
