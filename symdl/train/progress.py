"""A progress bar on terminals; nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from symdl.train.history import History


class Show(Protocol):
    """What shows the state of a training."""

    def __call__(self, epoch: int, history: History) -> None:
        """Show that ``epoch`` epochs are finished."""


@contextmanager
def progress(total: int, wanted: bool | None) -> Iterator[Show]:
    """Yield a function that shows finished epochs: on a terminal, or where ``wanted``; else it does nothing."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield lambda epoch, history: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as bar:
        task = bar.add_task("training", total=total, state="")
        yield lambda epoch, history: bar.update(task, completed=epoch, state=_state(history))


def _state(history: History) -> str:
    parts = [f"loss {history.loss[-1]:.4g}"] if history.loss else []
    if history.validation_loss:
        parts.append(f"validation {history.validation_loss[-1]:.4g}")
    return "  ".join([*parts, *(f"{name} {values[-1]:.4g}" for name, values in history.metrics.items() if values)])
