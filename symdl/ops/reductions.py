"""Reductions over axes: sums, means, norms, extrema. Each is one or two equations; its derivative follows from them."""

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Eq, Expr, Integer, Rational

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.contract import reduce_axes
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Reduce, Tensor, axes_of, pointwise
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import shape_text

Axis = int | Sequence[int] | None


def _operand(x: Any, axis: Axis, what: str) -> tuple[Tensor, list[int]]:
    value = ingest(x)
    if not isinstance(value, Tensor):
        raise ExpressionError(f"{what}: expected a tensor, found the scalar {sympy.sstr(value)}")
    numbers = list(range(value.order)) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    for number in numbers:
        if not isinstance(number, int) or not -value.order <= number < value.order:
            raise ShapeError(f"{what}: axis {number} is out of range for shape {shape_text(value.shape)}")
    found = [number % value.order for number in numbers]
    if len(set(found)) != len(found):
        raise ShapeError(f"{what}: axis given twice in {tuple(numbers)}")
    return value, found


def _count(value: Tensor, axes: Sequence[int]) -> Expr:
    return sympy.Mul(*(value.shape[axis] for axis in axes))


def _spread(reduced: Any, value: Tensor, axes: Sequence[int]) -> Tensor:
    """Return a reduced quantity repeated along the axes it was reduced over."""
    limits = axes_of(value.shape)
    rest = [index for axis, (index, _) in enumerate(limits) if axis not in axes]
    return Array(Element(reduced, *rest) if isinstance(reduced, Tensor) else reduced, *limits)


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over all entries, or over ``axis`` (an integer or several), which is then missing from the result."""
    value, axes = _operand(x, axis, "sum")
    return reduce_axes("add", value, axes, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Arithmetic mean over all entries or over ``axis``."""
    value, axes = _operand(x, axis, "mean")
    count = _count(value, axes)
    return pointwise(lambda total: total / count, reduce_axes("add", value, axes, keepdims))


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Product over all entries or over ``axis``."""
    value, axes = _operand(x, axis, "prod")
    return reduce_axes("mul", value, axes, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest entry, over all or over ``axis``; at ties the derivative goes to the first index."""
    value, axes = _operand(x, axis, "max")
    return reduce_axes("max", value, axes, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest entry, over all or over ``axis``; at ties the derivative goes to the first index."""
    value, axes = _operand(x, axis, "min")
    return reduce_axes("min", value, axes, keepdims)


def argmax(x: Any, axis: int | None = None) -> Any:
    """Index of the largest entry along ``axis`` (none for a vector); the first of equal ones, as a real number."""
    value, axes = _operand(x, axis, "argmax")
    if len(axes) != 1:
        raise ShapeError(f"argmax: a tensor of shape {shape_text(value.shape)} needs axis=")
    largest = _spread(reduce_axes("max", value, axes), value, axes)
    limits = axes_of(value.shape)
    indices = [index for index, _ in limits]
    position, size = limits[axes[0]]
    attained = SCALAR_OPS["where"](Eq(Element(value, *indices), Element(largest, *indices)), position, size)
    rest = [limit for axis, limit in enumerate(limits) if axis != axes[0]]
    body = Reduce("min", attained, (position, size))
    return Array(body, *rest) if rest else body


def norm(x: Any, axis: Axis = None) -> Any:
    """Euclidean norm of a vector, Frobenius norm of a matrix, or norms along ``axis``. Derivative at 0: 0/0."""
    value, axes = _operand(x, axis, "norm")
    squares = pointwise(lambda entry: entry**2, value)
    return pointwise(lambda total: total ** Rational(1, 2), reduce_axes("add", squares, axes))


def var(x: Any, axis: Axis = None) -> Any:
    """Variance over all entries or over ``axis``: the mean squared deviation from the mean (divides by n)."""
    value, axes = _operand(x, axis, "var")
    centre = _spread(mean(value, axes), value, axes)
    return mean(pointwise(lambda entry, middle: (entry - middle) ** 2, value, centre), axes)


def std(x: Any, axis: Axis = None) -> Any:
    """Standard deviation, the square root of ``var``."""
    return pointwise(lambda entry: entry ** Rational(1, 2), var(x, axis))


def trace(a: Any) -> Expr:
    """Trace of a square matrix.

    Raises:
        ShapeError: if the matrix is not provably square.
    """
    from symdl.expr.sizes import same_size

    value, _ = _operand(a, None, "trace")
    if value.order != 2 or not same_size(*value.shape):
        raise ShapeError(f"trace: expected a square matrix, found shape {shape_text(value.shape)}")
    [(k, n)] = axes_of(value.shape[:1])
    return Reduce("add", Element(value, k, k), (k, n or Integer(0)))
