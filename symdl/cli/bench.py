"""``symdl bench [NAME]``: training steps and functions beside those of other libraries, against the machine's limit."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdl.cli.outcome import UsageError

if TYPE_CHECKING:
    from symdl.bench.kernel_rows import KernelRow
    from symdl.bench.measure import Row
    from symdl.bench.workload import Workload

FAMILIES = ("torch", "jax", "numpy")


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Workloads, all by default, or groups of kernels.", show_default=False
        ),
    ] = None,
    against: Annotated[
        list[str] | None, typer.Option("--against", metavar="PEER...", help="Peers: torch, jax.", show_default=False)
    ] = None,
    threads: Annotated[
        str | None, typer.Option("--threads", help="As 1 or 1,4; by default one, and as many as there are processors.")
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", help="Measuring time of a row, after everything started.")
    ] = 5.0,
    cold: Annotated[bool, typer.Option("--cold/--warm", help="Also start symdl with an empty cache.")] = True,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also the kernels of a step that take longest, on one thread.")
    ] = False,
    switches: Annotated[
        bool, typer.Option("--switches", help="Instead, what each technique is worth: times without it.")
    ] = False,
    only: Annotated[
        str, typer.Option("--only", metavar="WORDS", help="Of kernels, those with these words in their names.")
    ] = "",
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Everything that was measured.")] = None,
    picture: Annotated[Path | None, typer.Option("--picture", metavar="FILE", help="A PNG of the ratios.")] = None,
    earlier: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="Also what was measured before, with --json.", show_default=False),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only list the workloads.")] = False,
) -> None:
    """Measure training steps beside those of other libraries.

    A time is given as a multiple of the floor: the operations of the equations at the peak that the machine reaches in
    the same minutes. Peers begin from the same weights, see the same data in the same order, and have no time where
    their first losses differ from symdl's by more than 1e-4.
    """
    from symdl.bench.kernels import GROUPS
    from symdl.bench.workloads import WORKLOADS

    wanted, families = _sorted(names or [], against or [])
    if listed:
        lines = [f"{workload.name:15}{workload.title}" for workload in WORKLOADS.values()]
        groups = [f"{name:15}{group.title}" for name, group in GROUPS.items()]
        typer.echo("\n".join([*lines, "", "kernels alone:", *groups]))
        return
    for name in wanted:
        _check(name)
    counts = _threads(threads)
    if switches:
        _switches([WORKLOADS[name] for name in wanted or WORKLOADS if name in WORKLOADS], counts, seconds, json)
        return
    where, rows, kernels = _read(earlier or [])
    for name in wanted or ([] if earlier else WORKLOADS):
        for count in counts:
            if name in GROUPS:
                kernels += _kernels(name, families, count, only)
            else:
                rows = [row for row in rows if (row.workload, row.threads) != (name, count)]
                rows.append(_row(WORKLOADS[name], families, count, seconds, cold, profile))
            if json is not None:  # after each, since a later one may be interrupted
                _write(json, where, rows, kernels)
    report(rows, json, picture, kernels, where)


def _read(files: Sequence[Path]) -> "tuple[dict[str, Any], list[Row], list[KernelRow]]":
    """Return the machine, and the rows of earlier runs; of those of the same name the last."""
    import json as text

    from symdl.bench.kernel_rows import kernel_row_of
    from symdl.bench.machine import machine
    from symdl.bench.measure import row_of
    from symdl.bench.workloads import WORKLOADS

    where = machine()
    rows: dict[tuple[str, int], Row] = {}
    kernels: dict[tuple[str, str, int], KernelRow] = {}
    for file in files:
        content = text.loads(file.read_text())
        where = content["machine"]
        rows |= {(row["workload"], row["threads"]): row_of(row) for row in content["rows"]}
        kernels |= {(row["group"], row["case"], row["threads"]): kernel_row_of(row) for row in content["kernels"]}
    names = list(WORKLOADS)
    ordered = sorted(rows.values(), key=lambda row: (names.index(row.workload), row.threads))
    return where, ordered, list(kernels.values())


def _write(file: Path, where: dict[str, Any], rows: "Sequence[Row]", kernels: "Sequence[KernelRow]") -> None:
    import json as text

    from symdl.cli.files import write

    content = {"machine": where, "rows": [r.as_dict() for r in rows], "kernels": [r.as_dict() for r in kernels]}
    write(file, text.dumps(content, indent=1) + "\n")


def report(
    rows: "Sequence[Row]",
    json: Path | None,
    picture: Path | None,
    kernels: "Sequence[KernelRow]" = (),
    where: dict[str, Any] | None = None,
) -> None:
    """Print the tables, and write the files asked for; ``where``: what was measured on, by default this machine."""
    from rich.console import Console

    from symdl.bench.kernel_rows import kernel_rows_table
    from symdl.bench.machine import machine
    from symdl.bench.picture import bars
    from symdl.bench.table import kernels_table, notes, starts_table, times_table
    from symdl.cli.files import shown, write

    where = where or machine()
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width
        console = Console(width=200)
    about = f"{where['processor']}, {where['cores']} cores, vectors of {where['vector bits']} bits"
    console.print(f"{about}; times over the floor, medians", highlight=False)
    if rows:
        console.print(times_table(rows), starts_table(rows))
    for group in dict.fromkeys(row.group for row in kernels):
        console.print(kernel_rows_table([row for row in kernels if row.group == group]), highlight=False)
    for row in rows:
        if row.kernels:
            console.print(kernels_table(row), highlight=False)
    for line in notes(rows):
        console.print(line, highlight=False, soft_wrap=True)
    if json is not None:
        _write(json, where, rows, kernels)
        typer.echo(f"figures in {shown(json)}")
    if picture is not None and rows:
        write(picture, bars(rows, about))
        typer.echo(f"picture in {shown(picture)}")


def _switches(workloads: "Sequence[Workload]", threads: Sequence[int], seconds: float, json: Path | None) -> None:
    import json as text

    from rich.console import Console

    from symdl.bench.machine import machine
    from symdl.bench.switches import measure_switches, switches_table
    from symdl.cli.files import shown, write

    def say(said: str) -> None:
        typer.echo(said, err=True)

    found = [
        variant for each in workloads for count in threads for variant in measure_switches(each, count, seconds, say)
    ]
    console = Console()
    console = console if console.is_terminal else Console(width=200)
    console.print(switches_table(found), highlight=False)
    if json is not None:
        content = {"machine": machine(), "switches": [vars(variant) for variant in found]}
        write(json, text.dumps(content, indent=1) + "\n")
        typer.echo(f"figures in {shown(json)}")


def _kernels(group: str, families: Sequence[str], threads: int, only: str) -> "list[KernelRow]":
    from symdl.bench.kernel_rows import measure_kernels

    def say(text: str) -> None:
        typer.echo(f"{group}: {text}", err=True)

    return measure_kernels(group, threads, families, only, say)


def _row(
    workload: "Workload", families: Sequence[str], threads: int, seconds: float, cold: bool, profile: bool
) -> "Row":
    from symdl.bench.measure import available, measure

    def say(text: str) -> None:
        typer.echo(f"{workload.name}, {threads} thread{'s' * (threads > 1)}: {text}", err=True)

    peers, lacking = available(workload, families)
    if lacking:
        say(f"left out: {', '.join(lacking)}, not installed (pip install 'symdl[bench]')")
    return measure(workload, threads, peers, seconds, cold, profile, say)


def _sorted(names: Sequence[str], against: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return workloads and families of peers; ``--against torch jax`` leaves ``jax`` among the names."""
    given = [part for text in against for part in text.replace(",", " ").split()]
    families = given + [name for name in names if against and name in FAMILIES]
    for name in families:
        if name not in FAMILIES:
            raise UsageError(f"unknown peer {name!r}; the peers are {', '.join(FAMILIES)}")
    return [name for name in names if not (against and name in FAMILIES)], ["numpy", *families]


def _check(name: str) -> None:
    import difflib

    from symdl.bench.kernels import GROUPS
    from symdl.bench.workloads import WORKLOADS

    known = [*WORKLOADS, *GROUPS]
    if name not in known:
        close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise UsageError(f"unknown workload {name!r}; {hint}The workloads are {', '.join(known)}")


def _threads(text: str | None) -> list[int]:
    from symdl.bench.child import processors

    if text is None:
        return sorted({1, len(processors())})
    parts = text.replace(",", " ").split()
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"--threads: expected numbers of at least 1, such as 1 or 1,4, found {text!r}")
    return [int(part) for part in parts]
