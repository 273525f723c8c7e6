"""Rows as a table: times as multiples of the floor, starts in seconds."""

from collections.abc import Sequence
from typing import Any

from symdl.bench.measure import Row, Times
from symdl.bench.workloads import WORKLOADS

PEERS = ("torch-eager", "torch-compile", "jax-step", "jax-scan", "numpy", "numpy-syrk")
UNQUIET = 1.3


def times_table(rows: Sequence[Row]) -> Any:
    """Return the table of times: of each runner its median over the floor, and how much faster symdl is than the best.

    A peer whose losses differ, or that failed, has no time; the notes say why.
    """
    from rich import box
    from rich.table import Table

    names = [name for name in PEERS if any(name in row.runners for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("workload", "threads", "floor", "symdl", *names, *(["faster"] if names else [])):
        table.add_column(column, justify="left" if column == "workload" else "right", no_wrap=True)
    for row in rows:
        cells = [_cell(row, name) for name in names]
        ours = f"[bold]{row.over_floor('symdl'):.2f}[/bold]"
        more = [f"{row.faster:.2f}" if row.faster else "–"] if names else []
        table.add_row(row.workload, str(row.threads), duration(row.floor), ours, *cells, *more)
    return table


def starts_table(rows: Sequence[Row]) -> Any:
    """Return the table of starts: seconds to declare, derive, compile and make a first step; imports are apart."""
    from rich import box
    from rich.table import Table

    names = [name for name in PEERS if any(row.runners.get(name, Times()).prepare for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="first step, seconds", title_justify="left")
    for column in ("workload", "threads", "symdl cold", "symdl warm", *names):
        table.add_column(column, justify="left" if column == "workload" else "right", no_wrap=True)
    for row in rows:
        cold = f"{row.cold.prepare:.2f}" if row.cold else "–"
        cells = [f"{row.runners[name].prepare:.2f}" if name in row.runners else "" for name in names]
        table.add_row(row.workload, str(row.threads), cold, f"{row.runners['symdl'].prepare:.2f}", *cells)
    return table


def kernels_table(row: Row, most: int = 12) -> Any:
    """Return the table of the kernels of a step that take longest: shares of the sum of all, and their equations."""
    from rich import box
    from rich.table import Table

    total = sum(kernel["seconds"] for kernel in row.kernels)
    title = f"{row.workload}: kernels of a step, {total / row.floor:.2f} times the floor in all"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for column in ("share", "time", "calls"):
        table.add_column(column, justify="right", no_wrap=True, min_width=9 if column == "time" else 6)
    table.add_column("equations", no_wrap=True, max_width=150)
    for kernel in row.kernels[:most]:
        note = " ; ".join(kernel["note"].split("\n"))
        share = f"{100 * kernel['seconds'] / total:.1f} %"
        table.add_row(share, duration(kernel["seconds"]), str(kernel["calls"]), note)
    return table


def notes(rows: Sequence[Row]) -> list[str]:
    """Return why peers have no times, where times are doubtful, and the peaks, line by line."""
    found = [
        f"{row.workload}, {row.threads} thread{'s' * (row.threads > 1)}: {name} has no time: {times.refused}"
        for row in rows
        for name, times in row.runners.items()
        if times.refused
    ]
    found += [
        f"{row.workload}, {row.threads} thread{'s' * (row.threads > 1)}: the machine was not quiet: half of symdl's "
        f"times are above {times.median / min(times.seconds):.1f} times the shortest"
        for row in rows
        if (times := row.runners["symdl"]).seconds and times.median > UNQUIET * min(times.seconds)
    ]
    return [*found, *_besides(rows), *_peaks(rows)]


def _besides(rows: Sequence[Row]) -> list[str]:
    """Return how long workloads take beside the ones that they are compared with, for each runner."""
    known, found = {(row.workload, row.threads): row for row in rows}, []
    for row in rows:
        other = known.get((WORKLOADS[row.workload].beside, row.threads)) if row.workload in WORKLOADS else None
        if other is None:
            continue
        ratios = [
            f"{name} {times.median / other.runners[name].median:.2f}"
            for name, times in row.runners.items()
            if times.seconds and name in other.runners and other.runners[name].seconds
        ]
        count = f"{row.threads} thread{'s' * (row.threads > 1)}"
        found.append(f"{row.workload}, {count}: its time over that of {other.workload}: {', '.join(ratios)}")
    return found


def _peaks(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    found = sorted({(row.threads, round(row.peak / 1e9), round(100 * row.tile / row.peak)) for row in rows})
    text = ", ".join(
        f"{peak} GFLOP/s with {threads}{f' (a tile that reads the first cache: {tile} %)' * (tile > 0)}"
        for threads, peak, tile in found
    )
    return [f"floor: operations of the products over the peak of multiply-adds in registers, measured in turn: {text}"]


def _cell(row: Row, name: str) -> str:
    times = row.runners.get(name)
    if times is None:
        return ""
    if not times.seconds:
        return "refused"
    return f"{row.over_floor(name):.2f}"


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
