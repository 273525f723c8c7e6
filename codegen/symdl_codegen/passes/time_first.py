"""Time first: what a recurrence keeps for every step is laid out step by step, so that one step is contiguous."""

from collections.abc import Iterator
from dataclasses import replace

from symdl_codegen.ir import (
    Axis,
    Kernel,
    Load,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Statement,
    Store,
    free_indices,
    loads_of,
    map_scalar,
    map_statement,
    routines,
    statements,
)


def time_first(module: Module) -> Module:
    """Move the axis of time of what loops over time write and read at one step each to the front.

    before: for n, t, i: c[n,t,i] = u[n,t,i]*x[n,t];  for t: for n, i: h[n,t,i] = f(h[n,t-1,i], c[n,t,i])
    after:  for t, n, i: c[t,n,i] = u[n,t,i]*x[n,t];  for t: for n, i: h[t,n,i] = f(h[t-1,n,i], c[t,n,i])

    Only temporaries. Loops and sums over all times that use them run over time first as well.
    """
    fixed = {*module.outputs.values(), *(value for _, value in module.updates), module.guard}
    fixed |= {name for kernel in module.kernels if routines(kernel) for name in kernel.reads | kernel.writes}
    moved = {
        name: axis
        for name, buffer in module.buffers.items()
        if buffer.role == "temporary" and name not in fixed and (axis := _time_axis(name, module.kernels))
    }
    buffers = {
        name: replace(buffer, shape=_front(buffer.shape, moved[name])) if name in moved else buffer
        for name, buffer in module.buffers.items()
    }
    kernels = tuple(replace(k, body=tuple(_moved(part, moved) for part in k.body)) for k in module.kernels)
    return replace(module, kernels=kernels, buffers=buffers)


def _time_axis(name: str, kernels: tuple[Kernel, ...]) -> int | None:
    """The axis at which loops write ``name`` at their time, or read it there if they only read it; None where two do.

    A tensor that a loop reads at other times than its own and does not write stays as it is.
    """
    written, read = set(), set()
    for kernel in kernels:
        if kernel.span is not None:
            time = Size(kernel.span.time)
            written |= {_place(indices, time) for indices in _stored(name, kernel)}
            read |= {_place(load.indices, time) for load in loads_of(kernel.body) if load.tensor == name}
    places = written or read
    return places.pop() if len(places) == 1 else None


def _stored(name: str, kernel: Kernel) -> Iterator[tuple[Scalar, ...]]:
    return (part.indices for part in statements(kernel.body) if isinstance(part, Store) and part.buffer == name)


def _place(indices: tuple[Scalar, ...], time: Size) -> int | None:
    return indices.index(time) if time in indices else None


def _front(parts: tuple[Scalar, ...], axis: int) -> tuple[Scalar, ...]:
    return (parts[axis], *parts[:axis], *parts[axis + 1 :])


def _moved(part: Statement, moved: dict[str, int]) -> Statement:
    def load(scalar: Scalar) -> Scalar:
        if isinstance(scalar, Load) and scalar.tensor in moved:
            return Load(scalar.tensor, _front(scalar.indices, moved[scalar.tensor]))
        return scalar

    return _reordered(map_statement(part, lambda scalar: map_scalar(scalar, load)), moved)


def _reordered(part: Statement, moved: dict[str, int]) -> Statement:
    """``part`` with indices of its stores moved, and its axes in the order of the moved buffers."""
    match part:
        case Store(name, indices, value, op) if name in moved:
            return Store(name, _front(indices, moved[name]), value, op)
        case Nest(axes, inner):
            body = tuple(_reordered(statement, moved) for statement in inner)
            stores = [s for s in body if isinstance(s, Store) and s.buffer in moved]
            simple = not any(isinstance(statement, Nest) for statement in body)
            return Nest(_ordered(axes, stores[0].indices) if stores and simple else axes, body)
        case Reduce(local, op, axes, value):
            loads = [node for node in loads_of((part,)) if node.tensor in moved]
            return Reduce(local, op, _ordered(axes, loads[0].indices) if loads else axes, value)
    return part


def _ordered(axes: tuple[Axis, ...], indices: tuple[Scalar, ...]) -> tuple[Axis, ...]:
    """``axes`` in the order in which ``indices`` name them, each alone in its place, where they name each."""
    names = [free_indices(index) for index in indices]
    place = {name: number for number, found in enumerate(names) for name in found if len(found) == 1}
    return tuple(sorted(axes, key=lambda axis: place[axis.index])) if all(a.index in place for a in axes) else axes


__all__ = ["time_first"]
