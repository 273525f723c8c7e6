"""Recomputing: what is exact and cheap to compute from a stored tensor is not stored itself."""

from dataclasses import replace

from symdl_codegen.ir import Apply, Const, Kernel, Load, Module, Reduce, Scalar, Store, routines, statements, walk
from symdl_codegen.passes.inline import inlined, pointwise
from symdl_codegen.scalars import cost, is_plain

EXACT = frozenset({"max", "min", "abs", "neg", "where", "lt", "le", "eq", "and", "or", "not"})  # nothing is rounded
MOST = 3  # operations


def recompute(module: Module) -> Module:
    """Compute a pointwise equation of one tensor where it is read, if that tensor stays in memory for another reader.

    before: z[i] = f(i); a[i] = max(z[i], 0.0); m = max over i of a[i]; d[i] = where(z[i] > 0.0, g[i], 0.0)
    after:  z[i] = f(i); m = max over i of max(z[i], 0.0); d[i] = where(z[i] > 0.0, g[i], 0.0)

    Readers may take the largest or smallest of several values, but not sum them up: contractions and linear algebra
    read memory. The same bits come out wherever it is computed.
    """
    kept = {*module.outputs.values(), module.guard, *(value for _, value in module.updates)}
    kept |= {load.tensor for kernel in module.kernels for part in routines(kernel) for load in part.operands}
    kernels = list(module.kernels)
    for kernel in module.kernels:
        producer = next(k for k in kernels if k.name == kernel.name)
        store = pointwise(producer)
        if store is None or producer.phase != "step" or producer.span is not None:
            continue
        if store.buffer in kept or not _is_cheap(store.value):
            continue
        (source,) = {node.tensor for node in walk(store.value) if isinstance(node, Load)}
        readers = [k for k in kernels if store.buffer in k.reads]
        stays = any(source in k.reads for k in kernels if k is not producer)
        if readers and stays and all(_may_read(k, store, source) for k in readers):
            kernels = [inlined(k, store) if k in readers else k for k in kernels if k is not producer]
    written = {name for k in kernels for name in k.writes}
    buffers = {n: b for n, b in module.buffers.items() if b.role != "temporary" or n in written}
    return replace(module, kernels=tuple(kernels), buffers=buffers)


def _is_cheap(value: Scalar) -> bool:
    """Whether ``value`` is a few exact operations on one element."""
    nodes = list(walk(value))
    loads = {node for node in nodes if isinstance(node, Load)}
    if len(loads) != 1 or not is_plain(next(iter(loads))) or cost(value) > MOST:
        return False
    inside = {node for load in loads for index in load.indices for node in walk(index)}
    return all(node in loads or node in inside or isinstance(node, Const) or _is_exact(node) for node in nodes)


def _is_exact(node: Scalar) -> bool:
    return isinstance(node, Apply) and node.primitive in EXACT


def _may_read(kernel: Kernel, store: Store, source: str) -> bool:
    """Whether ``kernel`` may compute the value itself: at a time when ``source`` is as it was."""
    if kernel.phase != "step" or kernel.span is not None or source in kernel.writes:
        return False
    sums = [part for part in statements(kernel.body) if isinstance(part, Reduce) and part.op not in ("max", "min")]
    return not any(isinstance(node, Load) and node.tensor == store.buffer for part in sums for node in walk(part.value))


__all__ = ["recompute"]
