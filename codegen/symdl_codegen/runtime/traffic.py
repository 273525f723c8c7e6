"""What moves between caches: which parts of buffers each worker has at hand, and what it takes to fetch the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from symdl_codegen.ir import Module, Scalar
from symdl_codegen.scalars import evaluate

FETCH = 0.4  # nanoseconds for each byte that another worker has written

# What a worker touches of a buffer: nothing, or (position, first, last) for each axis that it keeps to.
Region = tuple[tuple[int, int, int], ...] | None


@dataclass(frozen=True, slots=True)
class Along:
    """At ``position`` a buffer is touched at ``step`` times the first index of ``share``, and something added to it.

    ``reach`` are the least and the most of that, for each place.
    """

    share: int
    position: int
    step: int
    reach: tuple[tuple[Scalar, Scalar], ...]


@dataclass(frozen=True, slots=True)
class Touch:
    """A buffer that a kernel reads or writes.

    ``along`` are the positions that move with the first index of a share; ``still`` those where a call touches one
    place only, as the time.
    """

    buffer: str
    writes: bool
    along: tuple[Along, ...] = ()
    still: tuple[int, ...] = ()


Touched = Sequence[tuple[Touch, tuple[Region, ...]]]


class Traffic:
    """Follows the calls of a program bound to ``sizes``. ``item`` has the bytes of a scalar of each kind."""

    def __init__(self, module: Module, sizes: Mapping[str, int], item: Mapping[str, int], workers: int) -> None:
        self.module, self.sizes, self.item, self.workers = module, sizes, item, workers
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.common: dict[tuple[str, tuple[int, ...], Region, Region], float] = {}
        self.begin()

    def begin(self) -> None:
        """Forget what workers have at hand."""
        self.held: dict[str, list[list[Region]]] = {}  # for each buffer that is written, what each worker has of it

    def cost(self, now: Touched, steps: int = 1, kept: Iterable[str] = ()) -> float:
        """Nanoseconds for what one worker has to fetch, the one with most; what is ``kept``, once in ``steps``."""
        fetched = [0.0] * self.workers
        for touch, regions in now:
            if touch.buffer not in self.held:
                continue
            share = 1 / steps if touch.buffer in kept else 1.0
            for worker, region in enumerate(regions):
                if region is not None and region not in self.held[touch.buffer][worker]:
                    own = [self._bytes(touch, region, other) for other in self.held[touch.buffer][worker]]
                    fetched[worker] += share * (self._bytes(touch, region) - max(own, default=0.0))
        return FETCH * max(fetched)

    def did(self, now: Touched, repeated: bool = False) -> None:
        """Note what a call has touched. What it has written, others have no longer, unless each wrote it for itself."""
        for touch, regions in now:
            if touch.writes:
                fresh: list[list[Region]] = [[] if region is None else [region] for region in regions]
                if touch.buffer in self.held and not repeated:
                    fresh = [
                        new + [old for old in olds if not self._lost(touch, old, worker, regions)]
                        for worker, (new, olds) in enumerate(zip(fresh, self.held[touch.buffer], strict=True))
                    ]
                self.held[touch.buffer] = fresh
            elif touch.buffer in self.held:
                for own, region in zip(self.held[touch.buffer], regions, strict=True):
                    if region is not None and region not in own:
                        own.append(region)

    def _lost(self, touch: Touch, region: Region, worker: int, regions: tuple[Region, ...]) -> bool:
        """Whether another worker has written in the ``region`` of this one, or this one the same again."""
        return region == regions[worker] or any(
            other is not None and region is not None and self._bytes(touch, region, other) > 0
            for whom, other in enumerate(regions)
            if whom != worker
        )

    def _bytes(self, touch: Touch, region: Region, other: Region = ()) -> float:
        """Bytes of what both regions have in common."""
        key = touch.buffer, touch.still, region, other
        if key not in self.common:
            self.common[key] = self._counted(touch, region, other)
        return self.common[key]

    def _counted(self, touch: Touch, region: Region, other: Region) -> float:
        if touch.buffer not in self.shapes:
            buffer = self.module.buffers[touch.buffer]
            extents = tuple(max(evaluate(extent, self.sizes), 0) for extent in buffer.shape)
            self.shapes[touch.buffer] = (*extents, self.item[buffer.kind])
        limits: dict[int, tuple[int, int]] = {}
        for position, first, last in (*(region or ()), *(other or ())):
            low, high = limits.get(position, (first, last))
            limits[position] = max(low, first), min(high, last)
        lengths = [
            1
            if position in touch.still
            else max(min(limits[position][1], length) - max(limits[position][0], 0), 0)
            if position in limits
            else length
            for position, length in enumerate(self.shapes[touch.buffer])
        ]
        return float(prod(lengths))


__all__ = ["Region", "Touch", "Touched", "Traffic"]
