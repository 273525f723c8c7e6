"""What a structure is applied to: a part of a random model that fits it, or a new input."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from symdl.expr.declare import tensor
from symdl.expr.random import SEED, STEP
from symdl.ops.random import uniform
from symdl.testing.model import Part, Pool

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

    found = pool.pick(fits) if not facts and pool.draw(st.booleans()) else None
    if found is not None:
        return found
    longer = [0 if exactly else pool.draw(st.integers(0, spread)) for _ in least]
    return new(pool, *(wanted + more for wanted, more in zip(least, longer, strict=True)), **facts)


def new(pool: Pool, *shape: Any, **facts: bool) -> Part:
    """Declare another input."""
    return pool.declare(tensor(pool.fresh("x"), shape, latex="", **facts))


def integers(pool: Pool, shape: Any, below: int) -> tuple[Any, np.ndarray]:
    """Declare an input of integers from 0 to ``below`` - 1, which is no variable; return it and its array."""
    symbol = tensor(pool.fresh("w"), shape, integer=True, latex="")
    extents = [pool.sizes.get(str(size), size) for size in symbol.shape]
    array = pool.rng.integers(0, below, [int(extent) for extent in extents])
    pool.arrays[symbol.name] = array.astype(float)
    return symbol, array


def draws(pool: Pool, shape: tuple[int, ...], stream: str) -> tuple[Any, np.ndarray]:
    """Return a tensor of uniform draws and its values, at the seed and step that the model is given."""
    pool.arrays |= {SEED.name: np.array(3.0), STEP.name: np.array(7.0)}
    value = uniform(shape, stream=stream)
    from symdl.interpret import evaluate

    return value, evaluate(value, {SEED.name: 3, STEP.name: 7})


def applied(pool: Pool, value: Any, function: Callable[..., Any], *parts: Part, analytic: bool = True) -> Part:
    """Return the part of a tensor or scalar, whose shape is its own."""
    return pool.make(value, function, *parts, shape=tuple(getattr(value, "shape", ())), analytic=analytic)


def largest(values: Any, axis: int) -> Any:
    """Return the entry with the largest real part along an axis, for complex steps too."""
    place = np.expand_dims(np.argmax(np.real(values), axis=axis), axis)
    return np.squeeze(np.take_along_axis(np.asarray(values), place, axis=axis), axis=axis)
