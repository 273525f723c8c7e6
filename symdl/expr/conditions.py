"""Conditions on tensors, element by element: what ``where`` takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy
from sympy.logic.boolalg import Boolean

from symdl.errors import ExpressionError
from symdl.expr.ingest import ingest
from symdl.expr.operators import operands


@dataclass(frozen=True)
class Condition:
    """Which elements ``where`` takes: ``a > b``, ``equal(a, b)`` and the like, combined by ``&``, ``|`` and ``~``."""

    build: Callable[..., Boolean]
    values: tuple[Any, ...]

    def __and__(self, other: Any) -> "Condition":
        return self._join(sympy.And, other)

    def __or__(self, other: Any) -> "Condition":
        return self._join(sympy.Or, other)

    def __invert__(self) -> "Condition":
        return Condition(lambda *values: sympy.Not(self.build(*values)), self.values)

    def __bool__(self) -> bool:
        raise ExpressionError("the truth value of a symbolic condition is not defined; use sd.where(condition, a, b)")

    def _join(self, combine: Callable[..., Boolean], other: Any) -> "Condition":
        right, count = as_condition(other), len(self.values)
        return Condition(
            lambda *values: combine(self.build(*values[:count]), right.build(*values[count:])),
            self.values + right.values,
        )


def as_condition(value: Any) -> Condition:
    """Return ``value`` as a Condition: one of them, or a SymPy relational or Boolean of scalars.

    Raises:
        ExpressionError: for anything else. A Python bool most likely comes of ``==``, which compares formulas.
    """
    if isinstance(value, Condition):
        return value
    if isinstance(value, bool):
        raise ExpressionError(
            f"expected a condition, found the Python value {value}; == tells whether two formulas are the same: "
            "use sd.equal(a, b) for the values"
        )
    if not isinstance(value, Boolean) or isinstance(value, sympy.Symbol):
        raise ExpressionError(f"expected a condition, found {value}; use sd.greater(a, b), sd.less(a, b) ...")
    boolean = ingest(value)
    return Condition(lambda: boolean, ())


def greater(a: Any, b: Any) -> Condition:
    """Return the condition a > b, element by element."""
    return _comparison(sympy.Gt, a, b)


def greater_equal(a: Any, b: Any) -> Condition:
    """Return the condition a >= b, element by element."""
    return _comparison(sympy.Ge, a, b)


def less(a: Any, b: Any) -> Condition:
    """Return the condition a < b, element by element."""
    return _comparison(sympy.Lt, a, b)


def less_equal(a: Any, b: Any) -> Condition:
    """Return the condition a <= b, element by element."""
    return _comparison(sympy.Le, a, b)


def equal(a: Any, b: Any) -> Condition:
    """Return the condition a = b, element by element; ``==`` tells whether two formulas are the same."""
    return _comparison(sympy.Eq, a, b)


def _comparison(relation: Callable[..., Any], left: Any, right: Any) -> Condition:
    return Condition(lambda a, b: sympy.sympify(relation(a, b)), tuple(operands("compared with", left, right)))
