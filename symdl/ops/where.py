"""Choice between two values by a condition."""

from typing import Any

import numpy as np
import sympy
from sympy import Basic, Expr, S

from symdl.expr.scalar import ScalarOp


class Where(ScalarOp):
    """``a`` where the condition holds and ``b`` elsewhere; the condition is a SymPy relational or Boolean.

    Derivatives are those of the branches; the jump between them does not count.
    """

    name = "where"
    symbol = r"\begin{cases}"
    primitive_name = "where"
    source = "elementary"
    analytic = False

    @classmethod
    def eval(cls, condition: Basic, a: Expr, b: Expr) -> Expr | None:
        """The branch, where the condition is known or the branches are equal; the same choice within it is made."""
        if condition == sympy.true or a == b:
            return a
        if condition == sympy.false:
            return b
        first, second = _chosen(a, condition, 1), _chosen(b, condition, 2)
        return None if first is a and second is b else cls(condition, first, second)

    def derivative(self, position: int) -> Expr:
        """Return the indicator of the condition for ``a``, of its negation for ``b``, and 0 for the condition."""
        if position == 0:
            return S.Zero
        return Where(self.args[0], *((1, 0) if position == 1 else (0, 1)))

    def _eval_derivative(self, symbol: Expr) -> Expr:
        condition, a, b = self.args
        return Where(condition, a.diff(symbol), b.diff(symbol))

    def _eval_evalf(self, prec: int) -> Expr | None:
        return None  # because the condition is no number; once it is decided, eval has taken the branch

    def _eval_is_positive(self) -> bool | None:
        return True if all(branch.is_positive for branch in self.args[1:]) else None

    def _eval_is_nonnegative(self) -> bool | None:
        return True if all(branch.is_nonnegative for branch in self.args[1:]) else None

    def _eval_is_integer(self) -> bool | None:
        return True if all(branch.is_integer for branch in self.args[1:]) else None

    @staticmethod
    def reference(condition: Any, a: Any, b: Any) -> Any:
        """By NumPy."""
        return np.where(condition, a, b)

    @staticmethod
    def precise(condition: Any, a: Any, b: Any) -> Any:
        """One of the branches."""
        return a if condition else b

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        condition, a, b = self.args
        if (a, b) in ((1, 0), (0, 1)):
            holds = printer._print(condition if a == 1 else sympy.Not(condition))
            text = rf"\mathbf{{1}}\left\{{{holds}\right\}}"
            return text if exp is None else f"{text}^{{{exp}}}"
        first = rf"{printer._print(a)} & \text{{if }} {printer._print(condition)}"
        text = rf"\begin{{cases}} {first} \\ {printer._print(b)} & \text{{otherwise}} \end{{cases}}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def _chosen(branch: Expr, condition: Basic, position: int) -> Expr:
    while isinstance(branch, Where) and branch.args[0] == condition:
        branch = branch.args[position]
    return branch
