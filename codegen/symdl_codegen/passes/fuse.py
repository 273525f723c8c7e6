"""Fusion: a pointwise equation joins the nest that produces its operand, so that the operand stays in registers.

The same pass gives contractions and reductions their epilogues: bias, activation, loss, optimizer update.
"""

from collections.abc import Callable
from dataclasses import replace

from symdl_codegen.ir import (
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Scalar,
    Statement,
    Store,
    free_indices,
    loads_of,
    map_scalar,
    map_statement,
    routines,
    statements,
    substitute,
)
from symdl_codegen.scalars import kind_of

LARGEST = 20  # buffers of one kernel, beyond which its arguments no longer fit registers


def fuse(module: Module) -> Module:
    """Join nests over the same iterations.

    before: for i, j: z = sum_k w*x        after: for i, j: v = sum_k w*x; a = relu(v)
               for i, j: a = relu(z)

    The consumer's loads of what the nest stores must all be at the nest's own iteration, in any order of axes.
    """

    def joined(producer: Kernel, consumer: Kernel) -> Kernel | None:
        return fused(producer, consumer, module) if nest_of(producer) and _together(producer, consumer) else None

    def is_pointwise(kernel: Kernel) -> bool:
        return nest_of(kernel) is not None and kernel.phase == "step" and not _has_reduction(kernel)

    return joined_with_earlier(module, is_pointwise, joined)


def joined_with_earlier(
    module: Module, joins: Callable[[Kernel], bool], join: Callable[[Kernel, Kernel], Kernel | None]
) -> Module:
    """Join each kernel that ``joins`` with an earlier one that it reads, where ``join`` makes one kernel of both.

    Either the producer sinks to the consumer or the consumer rises to the producer; nothing in between may depend on
    it. What nobody reads any more is no longer stored.
    """
    kernels = list(module.kernels)
    position = 0
    while position < len(kernels):
        found = _joined_at(kernels, position, join) if joins(kernels[position]) else None
        if found is None:
            position += 1
        else:
            kernels, position = found
    return without_dead_stores(replace(module, kernels=tuple(kernels)))


def _joined_at(
    kernels: list[Kernel], later: int, join: Callable[[Kernel, Kernel], Kernel | None]
) -> tuple[list[Kernel], int] | None:
    consumer = kernels[later]
    for earlier in range(later - 1, -1, -1):
        producer = kernels[earlier]
        joined = join(producer, consumer) if producer.writes & consumer.reads else None
        if joined is None:
            continue
        between = kernels[earlier + 1 : later]
        if not any(kernel.reads & producer.writes for kernel in between):  # the producer sinks
            return [*kernels[:earlier], *between, joined, *kernels[later + 1 :]], later - 1
        if not any(kernel.writes & consumer.reads for kernel in between):  # the consumer rises
            return [*kernels[:earlier], joined, *between, *kernels[later + 1 :]], earlier
    return None


def nest_of(kernel: Kernel) -> Nest | None:
    """The one nest of a kernel without scatters, whose loops are independent."""
    match kernel.body:
        case (Nest(_, inner) as nest,):
            if all(isinstance(part, Let | Reduce) or (isinstance(part, Store) and part.op is None) for part in inner):
                return nest
    return None


def _together(one: Kernel, other: Kernel) -> bool:
    return (one.span, one.strip) == (other.span, other.strip)


def _has_reduction(kernel: Kernel) -> bool:
    return any(isinstance(part, Reduce) for part in statements(kernel.body))


