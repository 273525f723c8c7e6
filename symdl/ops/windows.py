"""Windows that slide over the last axes of a tensor: their sizes, their places, and zeros around the tensor."""

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import And, Expr, Integer

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Element, Tensor
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import shape_text

Window = int | Sequence[int]


def integers(value: Window, count: int, what: str, least: int) -> tuple[int, ...]:
    """Return ``count`` integers from one or several.

    Raises:
        ShapeError: for another number of them, or one that is no integer of at least ``least``.
    """
    found: tuple[Any, ...] = tuple(value) if isinstance(value, Sequence) else (value,) * count
    if len(found) != count or any(isinstance(n, bool) or not isinstance(n, int) or n < least for n in found):
        raise ShapeError(f"{what}: expected an integer of at least {least}, or {count} of them, found {value}")
    return found


def tensor_of(x: Any, what: str, order: int | None = None) -> Tensor:
    """Return ``x`` as a tensor.

    Raises:
        ExpressionError: for a scalar.
        ShapeError: for another order than the one asked for.
    """
    value = ingest(x)
    if not isinstance(value, Tensor):
        wanted = "a tensor" if order is None else f"a tensor of order {order}"
        raise ExpressionError(f"{what}: expected {wanted}, found the scalar {sympy.sstr(value)}")
    if order is not None and value.order != order:
        raise ShapeError(f"{what}: expected order {order}, found shape {shape_text(value.shape)}")
    return value


def output_size(size: Expr, window: Expr, stride: int, padding: int, dilation: int) -> Expr:
    """Return how many windows fit: ⌊(M + 2p - d(K - 1) - 1)/s⌋ + 1; catalogue 6.3-shape.

    Raises:
        ShapeError: if no window fits.
    """
    span = sympy.expand(size + 2 * padding - dilation * (window - 1) - 1)
    if span.is_negative:
        raise ShapeError(
            f"a window of {window} (dilation {dilation}) does not fit an axis of {size} padded by {padding}"
        )
    return sympy.floor(span / stride) + 1


def inside(places: Sequence[Expr], sizes: Sequence[Expr], padding: Sequence[int]) -> Expr:
    """Return the condition that places are inside a tensor, for the axes that have a padding."""
    guards = []
    for place, size, pad in zip(places, sizes, padding, strict=True):
        if pad:
            guards += [sympy.Ge(place, 0), sympy.Lt(place, size)]
    return And(*guards)


def padded(
    x: Tensor, head: Sequence[Expr], places: Sequence[Expr], padding: Sequence[int], outside: Expr = sympy.S.Zero
) -> Expr:
    """Return the element of x at ``(*head, *places)``; where a place lies in the padding, ``outside``."""
    condition = inside(places, x.shape[len(head) :], padding)
    element = Element(x, *head, *places)
    return element if condition == sympy.true else SCALAR_OPS["where"](condition, element, outside)


def span(position: Expr, offset: Expr, stride: int, padding: int, dilation: int = 1) -> Expr:
    """Return where a window's entry is read: s·u + d·k - p."""
    return Integer(stride) * position + Integer(dilation) * offset - padding
