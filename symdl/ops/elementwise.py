"""Element-wise functions for users: ``exp``, ``sigmoid``, ``relu`` ... by op name, and those that are not one op.

Each takes tensors of any order (symdl's or SymPy's), scalar expressions and numbers, and returns a tensor, or a scalar
when all arguments are scalars. Tensor arguments have one shape, scalars go with every shape; otherwise ShapeError.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import sympy
from sympy import Expr

from symdl.errors import ExpressionError
from symdl.expr.conditions import as_condition
from symdl.expr.conditions import equal as equal  # because users find these five here, beside ``where``
from symdl.expr.conditions import greater as greater
from symdl.expr.conditions import greater_equal as greater_equal
from symdl.expr.conditions import less as less
from symdl.expr.conditions import less_equal as less_equal
from symdl.expr.ingest import ingest
from symdl.expr.nodes import pointwise
from symdl.expr.operators import operands
from symdl.expr.scalar import SCALAR_OPS
from symdl.ops.maximum import Maximum
from symdl.ops.minimum import Minimum
from symdl.ops.where import Where

_COMPOSED = (
    "clip",
    "divide",
    "equal",
    "greater",
    "greater_equal",
    "hadamard",
    "less",
    "less_equal",
    "power",
    "sqrt",
    "square",
    "where",
)


def __getattr__(name: str) -> Any:
    """Return the element-wise function of the scalar op of that name, its parameters and defaults those of ``eval``."""
    if name == "__all__":
        return __dir__()
    if name not in SCALAR_OPS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; functions are {', '.join(__dir__())}")
    return _function(name)


def __dir__() -> list[str]:
    return sorted({*_COMPOSED, *SCALAR_OPS})


@cache
def _function(name: str) -> Callable[..., Any]:
    op = SCALAR_OPS[name]
    parameters = inspect.signature(op.eval).parameters.values()
    signature = inspect.Signature([parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters])

    def function(*values: Any, **named: Any) -> Any:
        try:
            bound = signature.bind(*values, **named)
        except TypeError as error:
            raise ExpressionError(f"{name}{signature}: {error}") from None
        return pointwise(op, *operands(name, *bound.args))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = op.__doc__
    function.__signature__ = signature  # type: ignore[attr-defined]  # because typeshed does not know the attribute
    return function


def sqrt(x: Any) -> Any:
    """Return the square root, element by element; arguments are in [0, inf)."""
    return power(x, sympy.Rational(1, 2))


def square(x: Any) -> Any:
    """Return the square, element by element."""
    return power(x, 2)


def power(x: Any, k: Any) -> Any:
    """Return x^k, element by element; for a k that is no integer the elements of ``x`` are non-negative."""
    return pointwise(lambda base, exponent: ingest(base**exponent), *operands("to the power", x, k))


def hadamard(*tensors: Any) -> Any:
    """Return the element-wise product of one or more tensors of one shape."""
    if not tensors:
        raise ExpressionError("hadamard(): expected at least one tensor")
    return pointwise(lambda *values: sympy.Mul(*values), *operands("hadamard", *tensors))


def divide(a: Any, b: Any) -> Any:
    """Return a / b, element by element."""
    return pointwise(lambda left, right: left / right, *operands("divided by", a, b))


def clip(x: Any, low: Any, high: Any) -> Any:
    """Return x limited to [low, high], element by element; at the limits the derivative is that of x."""
    if all(isinstance(bound, int | float) for bound in (low, high)) and low > high:
        raise ExpressionError(f"clip: expected low <= high, found low={low} and high={high}")
    return pointwise(lambda value, a, b: Minimum(Maximum(value, a), b), *operands("clip", x, low, high))


def where(condition: Any, a: Any, b: Any) -> Any:
    """Return ``a`` where the condition holds and ``b`` elsewhere, element by element.

    Args:
        condition: ``u > v``, ``u <= v``, ``equal(u, v)`` ... or a SymPy relational or Boolean of scalars.
        a: The value where it holds.
        b: The value elsewhere. A branch that is not chosen does not matter, be it NaN or infinite.
    """
    test = as_condition(condition)

    def choose(left: Expr, right: Expr, *values: Expr) -> Expr:
        return Where(test.build(*values), left, right)

    return pointwise(choose, *operands("where", a, b, *test.values))
