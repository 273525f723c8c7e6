"""Kernels alone: a group's cases one after the other, in a process of its own, and their table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

from symdl.bench.child import Child
from symdl.bench.table import duration

LIBRARIES = ("numpy", "torch")


@dataclass
class KernelRow:
    """What was measured of a kernel.

    Attributes:
        group: Its group.
        threads: For everyone.
        case: Its name.
        floor: The seconds that its operations, or its bytes, take at the machine's limit.
        seconds: For each call, all samples, by runner.
        refused: Why a library has no time.
    """

    group: str
    threads: int
    case: str
    floor: float
    seconds: dict[str, list[float]]
    refused: dict[str, str]

    def over_floor(self, name: str) -> float:
        """A runner's median time over the floor."""
        return median(self.seconds[name]) / self.floor

    @property
    def faster(self) -> float | None:
        """The best library's median time over symdl's."""
        others = [median(found) for name, found in self.seconds.items() if name != "symdl"]
        return min(others) / median(self.seconds["symdl"]) if others else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        ratios = {name: self.over_floor(name) for name in self.seconds}
        return {**vars(self), "over_floor": ratios, "faster": self.faster}


def kernel_row_of(figures: dict[str, Any]) -> KernelRow:
    """Return the row that ``as_dict`` made."""
    return KernelRow(**{part.name: figures[part.name] for part in fields(KernelRow)})


def measure_kernels(
    group: str, threads: int, families: Sequence[str], wanted: str = "", say: Callable[[str], None] = lambda text: None
) -> list[KernelRow]:
    """Measure the cases of a group whose names hold all words of ``wanted``."""
    rows = []
    with Child(group, "kernels", threads) as child:
        for number, name in enumerate(child.ask("names")):
            if all(word in name for word in wanted.split()):
                say(name)
                found = child.ask("measure", str(number), *(part for part in LIBRARIES if part in families))
                rows.append(KernelRow(group, threads, **found))
    return rows


def kernel_rows_table(rows: Sequence[KernelRow]) -> Any:
    """Return the table of kernels of one group: floors, and medians over them."""
    from rich import box
    from rich.table import Table

    names = [name for name in LIBRARIES if any(name in row.seconds or name in row.refused for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=rows[0].group, title_justify="left")
    for column in ("kernel", "threads", "floor", "symdl", *names, *(["faster"] if names else [])):
        table.add_column(column, justify="left" if column == "kernel" else "right", no_wrap=True)
    for row in rows:
        cells = [f"{row.over_floor(name):.2f}" if name in row.seconds else "differs" for name in names]
        faster = [f"{row.faster:.2f}" if row.faster else "–"] if names else []
        ours = f"[bold]{row.over_floor('symdl'):.2f}[/bold]"
        table.add_row(row.case, str(row.threads), duration(row.floor), ours, *cells, *faster)
    return table
