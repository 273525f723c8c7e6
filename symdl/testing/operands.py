"""What a structure is applied to: a part of a random model that fits it, or a new input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
from hypothesis import strategies as st

from symdl.expr.declare import tensor
from symdl.expr.nodes import Element
from symdl.expr.random import SEED, STEP
from symdl.ops import reductions
from symdl.ops.random import uniform
from symdl.ops.structure import array
from symdl.testing.model import Part, Pool

TIME = "time"  # the number of the time, among the arrays of a recurrence's step
LARGEST_OPERAND = 24  # entries; second derivatives at 50 digits have their square


def operand(pool: Pool, *least: int, spread: int = 2, exactly: bool = False, **facts: bool) -> Part:
    """Return a part with as many axes as sizes are given, each at least that long: one that is there, or a new input.

    Args:
        pool: The parts and inputs of the model.
        *least: Least sizes of the axes.
        spread: By how much a new input may be longer.
        exactly: Whether the axes have these very sizes.
        **facts: Declared properties of a new input; with them it is always new.
    """

    def fits(part: Part) -> bool:
        shape = np.shape(part.value)
        if not shape or len(shape) != len(least) or np.size(part.value) > LARGEST_OPERAND or len(part.shape) == 0:
            return False
        if exactly:
            return tuple(part.shape) == least
        return all(size >= wanted for size, wanted in zip(shape, least, strict=True))

    fed = None if facts else pool.fed
    if fed is not None:
        pool.fed = None
        if fits(fed):
            return fed
    found = pool.pick(fits) if fed is None and not facts and pool.draw(st.booleans()) else None
    if found is not None:
        return found
    longer = [0 if exactly else pool.draw(st.integers(0, spread)) for _ in least]
    shape = [wanted + more for wanted, more in zip(least, longer, strict=True)]
    return new(pool, *shape, **facts) if fed is None else mixed(pool, fed, *shape)


def mixed(pool: Pool, part: Part, *shape: Any) -> Part:
    """Return a tensor of another shape that depends on all of a part.

    Of a matrix x to a matrix, ``y[i, j] = Σ_ab x[a, b] / (1 + a + 2b + 3i + 4j)``.
    """
    order = len(part.shape)
    axes = [
        (sympy.Symbol(f"i{k}", integer=True, nonnegative=True), size) for k, size in enumerate([*part.shape, *shape])
    ]
    indices = [index for index, _ in axes]
    weight = 1 + sum((k + 1) * index for k, index in enumerate(indices))
    entry = Element(part.expr, *indices[:order]) if order else part.expr
    value = array(entry / weight, *axes)
    if order:
        value = reductions.sum(value, tuple(range(order)))
    extents = [int(pool.sizes.get(str(size), size)) for size in shape]

    def numeric(u: Any) -> Any:
        places = np.indices((*np.shape(u), *extents))
        weights = 1 / (1 + sum((k + 1) * place for k, place in enumerate(places)))
        return np.tensordot(u, weights, axes=np.ndim(u))

    return pool.make(value, numeric, part, shape=shape)


def new(pool: Pool, *shape: Any, **facts: bool) -> Part:
    """Declare another input."""
    return pool.declare(tensor(pool.fresh("x"), shape, latex="", **facts))


def integers(pool: Pool, shape: Any, below: int, least: int = 0) -> Part:
    """Declare an input of integers from 0 to ``below`` - 1, which is no variable; others at each time of a recurrence.

    The first of each row of a matrix is not below ``least``.
    """
    over = () if pool.time is None else pool.time[1:2]
    symbol = tensor(pool.fresh("w"), (*over, *shape), integer=True, latex="")
    extents = [int(pool.sizes.get(str(size), size)) for size in symbol.shape]
    chosen = pool.rng.integers(0, below, extents)
    if least:
        chosen[..., 0] = np.maximum(chosen[..., 0], least)
    pool.arrays[symbol.name] = chosen.astype(float)
    return at_time(pool, symbol, lambda arrays: np.asarray(arrays[symbol.name]).astype(int))


def draws(pool: Pool, shape: tuple[int, ...], stream: str) -> Part:
    """Return uniform draws at the seed and step that the model is given; others at each time of a recurrence."""
    from symdl.interpret import evaluate

    given = {SEED.name: np.array(3.0), STEP.name: np.array(7.0)}
    pool.arrays |= given
    over = () if pool.time is None else pool.time[2:]
    value = uniform((*over, *shape), stream=stream)
    found = evaluate(value, given)
    return at_time(pool, value, lambda arrays: found)


def at_time(pool: Pool, value: Any, function: Callable[[Any], Any]) -> Part:
    """Return a tensor as a part; in a recurrence's step its slice at the time, its first axis being that of time."""
    if pool.time is None:
        return Part(value, function, function(pool.arrays), value.shape)
    chosen = value[pool.time[0]]
    return Part(
        chosen, lambda arrays: function(arrays)[arrays.get(TIME, 0)], function(pool.arrays)[0], tuple(value.shape[1:])
    )


def applied(pool: Pool, value: Any, function: Callable[..., Any], *parts: Part, analytic: bool = True) -> Part:
    """Return the part of a tensor or scalar, whose shape is its own."""
    return pool.make(value, function, *parts, shape=tuple(getattr(value, "shape", ())), analytic=analytic)


def largest(values: Any, axis: int) -> Any:
    """Return the entry with the largest real part along an axis, for complex steps too."""
    place = np.expand_dims(np.argmax(np.real(values), axis=axis), axis)
    return np.squeeze(np.take_along_axis(np.asarray(values), place, axis=axis), axis=axis)
