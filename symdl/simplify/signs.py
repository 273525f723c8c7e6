"""Signs: a result -c·(a - b) reads better as c·(b - a)."""

from typing import Any

from sympy import Add, Expr, Mul

from symdl.expr.index import axis_index
from symdl.expr.nodes import Array, Element, Reduce
from symdl.simplify.algebra import is_difference


def without_minus(value: Any) -> Any:
    """Return a tensor or scalar with a minus sign in front taken into a difference that is a factor of it, if any."""
    if isinstance(value, Array):
        body = _turned(value.body)
        axes = [(axis_index(place), size) for place, size in enumerate(value.shape)]
        return value if body is None else Array(body, *axes, row=value.is_row)
    if not isinstance(value, Expr):
        return value
    body = _turned(value)
    return value if body is None else body


def _turned(body: Expr) -> Expr | None:
    number, rest = body.as_coeff_Mul()
    return -number * turned if number.is_negative and (turned := _minus(rest)) is not None else None


def _minus(expr: Expr) -> Expr | None:
    """Return the negative of a product by one of its factors, or None."""
    factors = list(Mul.make_args(expr))
    turned = [(place, other) for place, factor in enumerate(factors) if (other := _negative(factor)) is not None]
    if len(turned) != 1:  # of several, as in (x - m)(x - m)^T, none is to change
        return None
    [(place, other)] = turned
    return Mul(*factors[:place], other, *factors[place + 1 :])


def _negative(factor: Expr) -> Expr | None:
    """Return b - a for a - b, also inside a sum over products or an unnamed array."""
    if is_difference(factor):
        return Add(*(-term for term in factor.args))
    if isinstance(factor, Reduce) and factor.op == "add":
        axes, content = factor.open()
        inner = _minus(content)
        return None if inner is None else Reduce("add", inner, *axes)
    if isinstance(factor, Element) and isinstance(factor.tensor, Array) and not factor.tensor.is_row:
        inner = _minus(factor.tensor.body)
        axes = [(axis_index(place), size) for place, size in enumerate(factor.tensor.shape)]
        return None if inner is None else Element(Array(inner, *axes), *factor.indices)
    return None
