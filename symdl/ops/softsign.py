"""The softsign."""

from typing import Any

import numpy as np
from sympy import Expr

from symdl.expr.scalar import ScalarOp
from symdl.ops.abs import Abs


class Softsign(ScalarOp):
    """The softsign x / (1 + |x|): reals to (-1, 1)."""

    name = "softsign"
    symbol = r"\operatorname{softsign}"
    source = "book 5.3, others"
    analytic = False
    kinks = (0.0,)

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return the value at numbers."""
        return x / (1 + abs(x)) if x.is_Number else None

    def derivative(self, position: int) -> Expr:
        """Return 1 / (1 + |x|)^2."""
        return (1 + Abs(self.args[0])) ** -2

    def definition(self) -> Expr:
        """Return x / (1 + |x|)."""
        x = self.args[0]
        return x / (1 + Abs(x))

    @staticmethod
    def reference(x: Any) -> Any:
        """By the sign of the real part."""
        return x / (1 + np.where(np.real(x) < 0, -x, x))

    @staticmethod
    def precise(x: Any) -> Any:
        """By the definition."""
        return x / (1 + abs(x))
