"""Whose turn it is: the compiled steps of a training, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

from symdl.train.programs import Built


@dataclass(frozen=True)
class Phase:
    """A compiled step, the groups of parameters that it trains, and how many it makes when it is its turn."""

    groups: tuple[str, ...]
    built: Built
    steps: int = 1


@dataclass(frozen=True)
class Cycle:
    """Phases that take turns from the first step of a training on, across epochs."""

    phases: tuple[Phase, ...]

    def turns(self, first: int, count: int) -> Iterator[tuple[Phase, int]]:
        """Yield the phases of ``count`` steps after the ``first``, each with the number of steps it makes in a row."""
        if len(self.phases) == 1:
            yield self.phases[0], count
            return
        place, last = first, first + count
        while place < last:
            begin = place - place % self._length
            for phase in self.phases:
                end = begin + phase.steps
                if place < min(end, last):
                    yield phase, min(end, last) - place
                    place = min(end, last)
                begin = end

    def made(self, phase: Phase, step: int) -> int:
        """Return how many of the first ``step`` steps a phase made."""
        before = sum(other.steps for other in self.phases[: self.phases.index(phase)])
        rounds, rest = divmod(step, self._length)
        return rounds * phase.steps + min(max(rest - before, 0), phase.steps)

    @property
    def _length(self) -> int:
        return sum(phase.steps for phase in self.phases)
