"""What the calls of a program touch: which parts of buffers follow from the parts of loops that a worker takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from symdl_codegen.emit import Call, Share
from symdl_codegen.emit.shares import places_of
from symdl_codegen.ir import (
    Axis,
    Const,
    Contract,
    Index,
    Kernel,
    Load,
    Local,
    Module,
    Scalar,
    Size,
    axes_of,
    statements,
    walk,
)
from symdl_codegen.runtime.traffic import Along, Touch
from symdl_codegen.scalars import ZERO, add, affine, mul

Places = Sequence[tuple[Scalar, ...]]


def touches(module: Module, calls: Sequence[Call]) -> list[tuple[Touch, ...]]:
    """What each call touches besides the scratch of each worker, which no other one sees."""
    found = []
    for kernel, call in zip(module.kernels, calls, strict=True):
        places = [places_of(kernel, stored) for stored in (False, True)]
        if any(isinstance(part, Contract) and part.symmetric for part in statements(kernel.body)):
            places = [{}, {}]  # its columns are from both ends
        axes = _axes(kernel, module)
        own: list[Touch] = []
        for name in sorted(kernel.reads | kernel.writes):
            if module.buffers[name].role == "scratch":
                continue
            for writes, names, mine in ((False, kernel.reads, places[0]), (True, kernel.writes, places[1])):
                if name in names:
                    touch = _touch(name, writes, mine.get(name, []), call, axes)
                    if own and replace(own[-1], writes=True) == touch:  # read where it is written
                        own.pop()
                    own.append(touch)
        found.append(tuple(own))
    return found


def _touch(name: str, writes: bool, places: Places, call: Call, axes: Mapping[str, Axis]) -> Touch:
    along = tuple(a for number, share in enumerate(call.shares) for a in _along(number, share, places, axes))
    return Touch(name, writes, along, tuple(_still(places)))


def _axes(kernel: Kernel, module: Module) -> dict[str, Axis]:
    """The loops of ``kernel`` by the name of their index, of those whose length is the same in each of its calls."""
    found: dict[str, Axis] = {}
    twice: set[str] = set()
    for axis in axes_of(kernel.body):
        if found.setdefault(axis.index, axis) != axis:
            twice.add(axis.index)
    varying = {kernel.span.time} if kernel.span else set()
    varying |= set(kernel.strip.sizes) if kernel.strip else set()
    known = module.sizes.keys() - varying
    return {
        index: axis
        for index, axis in found.items()
        if index not in twice
        and (isinstance(axis.extent, Const) or (isinstance(axis.extent, Size) and axis.extent.name in known))
    }


def _along(number: int, share: Share, places: Places, axes: Mapping[str, Axis]) -> Iterator[Along]:
    """The positions where every one of ``places`` moves along ``share`` by the same step."""
    for position in range(min(map(len, places), default=0)):
        spans = [_span(place[position], share.axes[0].index, axes) for place in places]
        known = [span for span in spans if span is not None]
        if len(known) == len(spans) and len({step for step, _, _ in known}) == 1:
            reach = dict.fromkeys((low, high) for _, low, high in known)
            yield Along(number, position, known[0][0], tuple(reach))


def _span(scalar: Scalar, index: str, axes: Mapping[str, Axis]) -> tuple[int, Scalar, Scalar] | None:
    """The step of ``scalar`` along ``index``, and between what it is where that is zero; None if it is not known."""
    steps = dict(affine(scalar) or {})
    step, low = steps.pop(index, ZERO), steps.pop(None, ZERO)
    if not (isinstance(step, Const) and step.value >= 1 and isinstance(low, Const)):
        return None
    high: Scalar = low
    found: Scalar = low
    for key, moved in steps.items():
        if key is None or key not in axes or not isinstance(moved, Const):
            return None
        reach = mul(moved, add(axes[key].extent, Const(-1)))
        if moved.value > 0:
            high = add(high, reach)
        else:
            found = add(found, reach)
    return int(step.value), found, high


def _still(places: Places) -> Iterator[int]:
    """The positions where every one of ``places`` has a number or a size."""
    for position in range(min(map(len, places), default=0)):
        if not any(isinstance(node, Index | Load | Local) for place in places for node in walk(place[position])):
            yield position


__all__ = ["touches"]
