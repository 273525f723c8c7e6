"""Layouts: an axis that many tensors share comes last in all of them, so that vectors run along it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from symdl_codegen.ir import (
    Axis,
    Index,
    Kernel,
    Load,
    Module,
    Nest,
    Reduce,
    Scalar,
    Statement,
    Store,
    free_indices,
    map_scalar,
    map_statement,
    routines,
    scalars_of,
    statements,
    walk,
)
from symdl_codegen.passes.order import by_appearance
from symdl_codegen.scalars import affine
from symdl_codegen.schedule.layout_cost import kernel_cost

GAIN = 0.8  # a layout is taken where it leaves at most this part of the cost

Place = tuple[str, int]  # a buffer and which of its axes
Group = frozenset[Place]
Item = TypeVar("Item")


def layouts(module: Module) -> Module:
    """Move axes behind the others where that makes the whole program cheaper.

    before: z[n,o,y,x] = sum over c, k, l of w[o,c,k,l]*a[n,c,y+k,x+l]
    after:  z[o,y,x,n] = sum over c, k, l of w[o,c,k,l]*a[c,y+k,x+l,n]

    Axes over which the same index runs somewhere move together, so that loops stay contiguous everywhere. Temporaries
    change their layout; what comes from outside is copied where a sum reads it. Only programs that read windows, of
    which one axis of an image is seldom as long as a vector, are considered.
    """
    accesses = [where for kernel in module.kernels for _, where in _accesses(kernel.body)]
    if not any(_is_window(index) for where in accesses for index in where):
        return module
    costs = _Costs()
    cost = costs(module)
    while True:
        ranked = [(costs(other), other) for group in groups(module) if (other := moved(module, group)) is not None]
        best, other = min(ranked, key=lambda entry: entry[0], default=(cost, module))
        if best > GAIN * cost:
            return module
        cost, module = best, other


def _is_window(index: Scalar) -> bool:
    return len([key for key in affine(index) or {} if key is not None]) > 1


class _Costs:
    """What modules cost; a kernel that is the same object in several reads the same there, and is taken once."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[Kernel, float]] = {}

    def __call__(self, module: Module) -> float:
        return sum(self._kernel(kernel, module) for kernel in module.kernels)

    def _kernel(self, kernel: Kernel, module: Module) -> float:
        if id(kernel) not in self.known:
            self.known[id(kernel)] = kernel, kernel_cost(kernel, module.buffers, module.sizes)
        return self.known[id(kernel)][1]


def _accesses(body: tuple[Statement, ...]) -> Iterator[tuple[str, tuple[Scalar, ...]]]:
    """Every buffer that is read or written, and where."""
    for part in statements(body):
        if isinstance(part, Store):
            yield part.buffer, part.indices
    for scalar in scalars_of(body):
        for node in walk(scalar):
            if isinstance(node, Load):
                yield node.tensor, node.indices


def groups(module: Module) -> list[Group]:
    """The axes of buffers, grouped: two belong together where one index runs along both."""
    groups: dict[Place, set[Place]] = {}
    for kernel in module.kernels:
        first: dict[str, Place] = {}
        for name, indices in _accesses(kernel.body):
            for position, index in enumerate(indices):
                if isinstance(index, Index):
                    place = (name, position)
                    known = groups.setdefault(first.setdefault(index.name, place), {first[index.name]})
                    other = groups.setdefault(place, {place})
                    if known is not other:
                        known |= other
                        groups.update(dict.fromkeys(other, known))
    return list(dict.fromkeys(frozenset(group) for group in groups.values()))


