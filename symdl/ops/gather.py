"""Reading by an integer tensor: embedding, one-hot vectors. The derivative of a gather is a scatter-add."""

from typing import Any

from sympy import KroneckerDelta

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Tensor, axes_of
from symdl.expr.sizes import as_size, shape_text
from symdl.ops.windows import tensor_of


def integer_tensor(indices: Any, what: str) -> Tensor:
    """Return ``indices`` as a tensor of integers.

    Raises:
        ExpressionError: unless it is a tensor declared ``integer=True``, or a slice of one.
    """
    value = ingest(indices)
    if isinstance(value, Tensor):
        plain = value.body.tensor if isinstance(value, Array) and isinstance(value.body, Element) else value
        if "integer" in plain.properties:
            return value
    entry = "" if isinstance(value, Tensor) else f"; the entry at one integer is read as x[{value}]"
    raise ExpressionError(f"{what}: expected a tensor declared integer=True, found {value}{entry}")


def take(x: Any, indices: Any, axis: int = 0) -> Tensor:
    """Entries of x along an axis by an integer tensor: ``take(E, w)[t, d] = E[w[t], d]`` is an embedding.

    Args:
        x: The tensor that is read.
        indices: Integers from 0 to the axis' size - 1, a tensor declared ``integer=True``.
        axis: The axis of x that is replaced by the axes of ``indices``.

    Raises:
        ShapeError: if x has no such axis.
        ExpressionError: if ``indices`` are no declared integers.
    """
    value, places = tensor_of(x, "take"), integer_tensor(indices, "take")
    if isinstance(axis, bool) or not isinstance(axis, int) or not -value.order <= axis < value.order:
        raise ShapeError(f"take: axis {axis} is out of range for shape {shape_text(value.shape)}")
    number = axis % value.order
    head, inner, tail = axes_of(value.shape[:number]), axes_of(places.shape), axes_of(value.shape[number + 1 :])
    read = Element(places, *(index for index, _ in inner))
    body = Element(value, *(index for index, _ in head), read, *(index for index, _ in tail))
    return Array(body, *head, *inner, *tail)


def one_hot(indices: Any, size: Any) -> Tensor:
    """One-hot rows of an integer tensor: a new last axis of ``size``, 1 where it equals the integer. Book §7.1."""
    places = integer_tensor(indices, "one_hot")
    axes = axes_of((*places.shape, as_size(size, "one_hot")))
    read = Element(places, *(index for index, _ in axes[:-1]))
    return Array(KroneckerDelta(axes[-1][0], read), *axes)
