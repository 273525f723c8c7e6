"""Which buffers have an entry for each step of a recurrence, and which kernels compute or add them up step by step."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Index,
    Kernel,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Store,
    loads_of,
    routines,
    statements,
)
from symdl_codegen.ir_access import stores_of
from symdl_codegen.passes.peel import form_of
from symdl_codegen.program import time_shift

NOW = Index("§time")


@dataclass
class TimeAxes:
    """What has to do with loops of ``extent`` steps.

    ``axis`` has the position of the time axis of buffers; ``own`` for each kernel the scalar that is its time: the size
    of its loop, or an index of its nest or reduction.
    """

    module: Module
    extent: Scalar
    axis: dict[str, int] = field(default_factory=dict)
    own: dict[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kernel in self.module.kernels:
            if kernel.span and kernel.span.extent == self.extent and kernel.strip is None:
                self.own[kernel.name] = Size(kernel.span.time)
        before = -1
        while before != len(self.axis) + len(self.own):
            before = len(self.axis) + len(self.own)
            for kernel in self.module.kernels:
                self._follow(kernel)

    def _follow(self, kernel: Kernel) -> None:
        """Find the time of ``kernel`` by the buffers it touches, then time axes of buffers by it."""
        if kernel.name not in self.own:
            if kernel.span or kernel.strip or kernel.phase != "step":
                return
            names = {axis.index for axis in _axes(kernel) if axis.extent == self.extent}
            places = [load.indices[self.axis[load.tensor]] for load in touched(kernel) if load.tensor in self.axis]
            found = {name for name in names for place in places if time_shift(place, name) is not None}
            if len(found) != 1:
                return
            self.own[kernel.name] = Index(*found)
        for load in touched(kernel):
            buffer = self.module.buffers[load.tensor]
            if buffer.role == "temporary" and load.tensor not in self.axis:
                for position, place in enumerate(load.indices):
                    if buffer.shape[position] == self.extent and self.shift(kernel, place) is not None:
                        self.axis[load.tensor] = position

    def shift(self, kernel: Kernel, place: Scalar) -> int | None:
        """The whole number c for which ``place`` is the time of ``kernel`` plus c, or None."""
        own = self.own.get(kernel.name)
        if own is None:
            return None
        return time_shift(_with(place, own), NOW.name)

    def end(self, place: Scalar) -> str | None:
        """``first`` or ``last`` for an index that is one of these steps."""
        form = form_of(place)
        if not form.terms and form.constant == 0:
            return "first"
        distance = form.minus(form_of(self.extent))
        return "last" if not distance.terms and distance.constant == -1 else None


def _with(scalar: Scalar, own: Scalar) -> Scalar:
    if scalar == own:
        return NOW
    if isinstance(scalar, Apply):
        return Apply(scalar.primitive, tuple(_with(argument, own) for argument in scalar.arguments))
    return scalar


def _axes(kernel: Kernel) -> Iterator[Axis]:
    for part in statements(kernel.body):
        if isinstance(part, Nest | Reduce):
            yield from part.axes


def touched(kernel: Kernel) -> Iterator[Load]:
    """What ``kernel`` reads, and what it writes in the form of loads; whole matrices not among them."""
    yield from loads_of(kernel.body)
    yield from stores_of(kernel.body)


def summed(kernel: Kernel, own: Scalar) -> str | None:
    """The buffer in which ``kernel`` adds up over its time, all of it in one sum or scatter; None for other kernels."""
    match kernel.body:
        case (Nest(_, (Reduce(local, _, axes, _), Store(buffer, _, Local() as value, None))),):
            return buffer if value == local and own in [Index(axis.index) for axis in axes] else None
        case (Nest(_, (Store(cleared, _, Const(), None),)), Nest(axes, (Store(buffer, _, _, "add"),))):
            return buffer if cleared == buffer and own in [Index(axis.index) for axis in axes] else None
    return None


def stepwise(kernel: Kernel, own: Scalar) -> bool:
    """Whether ``kernel`` is part of a loop, or one nest along its time that reduces over other axes only."""
    if isinstance(own, Size):
        return not routines(kernel)
    match kernel.body:
        case (Nest(axes, inner),) if own in [Index(axis.index) for axis in axes]:
            return all(
                isinstance(part, Reduce) or (isinstance(part, Store) and part.op is None and own in part.indices)
                for part in inner
            )
    return False


__all__ = ["TimeAxes", "stepwise", "summed"]
