"""Softmax and its kin, defined by their equations; book (3.25)."""

from functools import cached_property
from typing import Any

import sympy
from sympy import Expr, Integer

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import Index
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, CompositeOp, Element, Reduce, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import shape_text


def axis_number(tensor: Tensor, axis: int | None, what: str) -> int:
    """Return a non-negative axis; None is allowed for order 1 only. ShapeError otherwise."""
    if axis is None:
        if tensor.order != 1:
            raise ShapeError(f"{what}: a tensor of shape {shape_text(tensor.shape)} needs axis=")
        return 0
    if not isinstance(axis, int) or not -tensor.order <= axis < tensor.order:
        raise ShapeError(f"{what}: axis {axis} is out of range for shape {shape_text(tensor.shape)}")
    return axis % tensor.order


def normaliser(tensor: Tensor, axis: int, indices: list[Expr]) -> Expr:
    """Return Σ_k exp(x[..., k, ...]) along an axis, the other indices given."""
    k = Index("_k")
    places = [k if position == axis else index for position, index in enumerate(indices)]
    return Reduce("add", SCALAR_OPS["exp"](Element(tensor, *places)), (k, tensor.shape[axis]))


class Softmax(CompositeOp):
    """``exp(x_i) / Σ_k exp(x_k)`` along an axis."""

    symbol = r"S_{\mathrm{Softmax}}"

    @property
    def operand(self) -> Tensor:
        """The tensor it is applied to."""
        return self.args[0]

    @property
    def axis(self) -> int:
        """The axis along which it sums to 1."""
        return int(self.args[1])

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        """That of the operand."""
        return self.operand.shape

    @cached_property
    def properties(self) -> frozenset[str]:  # type: ignore[override]  # because cached_property narrows an attribute
        """Positive probabilities; a simplex along the last axis."""
        last = self.axis == self.operand.order - 1
        return frozenset({"positive", "nonnegative", "probability"} | ({"simplex"} if last else set()))

    def define(self) -> Tensor:
        """Return the defining equation."""
        axes = axes_of(self.operand.shape)
        indices: list[Any] = [index for index, _ in axes]
        return Array(
            SCALAR_OPS["exp"](Element(self.operand, *indices)) / normaliser(self.operand, self.axis, indices), *axes
        )


class LogSoftmax(Softmax):
    """``x_i - log Σ_k exp(x_k)`` along an axis."""

    symbol = r"\log S_{\mathrm{Softmax}}"
    properties = frozenset()

    def define(self) -> Tensor:
        """Return the defining equation."""
        axes = axes_of(self.operand.shape)
        indices: list[Any] = [index for index, _ in axes]
        log = SCALAR_OPS["log"]
        return Array(Element(self.operand, *indices) - log(normaliser(self.operand, self.axis, indices)), *axes)


def softmax(x: Any, axis: int | None = None) -> Tensor:
    """Softmax along ``axis`` (required above order 1); same shape, positive, sums to 1. Book (3.25)."""
    value = _tensor(x, "softmax")
    return Softmax(value, Integer(axis_number(value, axis, "softmax")))


def log_softmax(x: Any, axis: int | None = None) -> Tensor:
    """Logarithm of softmax along ``axis`` (required above order 1); same shape, at most 0."""
    value = _tensor(x, "log_softmax")
    return LogSoftmax(value, Integer(axis_number(value, axis, "log_softmax")))


def logsumexp(x: Any, axis: int | None = None) -> Any:
    """``log Σ exp(x)``: over all entries, or along ``axis``, which is then missing from the result."""
    value = _tensor(x, "logsumexp")
    log = SCALAR_OPS["log"]
    axes = axes_of(value.shape)
    indices: list[Any] = [index for index, _ in axes]
    if axis is None:
        return log(Reduce("add", SCALAR_OPS["exp"](Element(value, *indices)), *axes))
    number = axis_number(value, axis, "logsumexp")
    rest = [limit for position, limit in enumerate(axes) if position != number]
    body = log(normaliser(value, number, indices))
    return Array(body, *rest) if rest else body


def _tensor(x: Any, what: str) -> Tensor:
    value = ingest(x)
    if not isinstance(value, Tensor):
        raise ExpressionError(f"{what}: expected a tensor, found the scalar {sympy.sstr(value)}")
    return value
