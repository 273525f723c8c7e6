"""Products: sums of products over the same rows and columns run in the same tiles, and need no memory in between."""

from dataclasses import replace

from symdl_codegen.ir import (
    Axis,
    Const,
    Contract,
    Index,
    Kernel,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Statement,
    Store,
    Tensor,
    loads_of,
    map_statement,
    substitute,
)
from symdl_codegen.passes.fuse import fused, joined_with_earlier, nest_of
from symdl_codegen.scalars import evaluate
from symdl_codegen.schedule.contractions import tile_contraction
from symdl_codegen.schedule.dots import dot_products

MOST_BUFFERS = 34  # of one kernel, whose arguments are limited
MOST_PRODUCTS = 8
NEAR = 1 << 16  # elements of an operand that stays in a core's cache while a loop over time reads it at every step


def products(module: Module) -> Module:
    """Join contractions of which one reads what the other gives, at its own rows and columns.

    before: for n, i: f = add over j of h[n,j]*v[i,j]; a[n,i] = s(f)
            for n, i: g = add over j of h[n,j]*w[i,j]; c[n,i] = a[n,i]*g
    after:  for n, i: f = add over j of h[n,j]*v[i,j]; g = add over j of h[n,j]*w[i,j]; c[n,i] = s(f)*g

    So the gates of a cell and its update are one kernel, and a sum of several products is one sum. A contraction in
    front of a loop over time that only the loop reads, at its time, moves into it, if its operand is small enough to be
    read at every step: what it gives for all times is then never stored.
    """
    module = replace(module, kernels=tuple(_in_loops(module)))

    def joined(producer: Kernel, consumer: Kernel) -> Kernel | None:
        beside = (producer.span, producer.strip, producer.phase) == (consumer.span, consumer.strip, "step")
        return _joined(producer, consumer, module) if beside else None

    return joined_with_earlier(module, lambda kernel: nest_of(kernel) is not None and kernel.phase == "step", joined)


def _sums(nest: Nest) -> list[Reduce]:
    return [part for part in nest.body if isinstance(part, Reduce)]


def _joined(producer: Kernel, consumer: Kernel, module: Module) -> Kernel | None:
    """One kernel for both, if they are contractions, or the second one pointwise; in loops either may be.

    A loop whose first or last step is another one than the rest would else keep for it what the others do not need.
    """
    first, second = nest_of(producer), nest_of(consumer)
    if first is None or second is None or not (_sums(first) or producer.span):
        return None
    if any(load.tensor in producer.writes for part in _sums(second) for load in loads_of((part,))):
        return None
    if any(_sums(nest) and _tiled(nest, module.buffers) is None for nest in (first, second)):
        return None
    joined = fused(producer, consumer, module, MOST_BUFFERS)
    if joined is None:
        return None
    nest = nest_of(joined)
    assert nest is not None
    if len(_sums(nest)) > MOST_PRODUCTS or (_sums(nest) and _tiled(nest, module.buffers) is None):
        return None
    return joined


def _tiled(nest: Nest, buffers: dict[str, Tensor]) -> Nest | None:
    """The tiles that ``nest`` becomes, if it does."""
    if dot_products(nest, "tried", dict(buffers)) is not None:
        return None
    return tile_contraction(nest, "tried", dict(buffers))


def _in_loops(module: Module) -> list[Kernel]:
    """The kernels, those contractions moved into a loop over time that only it reads, at its time."""
    kernels = list(module.kernels)
    for kernel in module.kernels:
        moved = _readers(kernel, kernels, module)
        if not moved:
            continue
        kernels.remove(kernel)
        for reader in moved:
            place = kernels.index(reader)
            kernels.insert(place, _at_time(kernel, reader, {other.name for other in kernels}))
    return kernels


def _readers(kernel: Kernel, kernels: list[Kernel], module: Module) -> list[Kernel]:
    """The kernels of a loop over time that read what ``kernel`` gives, one for each span; empty where it must stay."""
    nest = nest_of(kernel)
    if nest is None or kernel.span or kernel.strip or kernel.phase != "step" or len(_sums(nest)) != 1:
        return []
    fixed = {*module.outputs.values(), *(value for _, value in module.updates), module.guard}
    readers = [other for other in kernels if other.reads & kernel.writes]
    spans = [other.span for other in readers]
    if kernel.writes & fixed or not readers or len(set(spans)) != len(spans):
        return []
    loops = {(span.loop, span.time) if span else None for span in spans}
    if len(loops) != 1 or None in loops or any(other.strip for other in readers):
        return []
    span = spans[0]
    assert span is not None
    stores = {part.buffer: part for part in nest.body if isinstance(part, Store)}
    axes = {axis.index: axis.extent for axis in nest.axes}
    loads = [load for other in readers for load in loads_of(other.body) if load.tensor in stores]
    places = {
        index.name
        for load in loads
        for read, index in zip(load.indices, stores[load.tensor].indices, strict=True)
        if read == Size(span.time) and isinstance(index, Index)
    }
    at_time = all(Size(span.time) in load.indices for load in loads)
    if len(places) != 1 or not at_time or axes[min(places)] != span.extent:
        return []
    beside = [other for other in kernels if other.span and other.span.loop == span.loop]
    if kernel.reads & {name for other in beside for name in other.writes}:
        return []
    tiled = _tiled(nest, module.buffers)
    return readers if tiled is not None and _is_near(tiled, min(places)) else []


def _is_near(tiled: Nest, time: str) -> bool:
    """Whether the operand that does not move with time is small."""
    (part,) = tiled.body
    assert isinstance(part, Contract)
    sides = [axes for axes in (part.rows, part.columns) if all(axis.index != time for axis in axes)]
    if len(sides) != 1:
        return False
    lengths = [axis.extent for axis in (*sides[0], *part.depth)]
    known = all(isinstance(length, Const) for length in lengths)
    size = 1
    for length in lengths:
        size *= evaluate(length, {}) if known else NEAR + 1
    return size <= NEAR


def _at_time(kernel: Kernel, reader: Kernel, taken: set[str]) -> Kernel:
    """``kernel`` for the step that ``reader`` is at."""
    nest = nest_of(kernel)
    assert nest is not None
    assert reader.span is not None
    (time,) = {
        index.name
        for load in loads_of(reader.body)
        for part in nest.body
        if isinstance(part, Store) and part.buffer == load.tensor
        for read, index in zip(load.indices, part.indices, strict=True)
        if read == Size(reader.span.time) and isinstance(index, Index)
    }
    table: dict[Scalar, Scalar] = {Index(time): Size(reader.span.time)}
    body: tuple[Statement, ...] = tuple(
        map_statement(part, lambda scalar: substitute(scalar, table)) for part in nest.body
    )
    axes: tuple[Axis, ...] = tuple(axis for axis in nest.axes if axis.index != time)
    name = next(n for n in (f"{kernel.name}{f'_{k}' if k else ''}" for k in range(len(taken) + 1)) if n not in taken)
    return replace(kernel, name=name, body=(Nest(axes, body),), span=reader.span)


__all__ = ["products"]
