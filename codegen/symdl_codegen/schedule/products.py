"""Products: sums of products over the same rows and columns run in the same tiles, and need no memory in between."""

from dataclasses import replace

from symdl_codegen.ir import (
    Axis,
    Const,
    Contract,
    Index,
    Kernel,
    Let,
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
from symdl_codegen.passes.fuse import fused, without_dead_stores
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
    kernels = _in_loops(module)
    position = 0
    while position < len(kernels):
        joined = _joined_with_earlier(kernels, position, module)
        if joined is None:
            position += 1
        else:
            kernels, position = joined
    return without_dead_stores(replace(module, kernels=tuple(kernels)))


def _joined_with_earlier(kernels: list[Kernel], later: int, module: Module) -> tuple[list[Kernel], int] | None:
    consumer = kernels[later]
    nest = _nest(consumer)
    if nest is None or consumer.phase != "step":
        return None
    for earlier in range(later - 1, -1, -1):
        producer = kernels[earlier]
        beside = (producer.span, producer.strip, producer.phase) == (consumer.span, consumer.strip, "step")
        if not producer.writes & consumer.reads or not beside:
            continue
        joined = _joined(producer, consumer, module)
        if joined is None:
            continue
        between = kernels[earlier + 1 : later]
        if not any(kernel.reads & producer.writes for kernel in between):  # the producer sinks
            return [*kernels[:earlier], *between, joined, *kernels[later + 1 :]], later - 1
        if not any(kernel.writes & consumer.reads for kernel in between):  # the consumer rises
            return [*kernels[:earlier], joined, *between, *kernels[later + 1 :]], earlier
    return None


def _nest(kernel: Kernel) -> Nest | None:
    """The one nest of a kernel without scatters, whose loops are independent."""
    match kernel.body:
        case (Nest(_, inner) as nest,):
            if all(isinstance(part, Let | Reduce) or (isinstance(part, Store) and part.op is None) for part in inner):
                return nest
    return None


def _sums(nest: Nest) -> list[Reduce]:
    return [part for part in nest.body if isinstance(part, Reduce)]


def _joined(producer: Kernel, consumer: Kernel, module: Module) -> Kernel | None:
    """One kernel for both, if they are contractions, or the second one pointwise; in loops either may be.

    A loop whose first or last step is another one than the rest would else keep for it what the others do not need.
    """
    first, second = _nest(producer), _nest(consumer)
    if first is None or second is None or not (_sums(first) or producer.span):
        return None
    if any(load.tensor in producer.writes for part in _sums(second) for load in loads_of((part,))):
        return None
    if any(_sums(nest) and not _is_tiled(nest, module.buffers) for nest in (first, second)):
        return None
    joined = fused(producer, consumer, module, MOST_BUFFERS)
    if joined is None:
        return None
    nest = _nest(joined)
    assert nest is not None
    if len(_sums(nest)) > MOST_PRODUCTS or (_sums(nest) and not _is_tiled(nest, module.buffers)):
        return None
    return joined


def _is_tiled(nest: Nest, buffers: dict[str, Tensor]) -> bool:
    """Whether ``nest`` becomes tiles."""
    if dot_products(nest, "tried", dict(buffers)) is not None:
        return False
    return tile_contraction(nest, "tried", dict(buffers)) is not None


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
    nest = _nest(kernel)
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
    return readers if _is_tiled(nest, module.buffers) and _is_near(nest, span.extent, min(places), module) else []


def _is_near(nest: Nest, extent: Scalar, time: str, module: Module) -> bool:
    """Whether the operand that does not move with time is small."""
    tiled = tile_contraction(nest, "tried", dict(module.buffers))
    assert tiled is not None
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
    nest = _nest(kernel)
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
