"""The density of the standard normal distribution."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, S, pi, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.exp import Exp


class NormalPdf(ScalarOp):
    """The standard normal density e^(-x^2/2) / sqrt(2 pi): reals to (0, 1)."""

    name = "normal_pdf"
    symbol = r"\varphi"
    source = "book 5.3, gelu"
    amplifies = True
    is_positive = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 1 / sqrt(2 pi) at 0."""
        return 1 / sqrt(2 * pi) if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return -x phi(x)."""
        return -self.args[0] * self

    def definition(self) -> Expr:
        """Return e^(-x^2/2) / sqrt(2 pi)."""
        return Exp(-(self.args[0] ** 2) / 2) / sqrt(2 * pi)

    @staticmethod
    def reference(x: Any) -> Any:
        """By the definition."""
        return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)

    @staticmethod
    def precise(x: Any) -> Any:
        """By mpmath."""
        return mpmath.npdf(x)
