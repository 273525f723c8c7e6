"""Reductions over the rows that an integer vector puts together: the messages of a graph's edges. Book §8.5."""

from typing import Any

from sympy import Eq, Expr, Integer, KroneckerDelta

from symdl.errors import ShapeError
from symdl.expr.nodes import Array, Element, Reduce, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import as_size, same_size, shape_text
from symdl.ops.gather import integer_tensor
from symdl.ops.masked import MASKED
from symdl.ops.windows import tensor_of


def _rows(x: Any, segments: Any, what: str) -> tuple[Tensor, Tensor]:
    value, places = tensor_of(x, what), integer_tensor(segments, what)
    if places.order != 1 or not same_size(places.shape[0], value.shape[0]):
        raise ShapeError(
            f"{what}: expected one segment number for each row of shape {shape_text(value.shape)}, "
            f"found shape {shape_text(places.shape)}"
        )
    return value, places


def segment_sum(x: Any, segments: Any, count: Any) -> Tensor:
    """Sums of the rows with the same segment number, ``y[v] = Σ_{e : segments[e] = v} x[e]``.

    Args:
        x: The rows, shape (e, ...).
        segments: Their segment numbers, shape (e,), from 0 to count - 1, a vector declared ``integer=True``.
        count: The number of segments.

    Returns:
        Shape (count, ...); 0 for a segment without rows.

    Raises:
        ShapeError: unless there is one segment number for each row.
        ExpressionError: if they are no declared integers.
    """
    value, places = _rows(x, segments, "segment_sum")
    (target, _), (edge, _), *rest = axes = [*axes_of([as_size(count, "segment_sum")]), *axes_of(value.shape)]
    element = Element(value, edge, *(index for index, _ in rest))
    return Array(Reduce("add", element * KroneckerDelta(target, Element(places, edge)), axes[1]), axes[0], *axes[2:])


def _sizes(places: Tensor, count: Any) -> Tensor:
    """Return the number of rows of each segment."""
    [(target, size), (edge, rows)] = axes_of([as_size(count, "segments"), places.shape[0]])
    return Array(Reduce("add", KroneckerDelta(target, Element(places, edge)), (edge, rows)), (target, size))


def segment_mean(x: Any, segments: Any, count: Any) -> Tensor:
    """Means of the rows with the same segment number; 0 for a segment without rows. See ``segment_sum``."""
    value, places = _rows(x, segments, "segment_mean")
    total, sizes = segment_sum(value, places, count), _sizes(places, count)
    (target, _), *rest = axes = axes_of(total.shape)
    number = SCALAR_OPS["maximum"](Element(sizes, target), Integer(1))
    return Array(Element(total, target, *(index for index, _ in rest)) / number, *axes)


def segment_max(x: Any, segments: Any, count: Any) -> Tensor:
    """Largest of the rows with the same segment number; 0 for a segment without rows. See ``segment_sum``.

    At ties the derivative goes to the first row.
    """
    value, places = _rows(x, segments, "segment_max")
    where = SCALAR_OPS["where"]
    (target, size), (edge, rows), *rest = axes_of([as_size(count, "segment_max"), *value.shape])
    element = Element(value, edge, *(index for index, _ in rest))
    inside: Expr = where(Eq(target, Element(places, edge)), element, MASKED)
    largest = Array(Reduce("max", inside, (edge, rows)), (target, size), *rest)
    empty = Eq(Element(_sizes(places, count), target), 0)
    body = where(empty, Integer(0), Element(largest, target, *(index for index, _ in rest)))
    return Array(body, (target, size), *rest)


def segment_softmax(x: Any, segments: Any, count: Any) -> Tensor:
    """Softmax among the rows with the same segment number, of the shape of x: a graph's attention, catalogue 8.5-gat.

    ``α[e] = exp(x[e]) / Σ_{f : segments[f] = segments[e]} exp(x[f])``; arguments as for ``segment_sum``.
    """
    value, places = _rows(x, segments, "segment_softmax")
    exp, axes = SCALAR_OPS["exp"], axes_of(value.shape)
    (edge, _), *rest = axes
    own = [Element(places, edge), *(index for index, _ in rest)]
    powers = Array(exp(Element(value, *(index for index, _ in axes))), *axes)
    total = segment_sum(powers, places, count)
    return Array(Element(powers, *(index for index, _ in axes)) / Element(total, *own), *axes)
