"""Sweeps over time as strips: local buffers, what is kept between blocks, sums that grow block by block."""

from dataclasses import replace
from typing import Any

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
    Size,
    Statement,
    Store,
    Strip,
    Tensor,
    loads_of,
    map_statement,
)
from symdl_codegen.lower.equations import identity
from symdl_codegen.passes.sweeps import Sweeps
from symdl_codegen.scalars import add, text


class Blocks:
    """The module that makes ``sweeps``, each a strip."""

    def __init__(self, sweeps: Sweeps) -> None:
        self.sweeps, self.width = sweeps, sweeps.width
        self.buffers = dict(sweeps.module.buffers)
        taken = {kernel.strip.name for kernel in sweeps.module.kernels if kernel.strip}
        number = len(taken)
        self.strips: dict[int, Strip] = {}
        for position in sweeps.members:
            direction = sweeps.reverse.get(position, False)
            self.strips[position] = Strip(f"sweep{number}", sweeps.extent, self.width, direction)
            number += 1
        self.names = {kernel.name for kernel in sweeps.module.kernels}
        self.local: dict[tuple[str, int], str] = {}
        self.saved: dict[tuple[str, str], str] = {}
        self.last: dict[str, str] = {}

    def module(self) -> Module:
        """The module with strips."""
        sweeps = self.sweeps
        self._declare()
        step = [kernel for kernel in sweeps.module.kernels if kernel.phase == "step"]
        kernels: list[Kernel] = []
        for position in range(max(sweeps.home.values(), default=0) + 1):
            if position in sweeps.members:
                kernels += self._sweep(position)
            elif position % 2 == 0:
                kernels += [self._outside(k) for k in step if sweeps.home[k.name] == position]
        kernels += [self._outside(kernel) for kernel in sweeps.module.kernels if kernel.phase != "step"]
        buffers = {name: buffer for name, buffer in self.buffers.items() if not sweeps.in_blocks(name)}
        return replace(sweeps.module, kernels=tuple(kernels), buffers=buffers)

    # Buffers

    def _declare(self) -> None:
        sweeps = self.sweeps
        blocks = Apply("floordiv", (add(sweeps.extent, Const(self.width - 1)), Const(self.width)))
        for position, members in sweeps.members.items():
            for name in {name for kernel in members for name in kernel.writes if sweeps.in_blocks(name)}:
                at = (name, position)
                steps = self.margin(name) + self.width + self._most(name, "after")
                self.local[at] = self._buffer(f"{name}_block", name, Const(steps))
                if position != sweeps.home[sweeps.writer[name].name]:
                    side = "before" if self.strips[position].reverse else "after"
                    if getattr(sweeps, side).get(at, 0) and (name, side) not in self.saved:
                        extents = (add(blocks, Const(1)), Const(self._most(name, side)))
                        self.saved[name, side] = self._buffer(f"{name}_kept", name, *extents)
        for kernel in sweeps.module.kernels:
            for name, _ in sweeps.ends(kernel):
                if name not in self.last:
                    self.last[name] = self._buffer(f"{name}_end", name)

    def _buffer(self, label: str, like: str, *extents: Scalar) -> str:
        """A new buffer as ``like``, with ``extents`` in place of its time axis."""
        while label in self.buffers:
            label += "_"
        source, axis = self.sweeps.module.buffers[like], self.sweeps.time.axis[like]
        self.buffers[label] = Tensor(label, (*source.shape[:axis], *extents, *source.shape[axis + 1 :]), source.kind)
        return label

    def margin(self, name: str) -> int:
        """The entries of a local buffer before those of the block, as many in every sweep: kernels are shared."""
        return self._most(name, "before")

    def _most(self, name: str, side: str) -> int:
        """How many steps of ``name`` on a side of a block any sweep reads."""
        found: dict[tuple[str, int], int] = getattr(self.sweeps, side)
        return max((count for (other, _), count in found.items() if other == name), default=0)

    # Kernels

    def _sweep(self, position: int) -> list[Kernel]:
        sweeps, strip = self.sweeps, self.strips[position]
        members = sweeps.members[position]
        own = [kernel for kernel in members if sweeps.home[kernel.name] == position]
        starts = [self._start(kernel) for kernel in own if sweeps.sum_of(kernel)]
        written = sorted({name for kernel in members for name in kernel.writes if sweeps.in_blocks(name)})
        body = [kernel for name in written for kernel in self._entered(name, position)]
        body += [self._inside(kernel, position, kernel not in own) for kernel in members]
        for name in sorted({name for kernel in own for name in kernel.writes if sweeps.in_blocks(name)}):
            body += self._left(name, position)
        return [*starts, *(replace(kernel, strip=strip) for kernel in body)]

    def _start(self, kernel: Kernel) -> Kernel:
        """What a sum is before the first block."""
        match kernel.body:
            case (Nest(axes, (Reduce(local, op), Store(buffer, indices))),):
                store = Store(buffer, indices, identity(op, local.kind))
                body: tuple[Statement, ...] = (Nest(axes, (store,)),)
            case (clear, _):
                body = (clear,)
        return Kernel(self._name(f"{kernel.name}_start"), body, f"{kernel.name} before the first block")

    def _entered(self, name: str, position: int) -> list[Kernel]:
        """Steps around the block that are known before it begins: from the last block, and from those that were kept.

        Where the last one has been, its entries are those of the block that lies there.
        """
        sweeps, strip, target = self.sweeps, self.strips[position], self.local[name, position]
        before, after, block = self.margin(name), self._most(name, "after"), Size(strip.sizes[0])
        kernels = []
        if sweeps.before.get((name, position)):
            source = target
            place: tuple[Scalar, ...] = (add(Index("u"), Const(self.width)),)
            if strip.reverse:
                source, place = self.saved[name, "before"], (block, Index("u"))
            kernels.append(self._copy(target, name, before, Index("u"), source, place))
        if sweeps.after.get((name, position)):
            where = add(Index("u"), Const(before + self.width))
            source, place = target, (add(Index("u"), Const(before)),)
            if not strip.reverse:
                source, place = self.saved[name, "after"], (add(block, Const(1)), Index("u"))
            kernels.append(self._copy(target, name, after, where, source, place))
        return kernels

    def _left(self, name: str, position: int) -> list[Kernel]:
        """What is kept of a block for later sweeps, and for those who read the last step of all."""
        strip, source = self.strips[position], self.local[name, position]
        before, block, steps = self.margin(name), Size(strip.sizes[0]), Size(strip.sizes[2])
        kernels = []
        if (name, "before") in self.saved:
            target, where, place = self.saved[name, "before"], (add(block, Const(1)), Index("u")), Const(self.width)
            kernels.append(self._copy(target, name, before, where, source, (add(Index("u"), place),)))
        if (name, "after") in self.saved:
            target, count = self.saved[name, "after"], self._most(name, "after")
            kernels.append(
                self._copy(target, name, count, (block, Index("u")), source, (add(Index("u"), Const(before)),))
            )
        if name in self.last:
            final: Scalar = Const(before) if strip.reverse else add(steps, Const(before - 1))
            kernels.append(self._copy(self.last[name], name, None, (), source, (final,)))
        return kernels

    def _copy(
        self,
        target: str,
        name: str,
        count: int | None,
        where: Scalar | tuple[Scalar, ...],
        source: str,
        place: tuple[Scalar, ...],
    ) -> Kernel:
        """``target`` at ``where`` along the time of ``name`` takes what ``source`` has at ``place``, for u < count."""
        axis, shape = self.sweeps.time.axis[name], self.sweeps.module.buffers[name].shape
        others = [Axis(f"u{position}", extent) for position, extent in enumerate(shape) if position != axis]
        axes = [*others[:axis], *([] if count is None else [Axis("u", Const(count))]), *others[axis:]]
        front, back = ([Index(other.index) for other in part] for part in (others[:axis], others[axis:]))
        where = where if isinstance(where, tuple) else (where,)
        store = Store(target, (*front, *where, *back), Load(source, (*front, *place, *back)))
        note = f"{text(Load(store.buffer, store.indices))} = {text(store.value)}"
        return Kernel(self._name(f"{target}_from_{source}"), (Nest(tuple(axes), (store,)),), note)

    def _name(self, label: str) -> str:
        while label in self.names:
            label += "_"
        self.names.add(label)
        return label

    def _outside(self, kernel: Kernel) -> Kernel:
        if not any(self.sweeps.in_blocks(load.tensor) for load in loads_of(kernel.body)):
            return kernel
        change = self._change(kernel, 0)
        return replace(kernel, body=tuple(map_statement(part, change) for part in kernel.body))

    def _inside(self, kernel: Kernel, position: int, again: bool) -> Kernel:
        """``kernel`` for one block; a sum over time adds to what it has of other blocks."""
        own, steps = self.sweeps.time.own[kernel.name], Size(self.strips[position].sizes[2])
        change = self._change(kernel, position)

        def axis(one: Axis) -> Axis:
            return replace(one, extent=steps) if Index(one.index) == own else one

        body = kernel.body
        match body:
            case (Nest(axes, (Reduce(local, op) as sum_, Store(buffer, indices) as store)),) if self.sweeps.sum_of(
                kernel
            ):
                value: Any = (Load(buffer, indices), local)  # one of them is a Local
                grown = replace(store, value=Apply(op, value))
                body = (Nest(axes, (sum_, grown)),)
            case (_, nest) if self.sweeps.sum_of(kernel):
                body = (nest,)
        body = tuple(self._statement(map_statement(part, lambda s: s, axis), change) for part in body)
        span = kernel.span
        if span:
            loop = f"{span.loop} of {self.strips[position].name}"
            span = replace(span, loop=loop, extent=steps, first=Const(0), last=steps, checkpoint=None)
        name = self._name(f"{kernel.name}_again") if again else kernel.name
        return replace(kernel, name=name, body=body, span=span)

    def _statement(self, part: Statement, change: "_Change") -> Statement:
        if isinstance(part, Nest):
            return replace(part, body=tuple(self._statement(inner, change) for inner in part.body))
        if isinstance(part, Store):
            place = change(Load(part.buffer, part.indices))
            return replace(part, buffer=place.tensor, indices=place.indices, value=change(part.value))
        return map_statement(part, change)

    def _change(self, kernel: Kernel, position: int) -> "_Change":
        return _Change(self, kernel, position)


