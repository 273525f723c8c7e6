"""Tensors made of others or of nothing: identity, ones, diagonal, outer and Kronecker products, stacking, powers."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import sympy
from sympy import Eq, Expr, Integer, KroneckerDelta
from sympy.logic.boolalg import Boolean

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.calls import call
from symdl.expr.contract import kron, matmul
from symdl.expr.index import rebuild
from symdl.expr.indexed import aliases
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Tensor, axes_of
from symdl.expr.ranges import check_array
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import as_size, axis_position, same_size, shape_text
from symdl.expr.stacking import concat


def eye(n: Any) -> Tensor:
    """Identity matrix of shape (n, n)."""
    (i, size), (j, _) = axes = axes_of([as_size(n, "eye")] * 2)
    del size
    return Array(KroneckerDelta(i, j), *axes)


def ones(*shape: Any) -> Tensor:
    """Tensor of ones of the given sizes: ``ones(n)``, ``ones(n, m)``."""
    return Array(Integer(1), *axes_of([as_size(size, "ones") for size in _sizes(shape)]))


def zeros(*shape: Any) -> Tensor:
    """Tensor of zeros of the given sizes."""
    return Array(Integer(0), *axes_of([as_size(size, "zeros") for size in _sizes(shape)]))


def _sizes(shape: Sequence[Any]) -> Sequence[Any]:
    return shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape


def diag(x: Any) -> Tensor:
    """Diagonal matrix of a vector, shape (n, n); of a square matrix its diagonal, shape (n,)."""
    value = _tensor(x, "diag")
    if value.order == 1:
        (i, size), (j, _) = axes = axes_of([value.shape[0]] * 2)
        del size
        return Array(KroneckerDelta(i, j) * Element(value, i), *axes)
    if value.order == 2 and same_size(*value.shape):
        [(k, n)] = axes_of(value.shape[:1])
        return Array(Element(value, k, k), (k, n))
    raise ShapeError(f"diag: expected a vector or a square matrix, found shape {shape_text(value.shape)}")


def outer(x: Any, y: Any) -> Tensor:
    """Outer product of two vectors, shape (n, m)."""
    a, b = _tensor(x, "outer"), _tensor(y, "outer")
    if a.order != 1 or b.order != 1:
        raise ShapeError(f"outer: expected two vectors, found shapes {shape_text(a.shape)} and {shape_text(b.shape)}")
    (i, n), (j, m) = axes_of([a.shape[0], b.shape[0]])
    return Array(Element(a, i) * Element(b, j), (i, n), (j, m))


def matrix_power(a: Any, k: int) -> Tensor:
    """Matrix power with an integer exponent; a negative one is a power of the inverse."""
    value = _tensor(a, "matrix_power")
    if value.order != 2 or not same_size(*value.shape):
        raise ShapeError(f"matrix_power: expected a square matrix, found shape {shape_text(value.shape)}")
    if not isinstance(k, int):
        raise ExpressionError(f"matrix_power: expected an integer exponent, found {k}")
    if k < 0:
        value = call("inverse", 0, [value])
    return reduce(matmul, [value] * abs(k)) if k else eye(value.shape[0])


def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis; scalars become a vector."""
    values = [ingest(value) for value in tensors]
    if not values:
        raise ShapeError("stack: expected at least one tensor or scalar")
    scalars = all(not isinstance(value, Tensor) for value in values)
    parts = [Array(value) if scalars else _tensor(value, "stack") for value in values]
    first = parts[0]
    for part in parts[1:]:
        if part.order != first.order or not all(map(same_size, first.shape, part.shape)):
            raise ShapeError(f"stack: shapes {shape_text(first.shape)} and {shape_text(part.shape)} differ")
    axis = axis_position(axis, first.order + 1, "stack")
    limits = axes_of(first.shape)
    indices = [index for index, _ in limits]
    [(position, count)] = axes_of([Integer(len(parts))])
    body: Expr = Element(parts[-1], *indices)
    for number in range(len(parts) - 2, -1, -1):
        body = SCALAR_OPS["where"](Eq(position, number), Element(parts[number], *indices), body)
    return Array(body, *limits[:axis], (position, count), *limits[axis:])


def array(body: Any, *axes: tuple[Any, Any]) -> Tensor:
    """Tensor by its elements, as in index notation: ``array(x[i] * y[j], (i, n), (j, m))``.

    Args:
        body: A scalar expression in the index symbols.
        *axes: (index symbol, size) pairs, in the order of the result's axes; indices run from 0.

    Raises:
        ShapeError: for axes that are no such pairs.
        ExpressionError: for a body that is a condition.
    """
    if isinstance(body, Boolean) and not isinstance(body, sympy.Symbol):
        raise ExpressionError(f"array: expected a number for each element, found the condition {body}; write "
                              f"sd.where({body}, 1, 0)")  # fmt: skip
    if not all(isinstance(axis, tuple) and len(axis) == 2 for axis in axes):
        raise ShapeError(f"array: expected (index, size) pairs after the body, as (i, n), found {axes}")
    limits = axes_of([as_size(size, "array") for _, size in axes])
    mapping = {alias: index for (name, _), (index, _) in zip(axes, limits, strict=True) for alias in aliases(name)}
    check_array(sympy.sympify(body), [(name, size) for (name, _), (_, size) in zip(axes, limits, strict=True)])
    return Array(rebuild(ingest(body), mapping.get), *limits)


def _tensor(x: Any, what: str) -> Tensor:
    value = ingest(x)
    if not isinstance(value, Tensor):
        raise ExpressionError(f"{what}: expected a tensor, found the scalar {sympy.sstr(value)}")
    return value


__all__ = ["array", "concat", "diag", "eye", "kron", "matrix_power", "ones", "outer", "stack", "zeros"]
