"""Matrix product, transpose and other rearrangements, as equations in index notation."""

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Expr, Integer

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import fresh_index
from symdl.expr.nodes import Array, Element, Reduce, Tensor, axes_of
from symdl.expr.sizes import same_size, shape_text


def _name(tensor: Any) -> str:
    return getattr(tensor, "name", None) or (str(tensor) if len(str(tensor)) < 60 else "an expression")


def matmul(left: Any, right: Any) -> Any:
    """Return the matrix product ``left @ right``.

    Order 1 with order 1 is the inner product; the transpose of a vector is a row, so ``w.T @ x`` is a scalar and
    ``x @ w.T`` an outer product. From order 3 on, leading axes are batch axes; they must agree, and where one operand
    has fewer of them it is used for each of the others, as in NumPy.

    Raises:
        ShapeError: if the inner sizes are not provably equal; names both operands, shapes and the remedy.
        ExpressionError: if an operand is a scalar.
    """
    from symdl.expr.ingest import ingest

    a, b = ingest(left), ingest(right)
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        raise ExpressionError(
            f"{_name(a)} @ {_name(b)}: the matrix product takes two tensors; use * for a scalar factor"
        )
    if a.order == 0 or b.order == 0:
        raise ExpressionError(f"{_name(a)} @ {_name(b)}: the matrix product takes tensors of order 1 or more")
    if a.order == 1 and b.order == 2:
        if b.shape[0] == 1:  # a column times a row: the outer product
            (i, n), (j, m) = (fresh_index(), a.shape[0]), (fresh_index(), b.shape[1])
            return Array(Element(a, i) * Element(b, Integer(0), j), (i, n), (j, m))
        raise _mismatch(a, b, f"a vector on the left of a matrix is written {_name(a)}.T @ {_name(b)}")
    if a.order == 1 and b.order > 2:
        raise _mismatch(a, b, f"a vector on the left of matrices is written {_name(a)}.T @ {_name(b)}")
    if not same_size(a.shape[-1], b.shape[max(b.order - 2, 0)]):
        hint = "the inner sizes must be provably equal"
        if b.order == 2 and same_size(a.shape[-1], b.shape[-1]):
            hint = f"transpose: {_name(a)} @ {_name(b)}.T"
        elif a.order == 2 and same_size(a.shape[0], b.shape[0]):
            hint = f"transpose: {_name(a)}.T @ {_name(b)}"
        raise _mismatch(a, b, hint)
    ours, theirs = a.shape[:-2], b.shape[:-2]
    if not all(map(same_size, reversed(ours), reversed(theirs))):
        raise _mismatch(a, b, "the leading (batch) axes must agree; broadcast explicitly with sd.broadcast")
    k = fresh_index()
    batch = axes_of(ours if len(ours) >= len(theirs) else theirs)
    rows, columns = axes_of(a.shape[:-1][-1:]), axes_of(b.shape[-1:] if b.order > 1 else ())
    outer = [index for index, _ in batch]
    first = Element(a, *outer[len(batch) - len(ours) :], *(index for index, _ in rows), k)
    second = Element(b, *outer[len(batch) - len(theirs) :], k, *(index for index, _ in columns))
    body = Reduce("add", first * second, (k, a.shape[-1]))
    axes = [*batch, *rows, *columns]
    if a.is_row and b.order == 1:
        return Array(body, *axes).at(Integer(0))
    return Array(body, *axes, row=a.is_row and b.order == 2) if axes else body


def _mismatch(a: Tensor, b: Tensor, remedy: str) -> ShapeError:
    return ShapeError(
        f"{_name(a)} @ {_name(b)}: shapes {shape_text(a.shape)} and {shape_text(b.shape)} do not fit; {remedy}"
    )


def transpose(tensor: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Return the transpose: a row for order 1, axes exchanged for order 2, permuted by ``axes`` for any order."""
    from symdl.expr.ingest import ingest

    value = ingest(tensor)
    if not isinstance(value, Tensor):
        raise ExpressionError(f"{_name(value)}: only a tensor can be transposed")
    if axes is not None:
        order = [int(axis) + value.order * (axis < 0) for axis in axes]
        if sorted(order) != list(range(value.order)):
            raise ShapeError(f"{_name(value)}: axes {tuple(axes)} are no permutation of {value.order} axes")
    elif value.is_row:
        index = fresh_index()
        return Array(Element(value, Integer(0), index), (index, value.shape[1]))
    elif value.order == 1:
        index = fresh_index()
        return Array(Element(value, index), (fresh_index(), Integer(1)), (index, value.shape[0]), row=True)
    elif value.order == 2:
        if "symmetric" in value.properties:
            return value
        order = [1, 0]
    else:
        raise ShapeError(
            f"{_name(value)}: .T is for orders 1 and 2, found {shape_text(value.shape)}; use sd.transpose(x, axes)"
        )
    limits = axes_of(value.shape)
    indices = [index for index, _ in limits]
    return Array(Element(value, *indices), *(limits[axis] for axis in order))


def reduce_axes(op: str, tensor: Tensor, axes: Sequence[int], keep: bool = False) -> Any:
    """Reduce a tensor over some axes; the result is a scalar when none is left. ``keep`` keeps them with size 1."""
    limits = axes_of(tensor.shape)
    element: Expr = Element(tensor, *(index for index, _ in limits))
    body = Reduce(op, element, *(limits[axis] for axis in axes))
    if keep:
        rest = [(index, Integer(1)) if axis in axes else (index, size) for axis, (index, size) in enumerate(limits)]
    else:
        rest = [limit for axis, limit in enumerate(limits) if axis not in axes]
    return Array(body, *rest) if rest else body


def broadcast(value: Any, shape: Sequence[Any]) -> Tensor:
    """Return ``value`` repeated to ``shape``: a scalar fills it; sizes 1 and missing leading axes are repeated.

    Raises:
        ShapeError: if an axis is neither 1 nor provably equal to the one asked for.
    """
    from symdl.expr.ingest import ingest
    from symdl.expr.sizes import as_size

    source = ingest(value)
    limits = axes_of([as_size(size, "broadcast") for size in shape])
    if not isinstance(source, Tensor):
        return Array(source, *limits)
    sizes = [size for _, size in limits]
    offset = len(limits) - source.order
    fits = offset >= 0 and all(
        size == 1 or same_size(size, target) for size, target in zip(source.shape, sizes[offset:], strict=True)
    )
    if not fits:
        raise ShapeError(
            f"{_name(source)}: shape {shape_text(source.shape)} does not broadcast to {shape_text(sizes)}; "
            "each trailing axis must be equal or 1"
        )
    indices = [
        Integer(0) if size == 1 else index for size, (index, _) in zip(source.shape, limits[offset:], strict=True)
    ]
    return Array(Element(source, *indices), *limits)


def kron(a: Any, b: Any) -> Tensor:
    """Kronecker product of two matrices, shape (n·r, m·s)."""
    from symdl.expr.ingest import ingest

    left, right = ingest(a), ingest(b)
    shapes = [getattr(value, "shape", ()) for value in (left, right)]
    if any(len(shape) != 2 for shape in shapes):
        raise ShapeError(f"kron: expected two matrices, found {' and '.join(map(shape_text, shapes))}")
    (i, n), (j, m) = axes_of([p * q for p, q in zip(left.shape, right.shape, strict=True)])
    r, s = right.shape
    return Array(
        Element(left, sympy.floor(i / r), sympy.floor(j / s)) * Element(right, sympy.Mod(i, r), sympy.Mod(j, s)),
        (i, n),
        (j, m),
    )
