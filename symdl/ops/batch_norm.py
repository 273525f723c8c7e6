"""Batch normalisation: training with the statistics of the batch, production with given ones. Book §5.6."""

from typing import Any

import sympy
from sympy import Expr

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.batch_mean import BATCH_SIZE, batch_mean
from symdl.expr.mode import by_mode
from symdl.expr.nodes import Array, Element, Tensor, TensorSymbol, axes_of
from symdl.expr.sizes import shape_text
from symdl.expr.state import state
from symdl.ops.normalisation import EPSILON, normalised_axes, scaled, small, standardised
from symdl.ops.reductions import mean
from symdl.ops.windows import tensor_of

MOMENTUM = 0.1


def _axes(x: Tensor, channel_axis: int | None, batch_axis: int | None, what: str) -> tuple[int, list[int]]:
    """Return the channel axis and the axes, the batch's included, over which statistics are taken."""
    batch = [] if batch_axis is None else normalised_axes(x, batch_axis, what)
    free = [axis for axis in range(x.order) if axis not in batch]
    if not free:
        raise ShapeError(f"{what}: shape {shape_text(x.shape)} has no axis of channels")
    channel = free[0] if channel_axis is None else normalised_axes(x, channel_axis, what)[0]
    if channel in batch:
        raise ShapeError(f"{what}: axis {channel} is given as the channels' and as the batch's")
    return channel, [axis for axis in range(x.order) if axis != channel]


def batch_moments(x: Any, channel_axis: int | None = None, batch_axis: int | None = None) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over the batch and all places: book 5.6, μ̂ and σ̂² (divided by the count).

    Args:
        x: The entries of one sample; or, with ``batch_axis``, those of the whole batch.
        channel_axis: The axis of channels; by default the first one that is not the batch's.
        batch_axis: The axis of samples, where x has one. Without it the equations are those of one sample, and the mean
            over the others is ``sd.batch_mean``: it has a meaning in ``sd.Model``.

    Returns:
        Two vectors of the channels' length.
    """
    value = tensor_of(x, "batch_moments")
    channel, axes = _axes(value, channel_axis, batch_axis, "batch_moments")

    def average(entries: Tensor) -> Any:
        own = mean(entries, axes) if axes else entries
        return own if batch_axis is not None else batch_mean(own)

    centre = average(value)
    limits = axes_of(value.shape)
    indices = [index for index, _ in limits]
    deviation = Element(value, *indices) - Element(centre, limits[channel][0])
    return centre, average(Array(deviation**2, *limits))


def batch_norm(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    mean: Any = None,
    variance: Any = None,
    channel_axis: int | None = None,
    batch_axis: int | None = None,
    epsilon: Any = EPSILON,
    running: bool | str = False,
    momentum: Any = MOMENTUM,
) -> Tensor:
    """Batch normalisation, ``γ ⊙ (x - μ̂)/√(σ̂² + ε) + β`` for each channel. Book §5.6.

    With ``running``, as in ``sd.batch_norm(x, gamma, beta, running=True)``, training normalises with the statistics of
    the batch and carries averages of them along, as states of the model, with which prediction normalises:
    μ_run ← (1-m) μ_run + m μ̂ and σ²_run ← (1-m) σ²_run + m σ̂² k/(k-1) for means over k entries. Over one entry, as in
    a batch of one sample that has no other places, there is nothing to normalise: ``sd.fit`` refuses it.

    Args:
        x: The entries of one sample, (c,) or (c, ...); or, with ``batch_axis``, those of the whole batch.
        gamma: Scale γ of each channel, shape (c,); none by default.
        beta: Shift β of each channel, shape (c,).
        mean: μ of each channel for the production pass; with ``variance``. By default the statistics of the batch.
        variance: σ² of each channel, likewise.
        channel_axis: The axis of channels; by default the first one that is not the batch's.
        batch_axis: The axis of samples, where x has one; see ``batch_moments``.
        epsilon: ε, a number or a symbol.
        running: Whether statistics are carried along for prediction: True, or a name for them, which two layers must
            not share. By default that of γ or β: the states are ``gamma.mean`` and ``gamma.variance``.
        momentum: m in (0, 1], the weight of the newest batch.

    Returns:
        The shape of x.

    Raises:
        ShapeError: for axes that x has not, and for γ, β or statistics of another shape.
        ExpressionError: if only one of mean and variance is given, running ones have no name, or m is out of range.
    """
    what = "batch_norm"
    value = tensor_of(x, what)
    channel, axes = _axes(value, channel_axis, batch_axis, what)
    if (mean is None) != (variance is None):
        raise ExpressionError(f"{what}: give both mean and variance (the production pass), or none of them")
    epsilon = small(epsilon, what)
    if running:
        if mean is not None:
            raise ExpressionError(f"{what}: running statistics are carried along; leave mean and variance out")
        moments = batch_moments(value, channel, batch_axis)
        averages = _averages(_name(running, gamma, beta), moments, _count(value, axes, batch_axis), momentum)
        here, later = (standardised(value, *pair, axes, epsilon) for pair in (moments, averages))
        return scaled(by_mode(here, later), gamma, beta, [channel], what)
    if mean is None:
        mean, variance = batch_moments(value, channel, batch_axis)
    else:
        mean, variance = tensor_of(mean, f"{what}: mean", 1), tensor_of(variance, f"{what}: variance", 1)
    return scaled(standardised(value, mean, variance, axes, epsilon), gamma, beta, [channel], what)


def _averages(name: str, moments: tuple[Tensor, Tensor], count: Expr, momentum: Any) -> tuple[Tensor, Tensor]:
    """Return running averages of a mean and a variance, of which the latter is corrected for its bias."""
    m = sympy.nsimplify(momentum, rational=True) if isinstance(momentum, float) else sympy.sympify(momentum)
    if m.is_number and not 0 < m <= 1:
        raise ExpressionError(f"batch_norm: momentum must be above 0 and at most 1, found {momentum}")
    newest = (moments[0], count / sympy.Max(count - 1, 1) * moments[1])  # one entry alone has no variance
    mean = state(f"{name}.mean", moments[0].shape, update=lambda old: (1 - m) * old + m * newest[0])
    return mean, state(
        f"{name}.variance",
        moments[1].shape,
        initial=1,
        nonnegative=True,
        update=lambda old: (1 - m) * old + m * newest[1],
    )


def _count(x: Tensor, axes: list[int], batch_axis: int | None) -> Expr:
    """Return over how many entries the moments are taken."""
    places = sympy.prod([x.shape[axis] for axis in axes])
    return places if batch_axis is not None else BATCH_SIZE * places


def _name(running: bool | str, gamma: Any, beta: Any) -> str:
    if isinstance(running, str):
        return running
    found = next((value.name for value in (gamma, beta) if isinstance(value, TensorSymbol)), None)
    if found is None:
        raise ExpressionError("batch_norm: running statistics need a name: give running='bn1', or a declared gamma")
    return found