def moved(module: Module, group: Group) -> Module | None:
    """``module`` with the axes of ``group`` last; None where none can move."""
    last = _movable(module, group)
    if not any(module.buffers[name].role == "temporary" for name in last):
        return None
    buffers = dict(module.buffers)
    copies: dict[str, str] = {}
    kernels: list[Kernel] = []
    for name, position in last.items():
        buffer = buffers[name]
        if buffer.role == "temporary":
            buffers[name] = replace(buffer, shape=_last(buffer.shape, position))
        elif any(name == load.tensor for kernel in module.kernels for load in _summed(kernel.body)):
            copies[name] = next(free for n in range(len(buffers)) if (free := f"{name}_laid{n or ''}") not in buffers)
            buffers[copies[name]] = replace(
                buffer, name=copies[name], role="temporary", shape=_last(buffer.shape, position)
            )
            kernels.append(_copy(copies[name], name, position, module))
    change = _Change({name: at for name, at in last.items() if buffers[name].role == "temporary"}, copies, last)
    kernels += [change.kernel(kernel) for kernel in module.kernels]
    return replace(module, kernels=tuple(kernels), buffers=buffers)


def _movable(module: Module, group: Group) -> dict[str, int]:
    """Which axis of each buffer moves: those of ``group`` that are alone in their buffer and not last already."""
    pinned = {*module.outputs.values(), module.guard}
    pinned |= {name for kernel in module.kernels if routines(kernel) for name in kernel.reads | kernel.writes}
    found: dict[str, list[int]] = {}
    for name, position in sorted(group):
        found.setdefault(name, []).append(position)
    return {
        name: places[0]
        for name, places in found.items()
        if len(places) == 1 and name not in pinned and places[0] < len(module.buffers[name].shape) - 1
    }


def _last(items: tuple[Item, ...], position: int) -> tuple[Item, ...]:
    return (*items[:position], *items[position + 1 :], items[position])


def _summed(body: tuple[Statement, ...]) -> Iterator[Load]:
    """The loads inside of reductions."""
    for part in statements(body):
        if isinstance(part, Reduce):
            yield from (node for node in walk(part.value) if isinstance(node, Load))


def _copy(target: str, source: str, position: int, module: Module) -> Kernel:
    """The kernel that copies an input into another layout."""
    axes = tuple(Axis(f"u{number}", extent) for number, extent in enumerate(module.buffers[source].shape))
    indices = tuple(Index(axis.index) for axis in axes)
    store = Store(target, _last(indices, position), Load(source, indices))
    return Kernel(target, (Nest(_last(axes, position), (store,)),), f"{target} <- {source}")


class _Change:
    """Rewrites kernels: buffers with an axis last, and copies in the place of inputs that reductions read."""

    def __init__(self, moved: dict[str, int], copies: dict[str, str], positions: dict[str, int]) -> None:
        self.moved, self.copies, self.positions = moved, copies, positions

    def kernel(self, kernel: Kernel) -> Kernel:
        """One kernel, its loops in the order of what it stores."""
        if not (kernel.reads | kernel.writes) & self.positions.keys():
            return kernel
        return replace(kernel, body=tuple(by_appearance(self._statement(part)) for part in kernel.body))

    def _statement(self, part: Statement) -> Statement:
        match part:
            case Store(name, indices, value, op):
                where = tuple(map(self._scalar, indices))
                where = _last(where, self.moved[name]) if name in self.moved else where
                return Store(name, where, self._scalar(value), op)
            case Reduce(local, op, axes, value):
                return Reduce(local, op, axes, map_scalar(self._scalar(value), self._copied))
            case Nest(axes, body):
                body = tuple(map(self._statement, body))
                places = [part.indices for part in body if isinstance(part, Store)]
                order = [name for index in (places[-1] if places else ()) for name in sorted(free_indices(index))]
                if {axis.index for axis in axes} == set(order):
                    axes = tuple(sorted(axes, key=lambda axis: order.index(axis.index)))
                return Nest(axes, body)
        return map_statement(part, self._scalar)

    def _scalar(self, scalar: Scalar) -> Scalar:
        return map_scalar(scalar, self._load)

    def _load(self, node: Scalar) -> Scalar:
        if isinstance(node, Load) and node.tensor in self.moved:
            return Load(node.tensor, _last(node.indices, self.moved[node.tensor]))
        return node

    def _copied(self, node: Scalar) -> Scalar:
        if isinstance(node, Load) and node.tensor in self.copies:
            return Load(self.copies[node.tensor], _last(node.indices, self.positions[node.tensor]))
        return node


__all__ = ["groups", "layouts", "moved"]
