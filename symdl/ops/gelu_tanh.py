"""The approximation of GELU by tanh."""

from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Rational, S, pi, sqrt

from symdl.expr.scalar import ScalarOp
from symdl.ops.sigmoid import Sigmoid, stable_sigmoid
from symdl.ops.tanh import Tanh

CUBIC = Rational(44715, 10**6)


class GeluTanh(ScalarOp):
    """GELU's approximation x/2 (1 + tanh(u)) with u = sqrt(2/pi) (x + 0.044715 x^3): reals to reals."""

    name = "gelu_tanh"
    symbol = r"\sigma_{\mathrm{GELU,tanh}}"
    source = "book 5.3, gelu; Hendrycks and Gimpel (2016)"
    amplifies = True

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return s + x s (1 - s) 2u' with s = sigmoid(2u) = (1 + tanh(u)) / 2."""
        x = self.args[0]
        gate = Sigmoid(2 * _inner(x))
        return gate + x * gate * (1 - gate) * 2 * sqrt(2 / pi) * (1 + 3 * CUBIC * x**2)

    def definition(self) -> Expr:
        """Return x/2 (1 + tanh(u))."""
        x = self.args[0]
        return x / 2 * (1 + Tanh(_inner(x)))

    def kernel(self) -> Expr:
        """Return x sigmoid(2u), which keeps the left tail."""
        x = self.args[0]
        return x * stable_sigmoid(2 * _inner(x))

    @staticmethod
    def reference(x: Any) -> Any:
        """By the logistic function's reference."""
        return x * Sigmoid.reference(2 * np.sqrt(2 / np.pi) * (x + float(CUBIC) * x**3))

    @staticmethod
    def precise(x: Any) -> Any:
        """By the definition."""
        cubic = mpmath.mpf(CUBIC.p) / CUBIC.q
        inner = mpmath.sqrt(2 / mpmath.pi) * (x + cubic * x**3)
        return x * Sigmoid.precise(2 * inner)


def _inner(x: Expr) -> Expr:
    return sqrt(2 / pi) * (x + CUBIC * x**3)
