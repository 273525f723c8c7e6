"""Values that count as constants when derivatives are taken: the node."""

from typing import Any

from sympy import Expr, S

from symdl.expr.scalar import ScalarOp


class StopGradient(ScalarOp):
    """The value of its argument, with derivative 0: frozen parts, targets of a semi-gradient. Book §6.5, §8.4.

    Nothing is simplified through it; what is inside is only ever evaluated. It has no name in the table of scalar ops,
    because those have true derivatives.
    """

    symbol = r"\operatorname{sg}"
    source = "elementary"
    analytic = False

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """A number stays one, and stopping twice is stopping once."""
        return x if x.is_Number or isinstance(x, cls) else None

    def derivative(self, position: int) -> Expr:
        """Return 0."""
        return S.Zero

    def definition(self) -> Expr:
        """Return the argument."""
        return self.args[0]

    @staticmethod
    def reference(x: Any) -> Any:
        """The argument."""
        return x

    @staticmethod
    def precise(x: Any) -> Any:
        """The argument."""
        return x

    def _sympystr(self, printer: Any) -> str:
        return f"stop_gradient({printer._print(self.args[0])})"
