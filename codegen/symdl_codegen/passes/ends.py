"""Ends: a sum leaves out its first and last terms where a factor is zero there by its place."""

from dataclasses import dataclass, replace

from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Index,
    Kernel,
    Load,
    Module,
    Nest,
    Reduce,
    Scalar,
    Statement,
    Store,
    map_scalar,
    substitute,
)
from symdl_codegen.passes.fuse import without_dead_stores
from symdl_codegen.passes.inline import pointwise
from symdl_codegen.scalars import ZERO, add, affine, mul

MOST = 8  # terms left out at the last end

Ends = tuple[int, int]  # how many terms at the first and at the last end


@dataclass(frozen=True)
class Copy:
    """``store`` keeps what ``source`` holds, but zeros at the ``ends`` of ``axis``."""

    store: Store
    axis: Axis
    ends: Ends
    source: Load


def ends(module: Module) -> Module:
    """Sum over the places where no factor is zero, and read there what the factor copies.

    before: c[t,j] = where(t == 0, 0.0, h[t-1,j]); s[i,j] = add over t < T of c[t,j]*d[t,i]
    after:  s[i,j] = add over t < T-1 of h[t,j]*d[t+1,i]

    Such is the state that each step of a recurrence begins with, and which the gradient of its weights sums up.
    """
    found = [_copy(kernel, module) for kernel in module.kernels if kernel.phase == "step" and _is_alone(kernel)]
    copies = {copy.store.buffer: copy for copy in found if copy is not None}
    if not copies:
        return module
    kernels = tuple(replace(kernel, body=_without_ends(kernel, copies)) for kernel in module.kernels)
    return without_dead_stores(replace(module, kernels=kernels))


def _is_alone(kernel: Kernel) -> bool:
    """Whether ``kernel`` is in no loop over time, nor in a part of one."""
    return kernel.span is None and kernel.strip is None


def _copy(kernel: Kernel, module: Module) -> Copy | None:
    """What ``kernel`` stores, if it is a load but for zeros at the ends of an axis."""
    store = pointwise(kernel)
    if store is None or module.buffers[store.buffer].role != "temporary":
        return None
    match store.value:
        case Apply("where", (condition, Const(0.0), Load() as load)):
            holds = False
        case Apply("where", (condition, Load() as load, Const(0.0))):
            holds = True
        case _:
            return None
    (nest,) = kernel.body
    assert isinstance(nest, Nest)
    if module.buffers[load.tensor].role == "state":  # it may have changed where the sum is taken
        return None
    for axis in nest.axes:
        found = _ends(condition, holds, axis)
        if found is not None:
            return Copy(store, axis, found, load)
    return None


def _ends(condition: Scalar, holds: bool, axis: Axis) -> Ends | None:
    """How many places at the ends of ``axis``, and no others, ``condition`` is not as ``holds`` says at; or None."""
    match condition:
        case Apply("eq", (one, other)) if not holds:
            for first, last in ((1, 0), (0, 1)):
                place = ZERO if first else add(axis.extent, Const(-1))
                if {one, other} == {Index(axis.index), place}:
                    return first, last
        case Apply("le" | "lt" as relation, (small, large)):
            strict = relation == "lt"
            if not holds:
                small, large, strict = large, small, not strict
            line = affine(add(large, mul(Const(-1), small), Const(-strict)))  # at least 0
            if line is None or line.keys() - {None} != {axis.index}:
                return None
            factor, rest = line[axis.index], line.get(None, ZERO)
            if factor == Const(1) and isinstance(rest, Const) and rest.value < 0:
                return -int(rest.value), 0
            for last in range(1, MOST + 1):
                if factor == Const(-1) and rest == add(axis.extent, Const(-1 - last)):
                    return 0, last
    return None


def _without_ends(kernel: Kernel, copies: dict[str, Copy]) -> tuple[Statement, ...]:
    def shortened(part: Statement) -> Statement:
        match part:
            case Nest(axes, body):
                return Nest(axes, tuple(map(shortened, body)))
            case Reduce(_, "add", _, Apply("mul", factors)):
                loads = [load for load in factors if isinstance(load, Load) and load.tensor in copies]
                found = (_shortened(part, load, copies[load.tensor]) for load in loads)
                return next((changed for changed in found if changed is not None), part)
        return part

    return tuple(map(shortened, kernel.body)) if _is_alone(kernel) else kernel.body


def _shortened(part: Reduce, load: Load, copy: Copy) -> Reduce | None:
    """``part`` without the terms where ``load``, one of its factors, is zero; None where it sums along another axis."""
    place = load.indices[copy.store.indices.index(Index(copy.axis.index))]
    found = [axis for axis in part.axes if Index(axis.index) == place and axis.extent == copy.axis.extent]
    if not found:
        return None
    first, last = copy.ends
    extent = add(copy.axis.extent, Const(-first - last))
    extent = Const(max(extent.value, 0)) if isinstance(extent, Const) else Apply("max", (ZERO, extent))
    source = substitute(copy.source, dict(zip(copy.store.indices, load.indices, strict=True)))
    value = substitute(part.value, {load: source})
    value = map_scalar(substitute(value, {place: add(place, Const(first))}), _folded)
    axes = tuple(replace(axis, extent=extent) if axis in found else axis for axis in part.axes)
    return replace(part, axes=axes, value=value)


def _folded(node: Scalar) -> Scalar:
    """An index with its constants added up."""
    is_index = isinstance(node, Apply) and node.primitive == "add" and affine(node) is not None
    return add(*node.arguments) if is_index else node


__all__ = ["ends"]
