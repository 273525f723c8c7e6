"""A row of the table: one workload on so many threads, run by symdl and its peers in turn."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from symdl.bench.child import Child, ChildError
from symdl.bench.runners import RUNNERS
from symdl.bench.workload import TOLERANCE, Training, Workload

ROUNDS = 3
SETTLE_SECONDS = 0.02  # threads of the process that ran last go to sleep
Say = Callable[[str], None]


@dataclass
class Times:
    """How a runner did.

    Attributes:
        seconds: For each step or call, all samples.
        imports: Seconds until everything was imported, the interpreter's start included.
        prepare: Seconds to declare, derive, compile and make a first step.
        details: Of those, by stage.
        difference: The largest relative difference from symdl's losses.
        refused: Why there are no times.
    """

    seconds: list[float] = field(default_factory=list)
    imports: float = 0.0
    prepare: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
    difference: float = 0.0
    refused: str = ""

    @property
    def median(self) -> float:
        """The median over samples."""
        return median(self.seconds)


@dataclass
class Row:
    """What was measured.

    Attributes:
        workload: Its name.
        threads: For everyone.
        flops: Of a step or call.
        floor: The seconds that the operations take at the peak measured in between: the shortest sample.
        runners: By name; symdl's come first.
        cold: symdl's start with an empty cache.
        tile: Operations for each second of the contraction tile on operands in the first cache, the best measured.
        kernels: Those of symdl: name, note (its equations), calls and seconds for each step, the slowest first.
    """

    workload: str
    threads: int
    flops: int
    floor: float
    runners: dict[str, Times]
    cold: Times | None = None
    tile: float = 0.0
    kernels: list[dict[str, Any]] = field(default_factory=list)

    @property
    def peak(self) -> float:
        """Operations for each second."""
        return self.flops / self.floor

    @property
    def peers(self) -> dict[str, Times]:
        """The peers that have times."""
        return {name: times for name, times in self.runners.items() if name != "symdl" and times.seconds}

    @property
    def best(self) -> str | None:
        """The fastest peer, if there is one."""
        return min(self.peers, key=lambda name: self.peers[name].median, default=None)

    def over_floor(self, name: str) -> float:
        """A runner's median time over the floor."""
        return self.runners[name].median / self.floor

    @property
    def faster(self) -> float | None:
        """The best peer's median time over symdl's."""
        return self.runners[self.best].median / self.runners["symdl"].median if self.best else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        found = asdict(self)
        found |= {"peak": self.peak, "best": self.best, "faster": self.faster}
        for name, times in self.runners.items():
            if times.seconds:
                found["runners"][name] |= {
                    "median": times.median, "minimum": min(times.seconds), "over_floor": self.over_floor(name)
                }  # fmt: skip
        return found


def row_of(figures: dict[str, Any]) -> Row:
    """Return the row that ``as_dict`` made."""

    def times(found: dict[str, Any]) -> Times:
        return Times(**{part.name: found[part.name] for part in fields(Times)})

    runners = {name: times(found) for name, found in figures["runners"].items()}
    cold = figures["cold"] and times(figures["cold"])
    rest = {part.name: figures[part.name] for part in fields(Row) if part.name not in ("runners", "cold")}
    return Row(**rest, runners=runners, cold=cold)


def available(workload: Workload, families: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the workload's runners of the families (torch, jax, numpy) that can run, and those that lack a package."""
    names = [name for name in workload.peers if name.split("-")[0] in families]
    lacking = [name for name in names if any(find_spec(package) is None for package in RUNNERS[name].needs)]
    return [name for name in names if name not in lacking], lacking


def measure(
    workload: Workload,
    threads: int,
    peers: Sequence[str] = (),
    seconds: float = 5.0,
    cold: bool = True,
    profile: bool = False,
    say: Say = lambda text: None,
) -> Row:
    """Measure a row.

    Args:
        workload: What is run.
        threads: For everyone.
        peers: Names of runners.
        seconds: How long is measured, at least three rounds; starting and compiling come before.
        cold: Whether symdl also starts once with an empty cache.
        profile: Whether symdl's kernels are timed one by one, on one thread.
        say: Hears what happens.

    Raises:
        ChildError: where symdl itself fails.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="symdl-bench-")))
        row = Row(workload.name, threads, workload.flops, 0.0, {})
        more = {}
        if cold:
            more = {"SYMDL_CACHE_DIR": str(folder / "cache")}
            say("symdl, cold")
            with Child(workload.name, "symdl", threads, cold=True, more=more) as child:
                row.cold = _ready(child)
        children = {"machine": stack.enter_context(Child(workload.name, "machine", threads))}
        for name in ("symdl", *peers):
            say(name)
            try:
                child = stack.enter_context(Child(workload.name, name, threads, more=more if name == "symdl" else {}))
                row.runners[name] = _ready(child)
                child.ask("save", str(folder / f"{name}.npy"))
            except ChildError as error:
                if name == "symdl":
                    raise
                row.runners[name] = Times(refused=str(error).removeprefix(f"{name}: "))
                continue
            if name != "symdl":
                _compare(row.runners[name], workload, folder / "symdl.npy", folder / f"{name}.npy")
            if not row.runners[name].refused:
                children[name] = child
        say("measuring")
        floors: list[float] = []
        began, rounds = perf_counter(), 0
        while rounds < ROUNDS or perf_counter() - began < seconds:
            for name, child in children.items():
                (floors if name == "machine" else row.runners[name].seconds).extend(child.ask("sample"))
                sleep(SETTLE_SECONDS)
            row.tile = max(row.tile, children["machine"].ask("tile"))
            rounds += 1
        row.floor = min(floors)
        if profile and threads == 1:
            row.kernels = children["symdl"].ask("profile")
        return row


def _ready(child: Child) -> Times:
    return Times(imports=child.ready["import"], prepare=child.ready["prepare"], details=child.ready["details"])


def _compare(times: Times, workload: Workload, ours: Path, theirs: Path) -> None:
    a, b = np.load(ours), np.load(theirs)
    scale = np.abs(b) if isinstance(workload, Training) else np.abs(b).max()
    difference = np.abs(a - b) / scale
    times.difference = float(difference.max()) if a.shape == b.shape else float("inf")
    if not times.difference <= TOLERANCE:
        step = f" at step {int(difference.argmax())}" if isinstance(workload, Training) else ""
        times.refused = f"differs from symdl by {times.difference:.1e}{step}"
