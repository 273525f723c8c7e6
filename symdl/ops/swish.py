"""The swish, or SiLU."""

from typing import Any

from sympy import Expr, S

from symdl.expr.scalar import ScalarOp
from symdl.ops.sigmoid import Sigmoid, stable_sigmoid


class Swish(ScalarOp):
    """The swish x sigmoid(beta x), called SiLU for beta = 1: reals to reals."""

    name = "swish"
    symbol = r"\sigma_{\mathrm{Swish}}"
    source = "book 5.3, swish; Ramachandran, Zoph and Le (2017)"

    @classmethod
    def eval(cls, x: Expr, beta: Expr = S.One) -> Expr | None:
        """Return 0 at 0."""
        return S.Zero if x is S.Zero else None

    def derivative(self, position: int) -> Expr:
        """Return s + beta x s (1 - s) for x and x^2 s (1 - s) for beta, with s = sigmoid(beta x)."""
        x, beta = self.args
        gate = Sigmoid(beta * x)
        slope = gate * (1 - gate)
        return gate + beta * x * slope if position == 0 else x**2 * slope

    def definition(self) -> Expr:
        """Return x sigmoid(beta x)."""
        x, beta = self.args
        return x * Sigmoid(beta * x)

    def kernel(self) -> Expr:
        """Return x times the stable logistic function."""
        x, beta = self.args
        return x * stable_sigmoid(beta * x)

    @staticmethod
    def reference(x: Any, beta: Any = 1) -> Any:
        """By the logistic function's reference."""
        return x * Sigmoid.reference(beta * x)

    @staticmethod
    def precise(x: Any, beta: Any = 1) -> Any:
        """By the logistic function."""
        return x * Sigmoid.precise(beta * x)