def fused(producer: Kernel, consumer: Kernel, module: Module, most: int = LARGEST) -> Kernel | None:
    """One kernel that does both, or None where their iterations do not match one to one, or on too many buffers."""
    outer, inner = producer.body[0], consumer.body[0]
    assert isinstance(outer, Nest)
    assert isinstance(inner, Nest)
    stores = {part.buffer: part for part in outer.body if isinstance(part, Store)}
    rename: dict[Index, Index] = {}
    for load in loads_of(consumer.body):
        if load.tensor not in stores:
            continue
        for mine, yours in zip(load.indices, stores[load.tensor].indices, strict=True):
            if mine == yours and not free_indices(yours):  # the same time step
                continue
            if not isinstance(mine, Index) or not isinstance(yours, Index) or rename.setdefault(mine, yours) != yours:
                return None
    extents = {axis.index: axis.extent for axis in outer.axes}
    if not len(rename) == len(set(rename.values())) == len(inner.axes) == len(extents):
        return None
    own = {Index(axis.index): axis.extent for axis in inner.axes}
    if own.keys() != rename.keys() or any(extents.get(rename[index].name) != own[index] for index in own):
        return None
    if len(producer.reads | producer.writes | consumer.reads | consumer.writes) > most:
        return None
    body, values = _with_values(outer.body, module)
    tail = [_joined(part, rename, values) for part in _fresh_locals(inner.body, body)]
    note = "\n".join(dict.fromkeys([*producer.note.splitlines(), *consumer.note.splitlines()]))
    return replace(producer, body=(Nest(outer.axes, (*body, *tail)),), note=note)


def _with_values(body: tuple[Statement, ...], module: Module) -> tuple[list[Statement], dict[str, Scalar]]:
    """``body`` with each stored value named by a local, and the value of each buffer it stores."""
    taken = {part.local.name for part in body if isinstance(part, Let | Reduce)}
    result: list[Statement] = []
    values: dict[str, Scalar] = {}
    for part in body:
        if isinstance(part, Store):
            value = part.value
            if not isinstance(value, Local):
                local = Local(_unused(f"{part.buffer}_value", taken), kind_of(value, module.buffers))
                result.append(Let(local, value))
                value = local
            values[part.buffer] = value
            part = replace(part, value=value)
        result.append(part)
    return result, values


def _fresh_locals(body: tuple[Statement, ...], before: list[Statement]) -> list[Statement]:
    """``body`` with locals renamed where ``before`` has taken their names."""
    taken = {part.local.name for part in before if isinstance(part, Let | Reduce)}
    table: dict[Scalar, Scalar] = {}
    result: list[Statement] = []
    for part in body:
        part = map_statement(part, lambda scalar: substitute(scalar, table))
        if isinstance(part, Let | Reduce):
            local = Local(_unused(part.local.name, taken), part.local.kind)
            table[part.local] = local
            part = replace(part, local=local)
        result.append(part)
    return result


def _unused(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    taken.add(candidate)
    return candidate


def _joined(part: Statement, rename: dict[Index, Index], values: dict[str, Scalar]) -> Statement:
    """``part`` in the producer's indices, reading the producer's values from locals."""

    def change(scalar: Scalar) -> Scalar:
        if isinstance(scalar, Load) and scalar.tensor in values:
            return values[scalar.tensor]
        return scalar

    return map_statement(part, lambda scalar: substitute(map_scalar(scalar, change), rename))


def without_dead_stores(module: Module) -> Module:
    """Drop stores to temporaries that no kernel reads any more, and kernels that are left without a store."""
    needed = set(module.outputs.values()) | {module.guard} | {value for _, value in module.updates}
    needed |= {name for kernel in module.kernels for name in kernel.reads}
    needed |= {place.tensor for kernel in module.kernels for part in routines(kernel) for _, place in part.results}

    def live(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        kept = (replace(part, body=live(part.body)) if isinstance(part, Nest) else part for part in body)
        return tuple(
            part
            for part in kept
            if not (
                isinstance(part, Store)
                and module.buffers[part.buffer].role == "temporary"
                and part.buffer not in needed
            )
        )

    kernels = tuple(replace(kernel, body=live(kernel.body)) for kernel in module.kernels)
    kernels = tuple(kernel for kernel in kernels if kernel.writes)
    buffers = {n: b for n, b in module.buffers.items() if b.role != "temporary" or n in needed}
    return replace(module, kernels=kernels, buffers=buffers)


__all__ = ["fuse", "fused", "without_dead_stores"]
