"""A program bound to sizes, memory and a number of workers: codes with addresses, and the memory they point into."""

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from symdl_codegen.errors import VerificationError
from symdl_codegen.intrinsics.barrier import GIVEN_UP, LINE, SPINS, YIELD
from symdl_codegen.runtime.arena import ALIGNMENT
from symdl_codegen.runtime.workers import available

PATIENCE = 1000  # looks of a waiting worker before it yields its processor: some 50 microseconds
IMPATIENCE = 100  # the same where there are more workers than processors


@dataclass(frozen=True, slots=True)
class Places:
    """Where buffers are: ``shared`` ones by their offsets in the arena, ``private`` ones in the room of each worker.

    The rooms of the workers follow ``shared_bytes``, each of ``private_bytes``.
    """

    shared: Mapping[str, int]
    private: Mapping[str, int]
    shared_bytes: int
    private_bytes: int

    def offset(self, buffer: str, worker: int) -> int:
        """Where ``buffer`` is for ``worker``; 0 for one that has its place elsewhere."""
        if buffer in self.private:
            return self.shared_bytes + worker * self.private_bytes + self.private[buffer]
        return self.shared.get(buffer, 0)

    def total(self, workers: int) -> int:
        """Bytes of the arena with the rooms of ``workers``."""
        return self.shared_bytes + workers * self.private_bytes

    def within(self, larger: "Places") -> "Places":
        """The same buffers in the arena and the rooms of ``larger``; VerificationError where they do not fit in."""
        if self.shared_bytes > larger.shared_bytes or self.private_bytes > larger.private_bytes:
            raise VerificationError(
                f"a plan that needs {self.shared_bytes} bytes, and {self.private_bytes} for each worker, is to share "
                f"an arena with {larger.shared_bytes} and {larger.private_bytes}"
            )
        return replace(self, shared_bytes=larger.shared_bytes, private_bytes=larger.private_bytes)

    def overlaps(self, lengths: Mapping[str, int]) -> dict[str, list[str]]:
        """For each shared buffer the others that have memory in common with it."""
        ends = {name: start + lengths[name] for name, start in self.shared.items()}
        return {
            name: [n for n, s in self.shared.items() if n != name and s < ends[name] and self.shared[name] < ends[n]]
            for name in self.shared
        }


class Meeting:
    """Where workers wait for each other: the memory of their barrier. ``address`` is its first line."""

    def __init__(self, workers: int) -> None:
        self.memory = np.zeros((workers + 2) * LINE, np.int64)
        self.address = -(-self.memory.ctypes.data // ALIGNMENT) * ALIGNMENT
        last = (self.address - self.memory.ctypes.data) // 8 + workers * LINE
        self.flags = self.memory[last : last + LINE]
        self.flags[SPINS] = PATIENCE if workers <= available() else IMPATIENCE
        self.flags[YIELD] = _yield_address()

    def give_up(self) -> None:
        """Let workers that wait for the first one leave; there is no further meeting here."""
        self.flags[GIVEN_UP] = 1


@cache
def _yield_address() -> int:
    """The system's function by which a thread lets others have its processor."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@dataclass
class Plan:
    """Codes for ``workers``, from ``starts`` on, where to patch addresses in them, and the arena."""

    code: np.ndarray
    starts: Sequence[int]
    patches: dict[str, np.ndarray]
    memory: np.ndarray
    places: Places
    base: int
    meeting: Meeting
    gain: float  # nanoseconds of a step that its workers save
    set_to: dict[str, int] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """How many work together."""
        return len(self.starts)

    def point(self, buffer: str, address: int) -> None:
        """Let every call use ``address`` for ``buffer``, which no call uses where its loop has no step."""
        if buffer in self.patches and self.set_to.get(buffer) != address:
            self.set_to[buffer] = address
            self.code[self.patches[buffer]] = address

    def words(self, buffer: str, worker: int) -> list[int]:
        """The addresses of the words in the code of ``worker`` that hold the address of ``buffer``."""
        first, last = [*self.starts, len(self.code)][worker : worker + 2]
        own = [place for place in self.patches.get(buffer, ()) if first <= place < last]
        return [int(self.code.ctypes.data) + 8 * int(place) for place in own]

    def slot(self, buffer: str, worker: int = 0) -> int:
        """The address of ``buffer`` in the arena, or in the room of ``worker``."""
        return self.base + self.places.offset(buffer, worker)

    def held(self, jobs: Sequence[Callable[[], object]], *needed: object) -> list[Callable[[], object]]:
        """``jobs``, each of which keeps this plan and what it needs alive until it has returned.

        A worker is not done where the first one is: it may still look at the barrier, and then writes that it returns.
        """

        def holding(job: Callable[[], object], *kept: object) -> object:
            return job()

        return [partial(holding, job, self, *needed) for job in jobs]

    def start(self, worker: int) -> int:
        """The address of the code of ``worker``."""
        return int(self.code.ctypes.data) + 8 * self.starts[worker]


__all__ = ["Meeting", "Places", "Plan"]
