"""Who does what: how workers divide the calls of a program, and where they wait for each other.

Decided when sizes are bound, call by call: the division that takes the least time, what it makes others wait included.
Two calls need a barrier between them where one worker may touch what another one wrote; workers that keep to their own
rows of every buffer, call after call, need none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import prod

from symdl_codegen.emit import Call, Share
from symdl_codegen.emit.shares import places_of, plain_positions
from symdl_codegen.ir import Contract, Kernel, Module, Statement, Store, routines, statements
from symdl_codegen.runtime.calls import turns
from symdl_codegen.runtime.work import Work, work
from symdl_codegen.scalars import evaluate

BARRIER = 150.0  # nanoseconds that a barrier costs, of two workers
CROWD = 40.0  # and more for each further one
WORTH = 0.9  # of the time alone: what working together must not exceed
WHOLE = 8  # a loop that may be cut anywhere is cut at multiples of this, where it is long enough, as tiles are

# What a worker touches of a buffer: nothing, or (position, first, last) for each axis that it keeps to.
Region = tuple[tuple[int, int, int], ...] | None
Part = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Touch:
    """A buffer that a kernel reads or writes; ``along`` has (share, position) where it is read at a shared index."""

    buffer: str
    writes: bool
    along: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Division:
    """A call divided: for each worker first and last of each share, None where it takes no part; nanoseconds it takes.

    ``granules`` are those of the shares. A call that is ``repeated`` is made by each worker for itself.
    """

    parts: tuple[Part | None, ...]
    granules: tuple[int, ...]
    time: float
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A call and its division; or a barrier, where ``call`` is None."""

    call: Call | None
    division: Division | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """``items`` for each time of ``times``."""

    times: range
    items: tuple[Item, ...]
    phase: str
    looped: bool


def touches(module: Module, calls: Sequence[Call]) -> list[tuple[Touch, ...]]:
    """What each call touches besides the scratch of each worker, which no other one sees."""
    found = []
    for kernel, call in zip(module.kernels, calls, strict=True):
        places = places_of(kernel)
        own = []
        for name in sorted(kernel.reads | kernel.writes):
            if module.buffers[name].role == "scratch":
                continue
            along = [
                (number, position)
                for number, share in enumerate(call.shares)
                if len(share.axes) == 1
                for position in plain_positions(share.axes[0].index, places.get(name, []))
            ]
            own.append(Touch(name, name in kernel.writes, tuple(along)))
        found.append(tuple(own))
    return found


