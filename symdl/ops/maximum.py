"""The larger of two numbers."""

from functools import reduce
from typing import Any

import numpy as np
import sympy
from sympy import Expr, S

from symdl.expr.scalar import FROM_SYMPY, ScalarOp
from symdl.ops.where import Where


class Maximum(ScalarOp):
    """The larger of a and b. At a tie the derivative goes to a."""

    name = "maximum"
    symbol = r"\max"
    primitive_name = "max"
    source = "elementary"
    analytic = False

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """The value at numbers and at equal arguments, and beside 0 where the sign of the other is known."""
        if a == b:
            return a
        if a.is_Number and b.is_Number:
            return a if a >= b else b
        if 0 in (a, b):
            other = b if a == 0 else a
            if other.is_positive or other.is_negative:
                return other if other.is_positive else S.Zero
        return None

    def derivative(self, position: int) -> Expr:
        """Return the indicator that the argument is chosen."""
        a, b = self.args
        return Where(a >= b, *((1, 0) if position == 0 else (0, 1)))

    def definition(self) -> Expr:
        """Return the choice by comparison."""
        a, b = self.args
        return Where(a >= b, a, b)

    @staticmethod
    def reference(a: Any, b: Any) -> Any:
        """By comparison of the real parts."""
        return np.where(np.real(a) >= np.real(b), a, b)

    @staticmethod
    def precise(a: Any, b: Any) -> Any:
        """The larger one."""
        return a if a >= b else b


FROM_SYMPY[sympy.Max] = lambda *values: reduce(Maximum, values)
