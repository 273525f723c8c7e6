"""Inlining: a pointwise equation moves into the place that reads it, and its buffer disappears."""

from dataclasses import replace

from symdl_codegen.ir import (
    Apply,
    Const,
    Index,
    Kernel,
    Let,
    Load,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Statement,
    Store,
    map_scalar,
    map_statement,
    routines,
    substitute,
    walk,
)
from symdl_codegen.scalars import cost, is_gather

CHEAP = 4  # operations that may move into a loop over time
LARGEST = 400  # operations beyond which a scalar is no longer extended, to keep kernels readable and quick to compile


def inline(module: Module) -> Module:
    """Move pointwise equations to their readers.

    before: e[i] = exp(x[i]); s = sum over i of e[i]        after: s = sum over i of exp(x[i])

    A pointwise equation that one place reads, at each of its elements exactly once, moves there; a mere relabelling,
    constant or scaling (``y[i,j] = 2*x[j,i]``) moves everywhere. Outputs, the guard and new states keep their buffers.
    """
    kept = set(module.outputs.values()) | {module.guard} | {value for _, value in module.updates}
    kept |= {load.tensor for kernel in module.kernels for part in routines(kernel) for load in part.operands}
    kernels = {kernel.name: kernel for kernel in module.kernels}
    readers_of: dict[str, dict[str, None]] = {}  # names of kernels by what they read
    for kernel in module.kernels:
        for buffer in kernel.reads:
            readers_of.setdefault(buffer, {})[kernel.name] = None
    for name in list(kernels):
        producer = kernels[name]
        store = pointwise(producer)
        if store is None or store.buffer in kept or producer.phase != "step":
            continue
        readers = [kernels[reader] for reader in readers_of.get(store.buffer, ())]
        if any(reader.phase != "step" for reader in readers):
            continue
        once = len(readers) == 1 and _is_beside(readers[0], producer, store) and _reads_each_once(readers[0], store)
        if once or _is_monomial(store.value):
            del kernels[name]
            for buffer in producer.reads:
                del readers_of[buffer][name]
            for reader in readers:
                found = kernels[reader.name] = inlined(reader, store)
                for buffer in reader.reads - found.reads:
                    del readers_of[buffer][reader.name]
                for buffer in found.reads:
                    readers_of.setdefault(buffer, {})[reader.name] = None
    written = set().union(*(kernel.writes for kernel in kernels.values()))
    buffers = {n: b for n, b in module.buffers.items() if b.role != "temporary" or n in written}
    return replace(module, kernels=tuple(kernels.values()), buffers=buffers)


def pointwise(kernel: Kernel) -> Store | None:
    """The store of a kernel that is one nest around one plain store."""
    match kernel.body:
        case (Nest(axes, (Store(_, indices, _, None) as store,)),):
            moving = tuple(index for index in indices if not isinstance(index, Size))  # a size is the time of a loop
            return store if moving == tuple(Index(axis.index) for axis in axes) else None
    return None


def _is_beside(reader: Kernel, producer: Kernel, store: Store) -> bool:
    """Whether ``reader`` runs in the same loop over time, or in one while the cheap ``producer`` runs in none."""
    if reader.span == producer.span:
        return True
    return producer.span is None and cost(store.value) <= CHEAP


def _is_monomial(value: Scalar) -> bool:
    """A constant, a load, or constants times one load: at most one multiplication and one read."""
    nodes = list(walk(value))
    if any(isinstance(node, Apply) and node.primitive not in ("mul", "neg") for node in nodes):
        return False
    loads = [node for node in nodes if isinstance(node, Load)]
    if cost(value) > 1 or len(loads) > 1 or any(is_gather(load) for load in loads):
        return False
    return all(isinstance(index, Index | Const) for load in loads for index in load.indices)


def _reads_each_once(reader: Kernel, store: Store) -> bool:
    """Whether ``reader`` has one load of the target, in one statement whose iterations match the target's elements."""
    places = list(_places(reader.body, ()))
    using = [(scope, value) for scope, value in places if any(_loads(value, store.buffer))]
    if len(using) != 1:
        return False
    scope, value = using[0]
    distinct = set(_loads(value, store.buffer))
    if len(distinct) != 1 or cost(value) + cost(store.value) > LARGEST:
        return False
    (load,) = distinct
    pairs = zip(load.indices, store.indices, strict=True)
    time = Size(reader.span.time) if reader.span else None
    moving = [mine for mine, own in pairs if mine not in (own, time) or not isinstance(mine, Size)]  # at the same time
    names = [index.name for index in moving if isinstance(index, Index)]
    return len(names) == len(moving) == len(set(names)) and set(names) == set(scope)


def _loads(value: Scalar, buffer: str) -> list[Load]:
    return [node for node in walk(value) if isinstance(node, Load) and node.tensor == buffer]


def _places(body: tuple[Statement, ...], scope: tuple[str, ...]) -> list[tuple[tuple[str, ...], Scalar]]:
    """Every scalar of ``body`` with the indices that are bound around it."""
    found: list[tuple[tuple[str, ...], Scalar]] = []
    for statement in body:
        match statement:
            case Let(_, value):
                found.append((scope, value))
            case Reduce(_, _, axes, value):
                found.append(((*scope, *(axis.index for axis in axes)), value))
            case Store(_, indices, value, _):
                found += [(scope, part) for part in (*indices, value)]
            case Nest(axes, inner):
                found += _places(inner, (*scope, *(axis.index for axis in axes)))
    return found


def inlined(kernel: Kernel, store: Store) -> Kernel:
    """``kernel`` computing the value of ``store`` where it reads it."""

    def change(scalar: Scalar) -> Scalar:
        if isinstance(scalar, Load) and scalar.tensor == store.buffer:
            return substitute(store.value, dict(zip(store.indices, scalar.indices, strict=True)))
        return scalar

    return replace(
        kernel, body=tuple(map_statement(part, lambda scalar: map_scalar(scalar, change)) for part in kernel.body)
    )


__all__ = ["inline", "inlined", "pointwise"]