class _Change:
    """A scalar of ``kernel`` as it is in the sweep at ``position``, or outside of sweeps where that is 0."""

    def __init__(self, blocks: Blocks, kernel: Kernel, position: int) -> None:
        self.blocks, self.kernel, self.position = blocks, kernel, position
        self.own = blocks.sweeps.time.own.get(kernel.name) if position else None

    def __call__(self, scalar: Scalar) -> Scalar:
        """The scalar with times counted from the block's start where buffers are local to it."""
        if self.own is not None and scalar == self.own:
            return add(Size(self.blocks.strips[self.position].sizes[1]), self.own)
        if isinstance(scalar, Apply):
            return Apply(scalar.primitive, tuple(map(self, scalar.arguments)))
        if isinstance(scalar, Load):
            return self._load(scalar)
        return scalar

    def _load(self, load: Load) -> Load:
        sweeps = self.blocks.sweeps
        if not sweeps.in_blocks(load.tensor):
            return Load(load.tensor, tuple(map(self, load.indices)))
        axis, shift = sweeps.time.axis[load.tensor], sweeps.shift(self.kernel, load)
        front, back = (tuple(map(self, part)) for part in (load.indices[:axis], load.indices[axis + 1 :]))
        if shift is None:
            return Load(self.blocks.last[load.tensor], (*front, *back))
        assert self.own is not None
        at = (load.tensor, self.position)
        place = add(self.own, Const(self.blocks.margin(load.tensor) + shift))
        return Load(self.blocks.local[at], (*front, place, *back))


__all__ = ["Blocks"]
