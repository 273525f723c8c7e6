"""``symdl show NAME``: a model's equations, sizes, data and how it is trained."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdl.cli.library import Name, find

if TYPE_CHECKING:
    from symdl.models import Objective, Recipe


def command(
    name: Name,
    latex: Annotated[bool, typer.Option("--latex", help="Only the equations, in LaTeX.")] = False,
) -> None:
    """A model's equations, sizes, data and training."""
    recipe = find(name)
    if latex:
        for objective in recipe.objectives():
            typer.echo(objective.latex())
        return
    for line in description(recipe):
        typer.echo(line)


def description(recipe: "Recipe") -> Iterator[str]:
    """Yield the lines that describe a model."""
    from symdl.derivation import plain_rows

    yield f"{recipe.name}: {recipe.title} (book §{recipe.section})"
    yield ""
    for objective in recipe.objectives():
        if objective.name:
            yield f"{objective.name}:"
        yield from (f"  {row}" for row in plain_rows(objective.latex()))
        yield ""
        yield from _symbols(objective)
        if objective.name:
            yield ""
    yield from _labelled("data", recipe.about())
    yield from _labelled("training", _training(recipe.training))
    yield f"reference   {recipe.metric} {recipe.sense} {recipe.reference:g}: {recipe.source}"


def _labelled(label: str, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'' if number else label:<12}{line}"


def _symbols(objective: "Objective") -> Iterator[str]:
    import numpy as np

    from symdl.derivation import plain
    from symdl.latex import latex

    arrays = {symbol: np.asarray(objective.values[symbol.name]) for symbol in objective.variables}
    rows = [
        (plain(latex(symbol)), symbol.name, _times(array.shape) or "1", f"{array.size:,}")
        for symbol, array in arrays.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    yield f"parameters  {sum(array.size for array in arrays.values()):,} numbers"
    for row in rows:
        first, second, shape, size = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield f"  {first}  {second}  {shape}  {size.strip():>{widths[3]}}"
    for what, group in (("inputs", objective.inputs), ("targets", objective.targets)):
        if group:
            yield f"{what:<11} {', '.join(map(_sized, group))}"


def _sized(symbol: Any) -> str:
    shape = _times(getattr(symbol, "shape", ()))
    facts = "".join(f", {fact.replace('_', '-')}" for fact in ("one_hot",) if fact in getattr(symbol, "properties", ()))
    return f"{symbol.name} ({shape}{facts})" if shape else f"{symbol.name} (a number)"


def _times(shape: Any) -> str:
    return " × ".join(map(str, shape))


def _training(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the options, and below them the steps of the optimizers among them."""
    from symdl.derivation import plain_rows
    from symdl.optimizers.optimizer import Optimizer

    yield ", ".join(filter(None, (_option(key, value) for key, value in options.items())))
    for value in options.values():
        if isinstance(value, Optimizer):
            yield from plain_rows(value.latex())


def _option(key: str, value: Any) -> str:
    """Return an option as one would say it."""
    from symdl.optimizers.optimizer import Optimizer

    words = key.replace("_", " ")
    if isinstance(value, Optimizer):
        return type(value).__name__ if key == "optimizer" else f"{type(value).__name__} ({words})"
    if key == "batch_size":
        return f"batches of {value}" if value else "whole batches"
    if value is None:
        return ""
    if key in ("dtype", "target"):
        return str(value)
    return f"{value:,} {words}" if isinstance(value, int) and not isinstance(value, bool) else f"{words} {value}"
