"""Rows: equations over the same outer axes run in one nest, so that each finds in the cache what the last has left.

Softmax, layer norm, their gradients, the rows between the two products of attention: chains of pointwise equations,
reductions and contractions that agree in some axes. What only the chain reads becomes scratch of one iteration.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from symdl_codegen.ir import (
    Axis,
    Const,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Statement,
    Store,
    axes_of,
    loads_of,
    map_scalar,
    map_statement,
    statements,
)
from symdl_codegen.scalars import ONE, strides
from symdl_codegen.schedule.contractions import sides
from symdl_codegen.schedule.row_scratch import in_scratch
from symdl_codegen.schedule.row_values import row_values

MOST_BUFFERS = 32  # of one nest
MOST_PARTS = 16  # inner nests of one nest: compilation takes longer than in proportion
CACHED = 1 << 17  # elements of one iteration that stay in a core's cache
UNKNOWN = 256  # what a size is taken for that is not known yet
FEWEST = 8  # iterations that workers can divide among themselves


def rows(module: Module) -> Module:
    """Join kernels over the outer axes that they have in common.

    before: for n: m[n] = max over k of x[n,k]        after: for n: m = max over k of x[n,k]
            for n: s[n] = add over k of exp(x[n,k]-m[n])            s = add over k of exp(x[n,k]-m)
            for n, k: y[n,k] = exp(x[n,k]-m[n])/s[n]                for k: y[n,k] = exp(x[n,k]-m)/s

    Kernels are joined where the later one reads of what the earlier one writes only the same iteration, or where both
    read the same tensor. The axis along which a kernel's operands are contiguous stays inside, as do the rows and
    columns of a contraction. Nothing is joined over fewer iterations than workers can share, nor where what is handed
    on does not stay in the cache.
    """
    chains: list[_Chain | Kernel] = [
        _chain(kernel, number, module) or kernel for number, kernel in enumerate(module.kernels)
    ]
    for all_axes in (True, False):  # the longest chains of the shortest rows first
        position = 0
        while position < len(chains):
            found = _join_with_earlier(chains, position, module, all_axes)
            if found is None:
                position += 1
            else:
                chains, position = found
    kernels = [chain.kernel() if isinstance(chain, _Chain) else chain for chain in chains]
    module = replace(module, kernels=tuple(kernels), buffers=dict(module.buffers))
    joined = {chain.name for chain in chains if isinstance(chain, _Chain) and len(chain.notes) > 1}
    for place, kernel in enumerate(kernels):
        if kernel.name in joined:
            kernels[place] = row_values(in_scratch(kernel, module), module.buffers)
    used = {name for kernel in kernels for name in kernel.reads | kernel.writes}
    buffers = {name: buffer for name, buffer in module.buffers.items() if buffer.role != "temporary" or name in used}
    return replace(module, kernels=tuple(kernels), buffers=buffers)


@dataclass(frozen=True)
class _Chain:
    """Kernels joined over ``common`` axes, of which each store has every one as an index."""

    name: str
    phase: str
    span: object
    notes: tuple[str, ...]
    common: tuple[Axis, ...]
    parts: tuple[Statement, ...]
    first: Kernel

    @cached_property
    def reads(self) -> frozenset[str]:
        return frozenset(load.tensor for load in loads_of(self.parts))

    @cached_property
    def stores(self) -> dict[str, Store]:
        return {part.buffer: part for part in statements(self.parts) if isinstance(part, Store)}

    @property
    def writes(self) -> frozenset[str]:
        return frozenset(self.stores)

    def kernel(self) -> Kernel:
        """The chain as a kernel."""
        if len(self.notes) == 1:
            return self.first
        note = "\n".join(dict.fromkeys(line for text in self.notes for line in text.splitlines()))
        body = _numbered((Nest(self.common, self.parts),))
        return replace(self.first, body=body, note=note)


def _chain(kernel: Kernel, number: int, module: Module) -> _Chain | None:
    """A kernel that may be joined with others, or None."""
    match kernel.body:
        case (Nest(axes, inner),) if kernel.phase == "step" and not kernel.strip:
            if not all(isinstance(p, Let | Reduce) or (isinstance(p, Store) and p.op is None) for p in inner):
                return None
        case _:
            return None
    plain = {Index(axis.index) for axis in axes}
    for part in inner:
        if isinstance(part, Store):
            moving = [index for index in part.indices if not isinstance(index, Size)]
            if len(moving) != len(plain) or set(moving) != plain:
                return None
    inside = _kept_inside(axes, inner, module)
    common = tuple(axis for axis in axes if axis.index not in inside)
    rest = tuple(axis for axis in axes if axis.index in inside)
    if not common:
        return None
    parts = (Nest(rest, inner),) if rest else inner
    names = {name: f"{name}.{number}" for name in {axis.index for axis in axes_of(kernel.body)}}
    local = {part.local.name: f"{part.local.name}.{number}" for part in inner if isinstance(part, Let | Reduce)}
    common = tuple(Axis(names[axis.index], axis.extent) for axis in common)
    notes = (kernel.note,)
    return _Chain(kernel.name, kernel.phase, kernel.span, notes, common, _renamed(parts, names, local), kernel)


def _kept_inside(axes: tuple[Axis, ...], inner: tuple[Statement, ...], module: Module) -> set[str]:
    """The axes that the joined kernel must not have outside: rows and columns, or the contiguous one."""
    left, right = sides(axes, inner, module.buffers)
    if left and right:
        return left | right
    reduced = [axis for part in inner if isinstance(part, Reduce) for axis in part.axes]
    found = {axis.index: (0, 0) for axis in (*axes, *reduced)}  # the order of what moves along it, and how much does
    stores = [Load(part.buffer, part.indices) for part in inner if isinstance(part, Store)]
    for load in (*dict.fromkeys(loads_of(inner)), *stores):
        moving = strides(load, module.buffers[load.tensor].shape) or {}
        order = len(moving.keys() & found.keys())
        for name in [name for name, step in moving.items() if name in found and step == ONE]:
            best, count = found[name]
            found[name] = max((best, count), (order, count + 1 if order == best else 1))
    last = axes[-1].index if axes else ""
    name = max(found, key=lambda name: (found[name], name == last), default="")
    return {name} if found.get(name, (0, 0)) > (0, 0) else set()


def _renamed(body: tuple[Statement, ...], indices: dict[str, str], local: dict[str, str]) -> tuple[Statement, ...]:
    """``body`` with indices and locals renamed, where they are bound and where they are read."""

    def node(scalar: Scalar) -> Scalar:
        match scalar:
            case Index(name) if name in indices:
                return Index(indices[name])
            case Local(name, kind) if name in local:
                return Local(local[name], kind)
        return scalar

    def bound(part: Statement) -> Statement:
        if isinstance(part, Nest):
            return replace(part, body=tuple(map(bound, part.body)))
        if isinstance(part, Let | Reduce) and part.local.name in local:
            return replace(part, local=Local(local[part.local.name], part.local.kind))
        return part

    def axis(axis: Axis) -> Axis:
        return Axis(indices.get(axis.index, axis.index), axis.extent)

    return tuple(bound(map_statement(part, lambda scalar: map_scalar(scalar, node), axis)) for part in body)


def _numbered(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """``body`` with indices and locals in short names that tell where they came from."""
    taken: set[str] = set()

    def short(name: str) -> str:
        base = name.partition(".")[0]
        candidate, number = base, 2
        while candidate in taken:
            candidate, number = f"{base}_{number}", number + 1
        taken.add(candidate)
        return candidate

    indices = {name: short(name) for name in dict.fromkeys(axis.index for axis in axes_of(body))}
    bound = [part.local.name for part in statements(body) if isinstance(part, Let | Reduce)]
    return _renamed(body, indices, {name: short(name) for name in dict.fromkeys(bound)})


def _join_with_earlier(
    chains: list["_Chain | Kernel"], later: int, module: Module, all_axes: bool
) -> tuple[list["_Chain | Kernel"], int] | None:
    second = chains[later]
    if not isinstance(second, _Chain):
        return None
    for shares in (False, True):  # what it reads of another first, then what it reads as another does
        for earlier in range(later - 1, -1, -1):
            first = chains[earlier]
            if not isinstance(first, _Chain) or first.span != second.span:
                continue
            handed_on = first.writes & second.reads
            if bool(handed_on) == shares or (shares and not first.reads & second.reads):
                continue
            order = _moved(chains, earlier, later)
            joined = _joined(first, second, module, all_axes) if order else None
            if order and joined:
                before, after = order
                return [*chains[:earlier], *before, joined, *after, *chains[later + 1 :]], earlier + len(before)
    return None


def _moved(
    chains: list["_Chain | Kernel"], earlier: int, later: int
) -> "tuple[list[_Chain | Kernel], list[_Chain | Kernel]] | None":
    """What stands between two kernels, as what may run before both and what must run after both; None if neither."""
    between, depending = chains[earlier + 1 : later], set(chains[earlier].writes)
    after: list[_Chain | Kernel] = []
    taken: set[int] = set()  # by identity: to compare kernels takes long
    loops: set[object] = set()
    found = True
    while found:  # again where a loop reads what comes later in it
        found = False
        for kernel in between:
            loop = _group(kernel)
            if id(kernel) not in taken and (kernel.reads & depending or loop in loops):
                found = True
                after.append(kernel)
                taken.add(id(kernel))
                depending |= kernel.writes
                loops |= {loop} - {None}
    last = chains[later]
    own = _group(last)
    if own in loops or any(kernel.writes & last.reads for kernel in after):
        return None
    return [kernel for kernel in between if id(kernel) not in taken], [k for k in between if id(k) in taken]


def _group(kernel: "_Chain | Kernel") -> object:
    """What must stay together: the strip or the loop of a kernel."""
    return getattr(kernel, "strip", None) or getattr(kernel.span, "loop", None)


def _joined(first: _Chain, second: _Chain, module: Module, all_axes: bool) -> _Chain | None:
    """One chain that does both, or None where they have not enough axes in common or where it does not pay."""
    flows = bool(first.writes & second.reads)
    pairs = _matching(first, second) if flows else _reading_alike(first, second)
    common = tuple(axis for axis in first.common if axis.index in pairs)
    if all_axes and not len(common) == len(first.common) == len(second.common):
        return None
    if not common or len(first.parts) + len(second.parts) > MOST_PARTS:
        return None
    if len(first.reads | first.writes | second.reads | second.writes) > MOST_BUFFERS:
        return None
    names = {axis.index for axis in common}
    shared = (first.writes | first.reads) & second.reads
    inside = max(_length(first, buffer, names, module) for buffer in shared)
    if inside > CACHED or _iterations(common) < FEWEST:
        return None
    below = [axis for axis in first.common if axis.index not in names]
    parts = _inside(below, first.parts)
    back = {mine: name for name, mine in pairs.items()}
    below = [axis for axis in second.common if axis.index not in back]
    more = _renamed(_inside(below, second.parts), back, {})
    return replace(first, common=common, parts=(*parts, *more), notes=(*first.notes, *second.notes))


def _inside(axes: list[Axis], parts: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """``parts`` within loops over ``axes``."""
    match parts:
        case (Nest(more, body),):
            return (Nest((*axes, *more), body),)
    return (Nest(tuple(axes), parts),) if axes else parts


def _matching(first: _Chain, second: _Chain) -> dict[str, str]:
    """For each common axis of ``first`` the one of ``second`` that stands for it where ``second`` reads its stores."""
    pairs: dict[str, set[Scalar]] = {axis.index: set() for axis in first.common}
    for load in loads_of(second.parts):
        if load.tensor in first.stores:
            for mine, yours in zip(load.indices, first.stores[load.tensor].indices, strict=True):
                if isinstance(yours, Index) and yours.name in pairs:
                    pairs[yours.name].add(mine)
                elif isinstance(yours, Size) and mine != yours:  # another time step
                    return {}
    return _one_to_one(first, second, pairs)


def _reading_alike(first: _Chain, second: _Chain) -> dict[str, str]:
    """The axes along which both read the same tensors."""
    pairs: dict[str, set[Scalar]] = {axis.index: set() for axis in first.common}
    for load in loads_of(first.parts):
        for other in loads_of(second.parts):
            if other.tensor == load.tensor:
                for mine, yours in zip(other.indices, load.indices, strict=True):
                    if isinstance(yours, Index) and yours.name in pairs:
                        pairs[yours.name].add(mine)
    return _one_to_one(first, second, pairs)


def _one_to_one(first: _Chain, second: _Chain, pairs: dict[str, set[Scalar]]) -> dict[str, str]:
    extents = {axis.index: axis.extent for axis in second.common}
    found: dict[str, str] = {}
    for axis in first.common:
        places = pairs[axis.index]
        if len(places) == 1:
            (place,) = places
            if isinstance(place, Index) and extents.get(place.name) == axis.extent:
                found[axis.index] = place.name
    return found if len(set(found.values())) == len(found) else {}


def _iterations(axes: tuple[Axis, ...]) -> int:
    return prod(_number(axis.extent) for axis in axes)


def _number(extent: Scalar) -> int:
    return int(extent.value) if isinstance(extent, Const) else UNKNOWN


def _length(chain: _Chain, buffer: str, common: set[str], module: Module) -> int:
    """The elements of ``buffer`` that one iteration over ``common`` sees, at most."""
    loads = [Load(part.buffer, part.indices) for part in chain.stores.values() if part.buffer == buffer]
    loads += [load for load in loads_of(chain.parts) if load.tensor == buffer]
    return max(
        prod(
            _number(extent)
            for index, extent in zip(load.indices, module.buffers[buffer].shape, strict=True)
            if not (isinstance(index, Size) or (isinstance(index, Index) and index.name in common))
        )
        for load in loads
    )


__all__ = ["rows"]