class Divider:
    """Divides the calls of one program bound to sizes among ``workers``.

    ``overlaps`` gives the other buffers that have memory in common with a buffer. ``alone`` and ``together`` are the
    estimated times of a step, in nanoseconds.
    """

    def __init__(
        self,
        module: Module,
        touched: Sequence[tuple[Touch, ...]],
        sizes: Mapping[str, int],
        workers: int,
        dtype: str,
        overlaps: Mapping[str, Sequence[str]],
    ) -> None:
        self.module, self.touched, self.workers, self.dtype, self.overlaps = module, touched, workers, dtype, overlaps
        self.sizes = {**dict.fromkeys((k.span.time for k in module.kernels if k.span), 0), **sizes}
        self.barrier = BARRIER + CROWD * (workers - 2)
        self.alone = self.together = 0.0
        self.pending: dict[str, set[tuple[bool, tuple[Region, ...]]]] = {}

    def divide(self, calls: Sequence[Call], epoch: bool) -> tuple[Turn, ...]:
        """All turns of a step, in order."""
        number = {id(call): position for position, call in enumerate(calls)}
        everybody: tuple[Region, ...] = ((),) * self.workers
        rows = tuple(((0, *part),) for part in self.rows())
        if epoch:
            for name, buffer in self.module.buffers.items():
                if buffer.role == "batch":
                    self._note([(Touch(name, True), rows)])
        found: list[Turn] = []
        phase = "step"
        for times, group in turns(calls, self.sizes):
            if group[0].phase != phase:
                phase = group[0].phase
                found += self._between(epoch, everybody)
            found.append(self._turn(times, [(call, number[id(call)]) for call in group]))
        if phase == "step":
            found += self._between(epoch, everybody)
        return tuple(found)

    @property
    def gain(self) -> float:
        """Nanoseconds of a step that working together saves; 0 where it is hardly worth it."""
        return self.alone - self.together if self.together < WORTH * self.alone else 0.0

    def rows(self) -> list[tuple[int, int]]:
        """The part of the batch that each worker gathers."""
        length = self.sizes[self.module.batch] if self.module.batch else 0
        return [part for (part,) in _parts((length,), (_granule(length, 1, self.workers),), (self.workers,))]

    def _between(self, epoch: bool, everybody: tuple[Region, ...]) -> Iterator[Turn]:
        """Between step and update: in an epoch all read the guard and the first worker what is recorded."""
        if not epoch:
            self.pending.clear()
            return
        first: tuple[Region, ...] = ((), *[None] * (self.workers - 1))
        numbers = {name for name in self.module.outputs.values() if not self.module.buffers[name].shape}
        read = [(Touch(name, False), first) for name in sorted(numbers)]
        read += [(Touch(self.module.guard, False), everybody)] if self.module.guard else []
        if self._waits(read):
            self.pending.clear()
            self.together += self.barrier
            yield Turn(range(1), (Item(None),), "step", False)
        self._note(read)

    def _turn(self, times: range, group: list[tuple[Call, int]]) -> Turn:
        looped = group[0][0].span is not None
        items: list[Item] = []
        for call, number in group:
            chosen, waits = self._chosen(call, number)
            items += [Item(None)] if waits else []
            items.append(Item(call, chosen))
            self.together += (chosen.time + waits * self.barrier) * len(times)
            self.alone += self._work(number).total * len(times)
        again = looped and len(times) > 1
        while again:  # each step follows another one
            again, position = False, 0
            for call, number in group:
                position += items[position].call is None
                division = items[position].division
                assert division is not None
                ready = position and items[position - 1].call is None
                if ready:
                    self.pending.clear()
                elif self._waits(self._regions(call, number, division)):
                    items.insert(position, Item(None))
                    self.together += self.barrier * len(times)
                    position, again = position + 1, True
                    self.pending.clear()
                self._did(call, number, division)
                position += 1
        return Turn(times, tuple(items), group[0][0].phase, looped)

    def _work(self, number: int) -> Work:
        return work(self.module.kernels[number], self.sizes, self.dtype)

    def _chosen(self, call: Call, number: int) -> tuple[Division, bool]:
        """The division that takes the least time, and whether all must wait before it."""
        best: tuple[float, Division, bool] | None = None
        for division in self._divisions(call, number):
            waits = self._waits(self._regions(call, number, division))
            time = division.time + waits * self.barrier
            if best is None or time < best[0]:
                best = time, division, waits
        assert best is not None
        if best[2]:
            self.pending.clear()
        self._did(call, number, best[1])
        return best[1:]

    def _did(self, call: Call, number: int, division: Division) -> None:
        """Note a call. What each worker has written for itself it may read: for the others it has just been read."""
        regions = self._regions(call, number, division)
        self._note([(replace(touch, writes=touch.writes and not division.repeated), r) for touch, r in regions])

    def _divisions(self, call: Call, number: int) -> Iterator[Division]:
        """Ways to divide a call, those with the outermost loop first."""
        amount = self._work(number)
        lengths = tuple(prod(evaluate(axis.extent, self.sizes) for axis in share.axes) for share in call.shares)
        granules = tuple(_granule(n, s.block(n), self.workers) for n, s in zip(lengths, call.shares, strict=True))
        blocks = [-(-length // granule) for length, granule in zip(lengths, granules, strict=True)]
        sides = _sides(self.module.kernels[number].body, call.shares)
        choices = [range(min(self.workers, max(count, 1)), 0, -1) for count in blocks]
        for cut in sorted(product(*choices), reverse=True):
            if prod(cut) > self.workers:
                continue
            largest = [-(-count // pieces) / max(count, 1) for count, pieces in zip(blocks, cut, strict=True)]
            left = prod(part for part, side in zip(largest, sides, strict=True) if side != "column")
            right = prod(part for part, side in zip(largest, sides, strict=True) if side != "row")
            share = prod(largest) * amount.shared + left * amount.left + right * amount.right
            parts: list[Part | None] = list(_parts(lengths, granules, cut))
            parts = [part if part and all(a < b for a, b in part) else None for part in parts] if cut else [()]
            if not any(part is not None for part in parts):
                parts = [()] if not cut else [tuple((0, 0) for _ in cut)]
            parts += [None] * (self.workers - len(parts))
            if sum(cut) == len(cut) and _is_repeatable(self.module.kernels[number], self.module):
                whole = tuple((0, length) for length in lengths)
                yield Division((whole,) * self.workers, granules, amount.total, True)
            yield Division(tuple(parts), granules, share + amount.total - amount.shared - amount.left - amount.right)

    def _regions(self, call: Call, number: int, division: Division) -> list[tuple[Touch, tuple[Region, ...]]]:
        found = []
        for touch in self.touched[number]:
            regions = tuple(
                None if part is None else tuple((position, *part[share]) for share, position in touch.along)
                for part in division.parts
            )
            found.append((touch, regions))
        return found

    def _waits(self, now: Sequence[tuple[Touch, tuple[Region, ...]]]) -> bool:
        """Whether a worker touches what another one has written since the last barrier, or writes what it has read."""
        for touch, regions in now:
            for wrote, before in self.pending.get(touch.buffer, ()):
                if (wrote or touch.writes) and not _apart(before, regions):
                    return True
            for other in self.overlaps.get(touch.buffer, ()):
                for wrote, before in self.pending.get(other, ()):
                    if (wrote or touch.writes) and not _alone(before, regions):
                        return True
        return False

    def _note(self, now: Sequence[tuple[Touch, tuple[Region, ...]]]) -> None:
        for touch, regions in now:
            self.pending.setdefault(touch.buffer, set()).add((touch.writes, regions))


def _sides(body: tuple[Statement, ...], shares: tuple[Share, ...]) -> list[str]:
    """For each share whether it is along the rows or the columns of a tile."""
    tiles = [part for part in statements(body) if isinstance(part, Contract)]
    rows, columns = {tile.rows for tile in tiles}, {tile.columns for tile in tiles}
    return ["row" if s.axes in rows else "column" if s.axes in columns else "outer" for s in shares]


def _is_repeatable(kernel: Kernel, module: Module) -> bool:
    """Whether every worker may make the call and write the same: single numbers that the kernel does not read."""
    return not routines(kernel) and all(
        module.buffers[part.buffer].role == "scratch"
        or (part.op is None and not part.indices and part.buffer not in kernel.reads)
        for part in statements(kernel.body)
        if isinstance(part, Store)
    )


def _granule(length: int, granule: int, workers: int) -> int:
    return WHOLE if granule == 1 and length >= 2 * WHOLE * workers else granule


def _parts(lengths: tuple[int, ...], granules: tuple[int, ...], cut: tuple[int, ...]) -> Iterator[Part]:
    """First and last of each share for each piece: as many whole granules for each as can be."""
    for place in product(*map(range, cut)):
        part = []
        for length, granule, pieces, number in zip(lengths, granules, cut, place, strict=True):
            blocks = -(-length // granule)
            first, last = number * blocks // pieces, (number + 1) * blocks // pieces
            part.append((min(first * granule, length), min(last * granule, length)))
        yield tuple(part)


@cache
def _apart(before: tuple[Region, ...], now: tuple[Region, ...]) -> bool:
    """Whether no worker touches what another one touched, in the same buffer."""
    return all(
        one is None or other is None or who == whom or _disjoint(one, other)
        for who, one in enumerate(before)
        for whom, other in enumerate(now)
    )


def _disjoint(one: tuple[tuple[int, int, int], ...], other: tuple[tuple[int, int, int], ...]) -> bool:
    return any(p == q and (last <= start or end <= first) for p, first, last in one for q, start, end in other)


@cache
def _alone(before: tuple[Region, ...], now: tuple[Region, ...]) -> bool:
    """Whether the same single worker touched the one and touches the other."""
    return len({who for regions in (before, now) for who, region in enumerate(regions) if region is not None}) <= 1


__all__ = ["Divider", "Item", "Touch", "Turn", "touches"]
