"""Transposes: a tensor that is read across its rows is stored the other way round, where that costs less."""

from symdl_codegen.ir import Index, Kernel, Load, Module, Store, loads_of, statements
from symdl_codegen.schedule.layout_cost import kernel_cost
from symdl_codegen.schedule.layouts import moved

GAIN = 0.9  # a transpose stays where it leaves at most this part of the cost of the kernels that know the tensor
SWEEPS = 3  # over all tensors: a transpose may make another one pay


def transposes(module: Module) -> Module:
    """Move an axis of a temporary behind the others, one tensor at a time.

    before: d[q,k] = add over i of ...; s[q] = add over k of p[q,k]*g[k,q]
    after:  the same with g[q,k], which its producer stores in either order

    Only where some kernel reads the tensor along another axis than what else it reads.
    """
    cost: dict[str, float] = {}
    for _ in range(SWEEPS):
        before = module
        for name in [name for name, buffer in module.buffers.items() if buffer.role == "temporary" and buffer.shape]:
            module = _transposed(module, name, cost)
        if module is before:
            break
    return module


def _transposed(module: Module, name: str, cost: dict[str, float]) -> Module:
    """``module`` with ``name`` the other way round where that pays; ``cost`` holds the kernels' costs as known."""
    users = [kernel for kernel in module.kernels if name in kernel.reads | kernel.writes]
    for position in sorted({place for kernel in users for place in _across(kernel, name)}):
        other = moved(module, frozenset([(name, position)]))
        if other is None:
            continue
        for kernel in users:
            if kernel.name not in cost:
                cost[kernel.name] = kernel_cost(kernel, module.buffers, module.sizes)
        names = {kernel.name for kernel in users}
        costs = {k.name: kernel_cost(k, other.buffers, other.sizes) for k in other.kernels if k.name in names}
        if sum(costs.values()) <= GAIN * sum(cost[name] for name in names):
            cost |= costs
            return other
    return module


def _across(kernel: Kernel, name: str) -> set[int]:
    """The axes of ``name`` that run along the last one of something else that ``kernel`` reads or writes."""
    stores = [Load(part.buffer, part.indices) for part in statements(kernel.body) if isinstance(part, Store)]
    loads = [*loads_of(kernel.body), *stores]
    last = {load.indices[-1] for load in loads if load.tensor != name and load.indices}
    return {
        position
        for load in loads
        if load.tensor == name
        for position, index in enumerate(load.indices[:-1])
        if isinstance(index, Index) and index in last
    }


__all__ = ["transposes"]
