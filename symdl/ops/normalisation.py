"""Normalisation of the entries of one sample: layer, group and root-mean-square norm, and the mean and variance."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, Tuple

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.nodes import Array, CompositeOp, Element, Tensor, axes_of, pointwise
from symdl.expr.sizes import same_size, shape_text
from symdl.ops.rearrange import reshape
from symdl.ops.reductions import mean, var
from symdl.ops.windows import tensor_of

EPSILON = 1e-5


class Normalised(CompositeOp):
    """``(x - μ) / √(σ² + ε)``, mean and variance (divided by the count) over some axes.

    One mean for each place along the other axes; the shape stays. Its derivative is book §5.6, derived.
    """

    symbol = r"\operatorname{norm}"

    @property
    def operand(self) -> Tensor:
        """The tensor that is normalised."""
        return self.args[0]

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes over which mean and variance are taken."""
        return tuple(map(int, self.args[1]))

    @property
    def axis(self) -> int | None:
        """The axis, if it is one."""
        return self.axes[0] if len(self.axes) == 1 else None

    def define(self) -> Tensor:
        """Return the defining equation."""
        x, axes, epsilon = self.operand, self.axes, self.args[2]
        return standardised(x, mean(x, axes), var(x, axes), axes, epsilon)


def standardised(x: Tensor, centre: Any, variance: Any, axes: Sequence[int], epsilon: Expr) -> Tensor:
    """Return ``(x - centre) / √(variance + ε)``; centre and variance lack the axes of x that are given."""
    limits = axes_of(x.shape)
    rest = [index for axis, (index, _) in enumerate(limits) if axis not in axes]
    m, v = (Element(value, *rest) if isinstance(value, Tensor) else value for value in (centre, variance))
    body = (Element(x, *(index for index, _ in limits)) - m) / (v + epsilon) ** Rational(1, 2)
    return Array(body, *limits)


def normalised_axes(x: Tensor, axis: Any, what: str) -> list[int]:
    """Return axes as sorted non-negative integers; ShapeError unless they are axes of x, each given once."""
    wanted = [axis] if isinstance(axis, int) else list(axis)
    if not wanted or any(isinstance(k, bool) or not isinstance(k, int) or not -x.order <= k < x.order for k in wanted):
        raise ShapeError(f"{what}: axis {axis} is out of range for shape {shape_text(x.shape)}")
    found = sorted({k % x.order for k in wanted})
    if len(found) != len(wanted):
        raise ShapeError(f"{what}: axis given twice in {tuple(wanted)}")
    return found


def scaled(x: Tensor, gamma: Any, beta: Any, axes: Sequence[int], what: str) -> Tensor:
    """Return ``γ ⊙ x + β``, where γ and β run over the given axes of x; None leaves one out.

    Raises:
        ShapeError: if γ or β has not the shape of those axes.
    """
    limits = axes_of(x.shape)
    body: Expr = Element(x, *(index for index, _ in limits))
    own = [limits[axis] for axis in axes]
    for name, value, combine in (("gamma", gamma, sympy.Mul), ("beta", beta, sympy.Add)):
        if value is None:
            continue
        tensor = tensor_of(value, f"{what}: {name}")
        if tensor.order != len(own) or not all(same_size(a, b) for a, (_, b) in zip(tensor.shape, own, strict=True)):
            raise ShapeError(
                f"{what}: {name} has shape {shape_text(tensor.shape)}, the normalised axes "
                f"{shape_text([size for _, size in own])}"
            )
        body = combine(body, Element(tensor, *(index for index, _ in own)))
    return Array(body, *limits)


@cache
def _exact(number: float) -> Expr:
    """The fraction that a decimal number stands for; remembered, because each layer asks."""
    return sympy.nsimplify(number, rational=True)


def small(epsilon: Any, what: str) -> Expr:
    """Return ε as an exact number or a symbol; ExpressionError if it is negative."""
    value = _exact(epsilon) if isinstance(epsilon, float) else sympy.sympify(epsilon)
    if not isinstance(value, Expr) or value.is_negative:
        raise ExpressionError(f"{what}: epsilon must not be negative, found {epsilon}")
    return value


def layer_norm(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: Any = EPSILON) -> Tensor:
    """Layer normalisation, ``γ ⊙ (x - μ)/√(σ² + ε) + β`` with mean and variance over ``axis``; book after (7.31).

    Args:
        x: A tensor.
        gamma: Scale γ, of the shape of the normalised axes; none by default.
        beta: Shift β, likewise.
        axis: The axis or axes that are normalised together: the last one by default, 0 for tokens that are columns.
        epsilon: ε, a number or a symbol.

    Returns:
        The shape of x.

    Raises:
        ShapeError: for axes that x has not, and for γ or β of another shape.
    """
    value = tensor_of(x, "layer_norm")
    axes = normalised_axes(value, axis, "layer_norm")
    return scaled(Normalised(value, Tuple(*axes), small(epsilon, "layer_norm")), gamma, beta, axes, "layer_norm")


def rms_norm(x: Any, gamma: Any = None, axis: Any = -1, epsilon: Any = EPSILON) -> Tensor:
    """Root-mean-square normalisation, ``γ ⊙ x/√(mean x² + ε)``; arguments as for ``layer_norm``."""
    value = tensor_of(x, "rms_norm")
    axes = normalised_axes(value, axis, "rms_norm")
    squares = mean(pointwise(lambda entry: entry**2, value), axes)
    whole = standardised(value, Integer(0), squares, axes, small(epsilon, "rms_norm"))
    return scaled(whole, gamma, None, axes, "rms_norm")


def group_norm(x: Any, groups: int, gamma: Any = None, beta: Any = None, epsilon: Any = EPSILON) -> Tensor:
    """Group normalisation of a sample x (c, ...), catalogue 6.4-gn.

    Args:
        x: One sample, channels first.
        groups: The number of groups of channels that are normalised together, with all places: 1 is layer norm, c is
            instance norm.
        gamma: Scale of each channel, shape (c,).
        beta: Shift of each channel, shape (c,).
        epsilon: ε, a number or a symbol.

    Raises:
        ShapeError: if the channels do not provably divide into the groups.
    """
    value = tensor_of(x, "group_norm")
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1:
        raise ShapeError(f"group_norm: groups: expected a positive integer, found {groups!r}")
    if value.order == 0 or (value.shape[0] / groups).is_integer is not True:
        raise ShapeError(
            f"group_norm: the channels of shape {shape_text(value.shape)} do not provably divide into {groups} groups"
        )
    parts = reshape(value, (groups, value.shape[0] / groups, *value.shape[1:]))
    whole = Normalised(parts, Tuple(*range(1, parts.order)), small(epsilon, "group_norm"))
    return scaled(reshape(whole, value.shape), gamma, beta, [0], "group_norm")
