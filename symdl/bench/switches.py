"""What each technique is worth: symdl with all of them beside symdl without one, in turn."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from symdl.bench.child import Child
from symdl.bench.measure import ROUNDS, SETTLE_SECONDS
from symdl.bench.workload import TOLERANCE, Training, Workload

BATCH = 4  # variants measured at once, each beside the whole


@dataclass
class Variant:
    """symdl without one technique.

    Attributes:
        workload: What was run.
        threads: The workers.
        name: The technique that is off.
        slower: Median time over that with everything on, taken in turn.
        difference: The largest relative difference of results.
    """

    workload: str
    threads: int
    name: str
    slower: float
    difference: float


def measure_switches(
    workload: Workload, threads: int, seconds: float = 2.0, say: Callable[[str], None] = lambda text: None
) -> list[Variant]:
    """Measure a workload without each technique that makes a difference to its kernels.

    Those are the passes and schedules, arrays that share memory, the native epoch, and several threads.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="symdl-bench-")))
        whole = stack.enter_context(Child(workload.name, "symdl", threads))
        whole.ask("save", str(folder / "whole.npy"))
        expected = np.load(folder / "whole.npy")
        plans: list[tuple[str, str, int, dict[str, str]]] = []
        if threads > 1:
            plans.append(("threads", "symdl", 1, {}))
        if isinstance(workload, Training):
            plans.append(("native epoch", "symdl-steps", threads, {}))
        plans += [(name, "symdl", threads, {"SYMDL_OFF": name}) for name in whole.ask("switches")]
        found = []
        for first in range(0, len(plans), BATCH):
            with ExitStack() as some:
                group = {}
                for name, runner, count, more in plans[first : first + BATCH]:
                    say(f"without {name}")
                    group[name] = some.enter_context(Child(workload.name, runner, count, more=more))
                times = _in_turn({"": whole, **group}, seconds)
                for name, child in group.items():
                    child.ask("save", str(folder / "part.npy"))
                    difference = float(np.abs(np.load(folder / "part.npy") / expected - 1).max())
                    slower = median(times[name]) / median(times[""])
                    found.append(Variant(workload.name, threads, name, slower, difference))
        return sorted(found, key=lambda variant: -variant.slower)


def _in_turn(children: dict[str, Child], seconds: float) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in children}
    began, rounds = perf_counter(), 0
    while rounds < ROUNDS or perf_counter() - began < seconds:
        for name, child in children.items():
            times[name] += child.ask("sample")
            sleep(SETTLE_SECONDS)
        rounds += 1
    return times


def switches_table(variants: list[Variant]) -> Any:
    """Return the table: techniques by workloads, how many times as long a step takes without it."""
    from rich import box
    from rich.table import Table

    columns = list(dict.fromkeys((variant.workload, variant.threads) for variant in variants))
    cells = {(variant.name, variant.workload, variant.threads): variant for variant in variants}
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, title="time without it, over that with all", title_justify="left"
    )
    table.add_column("without", no_wrap=True)
    for workload, threads in columns:
        table.add_column(f"{workload}, {threads}", justify="right")
    for name in dict.fromkeys(variant.name for variant in sorted(variants, key=lambda variant: -variant.slower)):
        row = (cells.get((name, *column)) for column in columns)
        table.add_row(name, *(_cell(variant) for variant in row))
    return table


def _cell(variant: Variant | None) -> str:
    if variant is None:
        return ""
    return f"{variant.slower:.2f}" if variant.difference <= TOLERANCE else f"differs {variant.difference:.0e}"
