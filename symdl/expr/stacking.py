"""Concatenation, as one guarded equation."""

from collections.abc import Sequence
from typing import Any

from sympy import Integer, Lt

from symdl.errors import ShapeError
from symdl.expr.nodes import Array, Element, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import axis_position, same_size, shape_text


def concat(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join tensors along an axis; all other sizes must be provably equal.

    Raises:
        ShapeError: naming the first part that does not fit.
    """
    from symdl.expr.ingest import ingest

    parts = [ingest(tensor) for tensor in tensors]
    if not parts or not all(isinstance(part, Tensor) for part in parts):
        raise ShapeError(f"concat: expected at least one tensor and no scalars, found {parts}")
    first = parts[0]
    axis = axis_position(axis, first.order, "concat")
    for part in parts[1:]:
        fits = part.order == first.order and all(
            same_size(a, b) for k, (a, b) in enumerate(zip(first.shape, part.shape, strict=True)) if k != axis
        )
        if not fits:
            raise ShapeError(
                f"concat along axis {axis}: shapes {shape_text(first.shape)} and {shape_text(part.shape)} "
                "differ elsewhere"
            )
    if len(parts) == 1:
        return first
    total = sum((part.shape[axis] for part in parts), Integer(0))
    axes = axes_of([total if k == axis else size for k, size in enumerate(first.shape)])
    position = axes[axis][0]
    where = SCALAR_OPS["where"]
    body, end = None, total
    for part in reversed(parts):
        start = end - part.shape[axis]
        indices = [index for index, _ in axes]
        indices[axis] = position - start
        element = Element(part, *indices)
        body = element if body is None else where(Lt(position, end), element, body)
        end = start
    return Array(body, *axes)
