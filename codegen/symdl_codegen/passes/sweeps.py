"""Sweeps over time: which recurrences, and what is made of them, can be computed together block by block."""

from collections.abc import Iterator
from itertools import groupby

from symdl_codegen.ir import Kernel, Load, Module, Scalar, loads_of, routines
from symdl_codegen.ir_access import stores_of
from symdl_codegen.passes.time_axes import TimeAxes, stepwise, summed


class Sweeps:
    """The sweeps over time that a module needs, and what is computed in each.

    Positions count sweeps and what is between them: sweep s is at 2 s + 1, what may only run before it at 2 s. ``home``
    is the position of each kernel by name, ``reverse`` the direction of the sweep at a position, ``members`` its
    kernels, recomputed ones included. ``kept`` are buffers that keep their entries for all steps. ``before`` and
    ``after`` tell how many steps outside of a block are read in the sweep at a position.
    """

    def __init__(self, module: Module, extent: Scalar, width: int) -> None:
        self.module, self.extent, self.width = module, extent, width
        self.time = TimeAxes(module, extent)
        values = {value for _, value in module.updates}
        self.kept = {*module.outputs.values(), module.guard or "", *values} & self.time.axis.keys()
        self.writer = {name: kernel for kernel in module.kernels for name in kernel.writes}
        known = -1
        while known != len(self.kept):
            known = len(self.kept)
            self._keep_what_is_read_otherwise()
            self._arrange()
            self._gather()

    def is_step(self, kernel: Kernel) -> bool:
        """Whether ``kernel`` computes entries step by step."""
        own = self.time.own.get(kernel.name)
        return own is not None and stepwise(kernel, own)

    def sum_of(self, kernel: Kernel) -> str | None:
        """The buffer in which ``kernel`` adds up over time, if it does."""
        own = self.time.own.get(kernel.name)
        return None if own is None or self.is_step(kernel) else summed(kernel, own)

    def in_sweep(self, kernel: Kernel) -> bool:
        """Whether ``kernel`` runs within a sweep."""
        return self.is_step(kernel) or self.sum_of(kernel) is not None

    def in_blocks(self, buffer: str) -> bool:
        """Whether ``buffer`` has entries for the steps of one block only."""
        return buffer in self.time.axis and buffer not in self.kept

    def shift(self, kernel: Kernel, load: Load) -> int | None:
        """How many steps after its own ``kernel`` reads or writes at ``load``; None where it is at no such step."""
        if load.tensor not in self.time.axis or not self.in_sweep(kernel):
            return None
        return self.time.shift(kernel, load.indices[self.time.axis[load.tensor]])

    def _keep_what_is_read_otherwise(self) -> None:
        for kernel in self.module.kernels:
            for load in loads_of(kernel.body):
                elsewhere = self.in_blocks(load.tensor) and self.shift(kernel, load) is None
                if elsewhere and self.time.end(load.indices[self.time.axis[load.tensor]]) is None:
                    self.kept.add(load.tensor)
            for part in routines(kernel):
                names = {load.tensor for load in (*part.operands, *(place for _, place in part.results))}
                self.kept |= names & self.time.axis.keys()
            for place in stores_of(kernel.body):
                if self.in_blocks(place.tensor) and (not self.is_step(kernel) or self.shift(kernel, place) != 0):
                    self.kept.add(place.tensor)

    def _arrange(self) -> None:
        self.home: dict[str, int] = {}
        self.reverse: dict[int, bool] = {}
        self.available: dict[str, int] = {}
        kernels = [kernel for kernel in self.module.kernels if kernel.phase == "step"]
        for _, together in groupby(kernels, key=_group):
            group = list(together)
            written = {name for kernel in group for name in kernel.writes}
            position = max(self._earliest(kernel, written) for kernel in group)
            span = group[0].span
            if self.in_sweep(group[0]):
                position += position % 2 == 0
                while span and self.reverse.setdefault(position, span.reverse) != span.reverse:
                    position += 2
            else:
                position += position % 2
            for kernel in group:
                self.home[kernel.name] = position
                for name in kernel.writes:
                    self.available[name] = position + (name == self.sum_of(kernel))

    def _earliest(self, kernel: Kernel, written: set[str]) -> int:
        """The first position at which all that ``kernel`` reads is there."""
        found = 0
        for load in (*loads_of(kernel.body), *(load for part in routines(kernel) for load in part.operands)):
            if load.tensor in written:
                continue
            position = self.available.get(load.tensor, 0)
            if position % 2:
                shift = self.shift(kernel, load)
                position += shift is None or self._is_ahead(shift, position)
            found = max(found, position)
        return found

    def _is_ahead(self, shift: int, position: int) -> bool:
        """Whether a sweep comes to a step that far away later than to its own."""
        return shift != 0 and (shift > 0) != self.reverse.setdefault(position, shift > 0)

    def _gather(self) -> None:
        """Find the members of each sweep, and the steps outside of a block that they read."""
        self.members: dict[int, list[Kernel]] = {}
        self.before: dict[tuple[str, int], int] = {}
        self.after: dict[tuple[str, int], int] = {}
        kernels = [kernel for kernel in self.module.kernels if kernel.phase == "step"]
        for position in sorted({place for place in self.home.values() if place % 2}):
            needed = {kernel.name for kernel in kernels if self.home[kernel.name] == position}
            stack = [kernel for kernel in kernels if kernel.name in needed]
            while stack:
                for name, _ in self.reads(stack.pop()):
                    kernel = self.writer[name]
                    if kernel.name not in needed:
                        needed.add(kernel.name)
                        stack.append(kernel)
            self.members[position] = [kernel for kernel in kernels if kernel.name in needed]
            for kernel in self.members[position]:
                for name, shift in self.reads(kernel):
                    at = (name, position)
                    self.before[at] = max(self.before.get(at, 0), -shift)
                    self.after[at] = max(self.after.get(at, 0), shift)
                    if abs(shift) > self.width:
                        self.kept.add(name)
        for kernel in self.module.kernels:
            for name, end in self.ends(kernel):
                if (end == "first") != self.reverse.get(self.home[self.writer[name].name], False):
                    self.kept.add(name)

    def reads(self, kernel: Kernel) -> Iterator[tuple[str, int]]:
        """What ``kernel`` reads of blocks: the buffer, and how many steps after its own."""
        for load in loads_of(kernel.body):
            shift = self.shift(kernel, load) if self.in_blocks(load.tensor) else None
            if shift is not None:
                yield load.tensor, shift

    def ends(self, kernel: Kernel) -> Iterator[tuple[str, str]]:
        """The buffers of which ``kernel`` reads the first or last step of all, and which of the two."""
        for load in loads_of(kernel.body):
            if self.in_blocks(load.tensor) and self.shift(kernel, load) is None:
                yield load.tensor, self.time.end(load.indices[self.time.axis[load.tensor]]) or ""


def _group(kernel: Kernel) -> str:
    """What must stay together: a loop, or a strip."""
    if kernel.strip:
        return f"strip {kernel.strip.name}"
    return f"loop {kernel.span.loop}" if kernel.span else f"kernel {kernel.name}"


__all__ = ["Sweeps"]
