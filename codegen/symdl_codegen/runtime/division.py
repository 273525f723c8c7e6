"""Who does what: how workers divide the calls of a program, and where they wait for each other.

Decided when sizes are bound, call by call: the division that takes the least time, what it makes others wait included.
Two calls need a barrier between them where one worker may touch what another one wrote; workers that keep to their own
rows of every buffer, call after call, need none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import inf, prod

from symdl_codegen.emit import Call, Share
from symdl_codegen.intrinsics.machine import tile_shape
from symdl_codegen.ir import (
    Contract,
    Kernel,
    Module,
    Statement,
    Store,
    routines,
    statements,
)
from symdl_codegen.runtime.arena import longest
from symdl_codegen.runtime.arguments import item_bytes
from symdl_codegen.runtime.calls import turns
from symdl_codegen.runtime.strips import unrolled
from symdl_codegen.runtime.traffic import Along, Region, Touch, Touched, Traffic
from symdl_codegen.runtime.work import CALL, Work, work
from symdl_codegen.scalars import evaluate

BARRIER = 150.0  # nanoseconds that a barrier costs, of two workers
CROWD = 40.0  # and more for each further one
WORTH = 0.9  # of the time alone: what working together must not exceed
HEAVY = 2000.0  # nanoseconds of a call from which on its sides matter to others
# Along which loop heavy calls of a phase are divided, the first or the last one. Each choice is tried on a whole step,
# because what is best for one call depends on where others leave their results.
SIDES: tuple[dict[str, int], ...] = ({}, *({"step": a, "update": b} for a in (0, -1) for b in (0, -1)))
LONG = 2  # tiles of each worker from which on a loop is cut between tiles

Part = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Division:
    """A call divided: for each worker first and last of each share, None where it takes no part; nanoseconds it takes.

    ``granules`` are those of the shares, ``inner`` the iterations of each within one of its first axis, ``cut`` the
    pieces of each. A call that is ``repeated`` is made by each
    worker for itself.
    """

    parts: tuple[Part | None, ...]
    granules: tuple[int, ...]
    inner: tuple[int, ...]
    time: float
    cut: tuple[int, ...] = ()
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


class Divider:
    """Divides the calls of one program bound to sizes among ``workers``.

    ``overlaps`` gives the other buffers that have memory in common with a buffer; ``copied`` tells that each worker
    gathers for itself the rows of a batch that it reads. ``alone`` and ``together`` are the estimated times of a step,
    in nanoseconds; ``rows`` is the part of the batch that each worker gathers.
    """

    def __init__(
        self,
        module: Module,
        touched: Sequence[tuple[Touch, ...]],
        sizes: Mapping[str, int],
        workers: int,
        dtype: str,
        overlaps: Mapping[str, Sequence[str]],
        copied: bool = False,
    ) -> None:
        self.copied = copied
        self.module, self.touched, self.workers, self.dtype, self.overlaps = module, touched, workers, dtype, overlaps
        times = [kernel.span.time for kernel in module.kernels if kernel.span]
        times += [size for kernel in module.kernels if kernel.strip for size in kernel.strip.sizes]
        self.sizes = {**dict.fromkeys(times, 0), **longest(module), **sizes}
        self.barrier = BARRIER + CROWD * (workers - 2)
        self.alone = self.together = 0.0
        self.sides: dict[str, int] = {}
        self.rows: list[tuple[int, int]] = []
        self.pending: dict[str, set[tuple[bool, tuple[Region, ...]]]] = {}
        self.traffic = Traffic(module, self.sizes, item_bytes(dtype), workers)
        self.works: dict[int, Work] = {}
        self.ways: dict[tuple[int, tuple[Share, ...]], list[tuple[Division, Touched]]] = {}

    def divide(self, calls: Sequence[Call], epoch: bool) -> tuple[Turn, ...]:
        """All turns of a step, in order. In an epoch each step finds in the caches what the one before has left."""
        made = unrolled(calls, self.sizes)
        number, calls = {id(call): position for call, position in made}, [call for call, _ in made]
        best: tuple[float, float, tuple[Turn, ...]] = inf, 0.0, ()
        for sides in SIDES if self.workers > 1 else SIDES[:1]:
            self.sides = sides
            self.traffic.begin()
            for _ in range(2 if epoch and self.workers > 1 else 1):
                self.pending.clear()
                self.alone = self.together = 0.0
                found = tuple(self._step(calls, number, epoch, best[0]))
            if self.together < best[0]:
                best = self.together, self.alone, found
        self.together, self.alone = best[:2]
        self.rows = self._needed(best[2], number) if epoch and self.copied else self._equal_rows()
        return best[2]

    def _step(self, calls: Sequence[Call], number: Mapping[int, int], epoch: bool, most: float) -> Iterator[Turn]:
        """The turns of a step, left off where it takes ``most`` already."""
        if epoch and not self.copied:
            rows = tuple(((0, *part),) for part in self._equal_rows())
            self._did([(Touch(name, True), rows) for name in self._batch()])
        phase = "step"
        for times, group in turns(calls, self.sizes):
            if self.together >= most:
                return
            if group[0].phase != phase:
                phase = group[0].phase
                yield from self._between(epoch)
            yield self._turn(times, [(call, number[id(call)]) for call in group])
        if phase == "step":
            yield from self._between(epoch)

    @property
    def gain(self) -> float:
        """Nanoseconds of a step that working together saves; 0 where it is hardly worth it."""
        return self.alone - self.together if self.together < WORTH * self.alone else 0.0

    def _batch(self) -> list[str]:
        return [name for name, buffer in self.module.buffers.items() if buffer.role == "batch"]

    def _needed(self, found: Sequence[Turn], number: Mapping[int, int]) -> list[tuple[int, int]]:
        """The rows of the batch that each worker reads."""
        batch, length = set(self._batch()), self.sizes[self.module.batch] if self.module.batch else 0
        ends: list[list[tuple[int, int]]] = [[] for _ in range(self.workers)]
        for item in (item for turn in found for item in turn.items):
            if item.division is None:
                continue
            for touch, regions in self._touched(number[id(item.call)], item.division):
                for own, region in zip(ends, regions, strict=True):
                    if touch.buffer in batch and region is not None:
                        own.append(next(((first, last) for p, first, last in region if p == 0), (0, length)))
        ends = [[(max(f, 0), min(e, length)) for f, e in own] for own in ends]
        return [(min((f for f, _ in own), default=0), max((e for _, e in own), default=0)) for own in ends]

    def _equal_rows(self) -> list[tuple[int, int]]:
        length = self.sizes[self.module.batch] if self.module.batch else 0
        granule = _granule(length, Share((), whole=tile_shape(self.dtype)[0]), self.workers)
        return [part for (part,) in _parts((length,), (granule,), (self.workers,))]

    def _between(self, epoch: bool) -> Iterator[Turn]:
        """Between step and update: in an epoch all read the guard and the first worker what is recorded."""
        if not epoch:
            self.pending.clear()
            return
        everybody: tuple[Region, ...] = ((),) * self.workers
        first: tuple[Region, ...] = ((), *[None] * (self.workers - 1))
        numbers = {name for name in self.module.outputs.values() if not self.module.buffers[name].shape}
        read = [(Touch(name, False), first) for name in sorted(numbers)]
        read += [(Touch(self.module.guard, False), everybody)] if self.module.guard else []
        if self._waits(read):
            self.pending.clear()
            self.together += self.barrier
            yield Turn(range(1), (Item(None),), "step", False)
        self._did(read)

    def _turn(self, times: range, group: list[tuple[Call, int]]) -> Turn:
        looped = group[0][0].span is not None
        written = {touch.buffer for _, number in group for touch in self.touched[number] if touch.writes}
        kept = {touch.buffer for _, number in group for touch in self.touched[number]} - written if looped else set()
        items: list[Item] = []
        chosen: list[tuple[Division, Touched]] = []
        for call, number in group:
            way, waits, time = self._chosen(call, number, len(times), kept)
            chosen.append(way)
            items += [Item(None)] if waits else []
            items.append(Item(call, way[0]))
            self.together += time * len(times)
            self.alone += self._work(number).total * len(times)
        again = looped and len(times) > 1
        while again:  # each step follows another one
            again, position = False, 0
            for division, now in chosen:
                if items[position].call is None:
                    self.pending.clear()
                    position += 1
                elif self._waits(now):
                    items.insert(position, Item(None))
                    self.together += self.barrier * len(times)
                    self.pending.clear()
                    position, again = position + 1, True
                self._did(now, division.repeated)
                position += 1
        return Turn(times, tuple(items), group[0][0].phase, looped)

    def _work(self, number: int) -> Work:
        if number not in self.works:
            self.works[number] = work(self.module.kernels[number], self.sizes, self.dtype)
        return self.works[number]

    def _chosen(
        self, call: Call, number: int, steps: int, kept: set[str]
    ) -> tuple[tuple[Division, Touched], bool, float]:
        """The way to divide a call that takes the least time, whether all must wait before it, and that time."""
        key = number, call.shares  # which differ between blocks of a strip
        if key not in self.ways:
            self.ways[key] = [(way, self._touched(number, way)) for way in self._divisions(call, number)]
        best: tuple[float, bool, tuple[Division, Touched]] | None = None
        ways, side = self.ways[key], self.sides.get(call.phase)
        if side is not None and len(call.shares) > 1 and ways[-1][0].time >= HEAVY:
            ways = [way for way in ways if way[0].cut and way[0].cut[side] == prod(way[0].cut) > 1] or ways
        for division, now in ways:
            waits = self._waits(now)
            time = division.time + waits * self.barrier
            if self.workers > 1 and (best is None or time < best[0]):
                time += self.traffic.cost(now, steps, kept)
            if best is None or time < best[0]:
                best = time, waits, (division, now)
        assert best is not None
        time, waits, way = best
        if waits:
            self.pending.clear()
        self._did(way[1], way[0].repeated)
        return way, waits, time

    def _did(self, now: Touched, repeated: bool = False) -> None:
        """Note a call. What each worker has written for itself it may read: for the others it has just been read."""
        if self.workers > 1:
            self.traffic.did(now, repeated)
            for touch, regions in now:
                self.pending.setdefault(touch.buffer, set()).add((touch.writes and not repeated, regions))

    def _divisions(self, call: Call, number: int) -> Iterator[Division]:
        """Ways to divide a call, those with the outermost loop first."""
        amount, kernel = self._work(number), self.module.kernels[number]
        lengths = tuple(prod(evaluate(axis.extent, self.sizes) for axis in share.axes) for share in call.shares)
        inner = tuple(prod(evaluate(axis.extent, self.sizes) for axis in share.axes[1:]) or 1 for share in call.shares)
        granules = tuple(
            _granule(n, share, self.workers, within)
            for n, share, within in zip(lengths, call.shares, inner, strict=True)
        )
        blocks = [-(-length // granule) for length, granule in zip(lengths, granules, strict=True)]
        sides = _sides(kernel.body, call.shares)
        choices = [range(min(self.workers, max(count, 1)), 0, -1) for count in blocks]
        for cut in sorted(product(*choices), reverse=True):
            if 1 < prod(cut) <= self.workers:
                largest = [-(-count // pieces) / max(count, 1) for count, pieces in zip(blocks, cut, strict=True)]
                left = prod(part for part, side in zip(largest, sides, strict=True) if side != "column")
                right = prod(part for part, side in zip(largest, sides, strict=True) if side != "row")
                time = CALL + prod(largest) * amount.shared + left * amount.left + right * amount.right
                parts = list(_parts(lengths, granules, cut))
                yield Division((*parts, *[None] * (self.workers - len(parts))), granules, inner, time, cut)
        whole = tuple((0, length) for length in lengths)
        if self.workers > 1 and _is_repeatable(kernel, self.module):
            yield Division((whole,) * self.workers, granules, inner, amount.total, repeated=True)
        yield Division((whole, *[None] * (self.workers - 1)), granules, inner, amount.total)

    def _touched(self, number: int, division: Division) -> Touched:
        return [
            (
                touch,
                tuple(
                    None
                    if part is None
                    else tuple(
                        self._region(along, part[along.share], division.inner[along.share]) for along in touch.along
                    )
                    for part in division.parts
                ),
            )
            for touch in self.touched[number]
        ]

    def _region(self, along: Along, part: tuple[int, int], inner: int) -> tuple[int, int, int]:
        first, last = along.step * (part[0] // inner), along.step * (-(-part[1] // inner) - 1) + 1
        low = min(evaluate(low, self.sizes) for low, _ in along.reach)
        return along.position, first + low, last + max(evaluate(high, self.sizes) for _, high in along.reach)

    def _waits(self, now: Touched) -> bool:
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


def _granule(length: int, share: Share, workers: int, inner: int = 1) -> int:
    """The iterations that are never divided: of several axes one of the first where there are enough of them."""
    granule = share.block(length)
    if inner > 1 and length // inner >= LONG * workers:
        return inner
    return share.whole if share.whole > granule and length >= LONG * share.whole * workers else granule


def _parts(lengths: tuple[int, ...], granules: tuple[int, ...], cut: tuple[int, ...]) -> Iterator[Part]:
    """First and last of each share for each piece: as many whole granules for each as can be."""
    for place in product(*map(range, cut)):
        part = []
        for length, granule, pieces, number in zip(lengths, granules, cut, place, strict=True):
            blocks = -(-length // granule)
            first, last = number * blocks // pieces, (number + 1) * blocks // pieces
            part.append((min(first * granule, length), min(last * granule, length)))
        yield tuple(part)


@lru_cache(10_000)
def _apart(before: tuple[Region, ...], now: tuple[Region, ...]) -> bool:
    """Whether no worker touches what another one touched, in the same buffer."""
    return all(
        one is None or other is None or who == whom or _disjoint(one, other)
        for who, one in enumerate(before)
        for whom, other in enumerate(now)
    )


def _disjoint(one: tuple[tuple[int, int, int], ...], other: tuple[tuple[int, int, int], ...]) -> bool:
    return any(p == q and (last <= start or end <= first) for p, first, last in one for q, start, end in other)


@lru_cache(10_000)
def _alone(before: tuple[Region, ...], now: tuple[Region, ...]) -> bool:
    """Whether the same single worker touched the one and touches the other."""
    return len({who for regions in (before, now) for who, region in enumerate(regions) if region is not None}) <= 1


__all__ = ["Divider", "Item", "Turn"]
