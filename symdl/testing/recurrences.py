"""Random recurrences: forward and in reverse, with one or several carried tensors, whole or their last value.

Any structure may stand in a step, and any structure may be applied to what a recurrence returns.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from symdl.expr.recur import recurrence
from symdl.ops import elementwise as ew
from symdl.testing.model import Part, Pool
from symdl.testing.operands import TIME, applied, mixed, new, operand

Move = Callable[[Pool], Part | None]


def _sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def _unrolled(step: Callable[..., tuple[Any, ...]], starts: tuple[Any, ...], length: int, reverse: bool) -> list[Any]:
    """Return the first carried tensor at all times."""
    found: list[Any] = [None] * length
    carried = starts
    for t in reversed(range(length)) if reverse else range(length):
        carried = step(t, *carried)
        found[t] = carried[0]
    return found


def _read(pool: Pool, value: Any, x: Part, reverse: bool) -> tuple[Any, Callable[[Any], Any]]:
    """Return all times of a result, or the one that is computed last."""
    if pool.draw(st.booleans()):
        return value, np.stack
    place = 0 if reverse else -1
    return value[place], lambda times: times[place]


def recurrent(pool: Pool) -> Part:
    """Carry one vector: ``h[t] = tanh(W h[t-1] + U x[t])``, or a linear one with coefficients that change."""
    x, reverse = operand(pool, 2, 1, spread=1), pool.draw(st.booleans())
    length, width = x.expr.shape
    times = x.value.shape[0]
    if pool.draw(st.booleans()):
        start = new(pool, width)
        value = recurrence(lambda t, h: ew.hadamard(x.expr[t], h) + x.expr[t], start.expr, length, reverse=reverse)
        value, chosen = _read(pool, value, x, reverse)
        return applied(
            pool,
            value,
            lambda u, h: chosen(_unrolled(lambda t, c: (u[t] * c + u[t],), (h,), times, reverse)),
            x,
            start,
        )
    start = new(pool, pool.draw(st.integers(1, 2)))
    W, U = new(pool, *start.expr.shape * 2), new(pool, *start.expr.shape, width)
    value = recurrence(lambda t, h: ew.tanh(W.expr @ h + U.expr @ x.expr[t]), start.expr, length, reverse=reverse)
    value, chosen = _read(pool, value, x, reverse)
    return applied(
        pool,
        value,
        lambda u, h, w, k: chosen(_unrolled(lambda t, c: (np.tanh(w @ c + k @ u[t]),), (h,), times, reverse)),
        x,
        start,
        W,
        U,
    )


def carried_together(pool: Pool) -> Part:
    """Carry two vectors, as a cell with a gate does: ``c[t] = g ⊙ c[t-1] + x[t]``, ``h[t] = tanh(c[t]) ⊙ g``."""
    x, reverse = operand(pool, 2, 1, spread=1), pool.draw(st.booleans())
    length, width = x.expr.shape
    times = x.value.shape[0]
    h0, c0, w = (new(pool, width) for _ in range(3))

    def step(t: Any, h: Any, c: Any) -> tuple[Any, Any]:
        gate = ew.sigmoid(ew.hadamard(w.expr, h) + x.expr[t])
        cell = ew.hadamard(gate, c) + x.expr[t]
        return ew.hadamard(ew.tanh(cell), gate), cell

    def numeric(u: Any, h: Any, c: Any, k: Any) -> Any:
        def one(t: int, hidden: Any, cell: Any) -> tuple[Any, Any]:
            gate = _sigmoid(k * hidden + u[t])
            cell = gate * cell + u[t]
            return np.tanh(cell) * gate, cell

        return chosen(_unrolled(one, (h, c), times, reverse))

    both = recurrence(step, (h0.expr, c0.expr), length, reverse=reverse, names=("h", "c"))
    value, chosen = _read(pool, both[0], x, reverse)
    return applied(pool, value, numeric, x, h0, c0, w)


def stacked_recurrences(pool: Pool) -> Part:
    """Run a second recurrence, in the other direction, over the times of a first one."""
    x = operand(pool, 2, 1, spread=1)
    length, width = x.expr.shape
    times = x.value.shape[0]
    start = new(pool, width)
    first = recurrence(lambda t, h: ew.tanh(h + x.expr[t]), start.expr, length)
    second = recurrence(lambda t, h: ew.sin(h + first[t]) - h, start.expr, length, reverse=True)

    def numeric(u: Any, h: Any) -> Any:
        inner = _unrolled(lambda t, c: (np.tanh(c + u[t]),), (h,), times, False)
        return np.stack(_unrolled(lambda t, c: (np.sin(c + inner[t]) - c,), (h,), times, True))

    return applied(pool, second, numeric, x, start)


def stepping(structure: Move) -> Move:
    """Return a recurrence whose step applies a structure to what it carries and what it reads at its time."""

    def recurrent_structure(pool: Pool) -> Part:
        x, reverse = operand(pool, 2, 1, spread=1), pool.draw(st.booleans())
        length, width = x.expr.shape
        times, start = x.value.shape[0], new(pool, width)
        made: list[Part] = []

        def step(t: Any, h: Any) -> Any:
            def both(arrays: Any) -> Any:
                return arrays.get("carried", arrays[start.expr.name]) + x.function(arrays)[arrays.get(TIME, 0)]

            carried = Part(h + x.expr[t], both, both(pool.arrays), (width,), x.analytic)
            inner = replace(pool, parts=[carried], fed=carried, time=(t, length, times))
            held = structure(inner)
            assert held is not None
            made.append(mixed(inner, held, width))
            pool.names = inner.names
            return ew.tanh(made[0].expr) + h / 2

        value = recurrence(step, start.expr, length, reverse=reverse, checkpoint=pool.draw(st.sampled_from([None, 2])))
        value, chosen = _read(pool, value, x, reverse)

        def numeric(arrays: Any) -> Any:
            def one(t: int, h: Any) -> tuple[Any]:
                return (np.tanh(made[0].function({**arrays, "carried": h, TIME: t})) + h / 2,)

            return chosen(_unrolled(one, (arrays[start.expr.name],), times, reverse))

        found = Part(value, numeric, numeric(pool.arrays), tuple(value.shape), x.analytic and made[0].analytic)
        return applied(pool, value, lambda u: u, found)

    return recurrent_structure


def followed(structure: Move) -> Move:
    """Return a recurrence with a structure applied to what it returns."""

    def following(pool: Pool) -> Part | None:
        kind = pool.draw(st.sampled_from([recurrent, carried_together, stacked_recurrences]))
        pool.fed = kind(pool)
        return structure(pool)

    return following
