"""``symdl show NAME``: a model's equations, sizes, data and how it is trained."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdl.cli.library import Name, built, find

if TYPE_CHECKING:
    from symdl.data import Split
    from symdl.models import Recipe
    from symdl.train import Model


def command(
    name: Name,
    latex: Annotated[bool, typer.Option("--latex", help="Only the equations, in LaTeX.")] = False,
) -> None:
    """A model's equations, sizes, data and training."""
    recipe = find(name)
    model, division = built(recipe)
    if latex:
        from symdl.train.equations import model_latex

        typer.echo(model_latex(model.declared))
        return
    for line in description(recipe, model, division):
        typer.echo(line)


def description(recipe: "Recipe", model: "Model", division: "Split") -> Iterator[str]:
    """Yield the lines that describe a model."""
    from symdl.derivation import plain_rows
    from symdl.train.equations import model_latex

    yield f"{recipe.name}: {recipe.title} (book §{recipe.section})"
    yield ""
    yield from (f"  {row}" for row in plain_rows(model_latex(model.declared)))
    yield ""
    yield from _symbols(model)
    train, test = division.train, division.test
    held_out = f" and {len(test)} test" if division.held_out else ""
    features = f", {train.x.shape[1]} features" + (f", {len(train.classes)} classes" if train.classes else "")
    yield f"data        {train.name}: {len(train)} training{held_out} samples{features}"
    yield f"            {train.source}"
    yield from _training(recipe)
    yield f"reference   {recipe.metric} {'≥' if recipe.higher else '≤'} {recipe.reference:g}: {recipe.source}"


def _symbols(model: "Model") -> Iterator[str]:
    from symdl.derivation import plain
    from symdl.latex import latex

    rows = []
    for symbol in model.declared.parameters:
        array = model.values[symbol.name]
        rows.append((plain(latex(symbol)), symbol.name, _times(array.shape) or "1", f"{array.size:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    total = sum(array.size for array in model.values.values())
    yield f"parameters  {total:,} numbers"
    for row in rows:
        first, second, shape, size = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield f"  {first}  {second}  {shape}  {size.strip():>{widths[3]}}"
    for what, group in (("inputs", model.declared.inputs), ("targets", model.declared.targets)):
        if group:
            yield f"{what:<11} {', '.join(map(_sized, group))}"


def _sized(symbol: Any) -> str:
    shape = _times(getattr(symbol, "shape", ()))
    facts = "".join(f", {fact.replace('_', '-')}" for fact in ("one_hot",) if fact in getattr(symbol, "properties", ()))
    return f"{symbol.name} ({shape}{facts})" if shape else f"{symbol.name} (a number)"


def _times(shape: Any) -> str:
    return " × ".join(map(str, shape))


def _training(recipe: "Recipe") -> Iterator[str]:
    from symdl.derivation import plain_rows

    options = recipe.training
    optimizer, size = options["optimizer"], options.get("batch_size")
    batches = f"batches of {size}" if size else "whole batches"
    yield f"training    {type(optimizer).__name__}, {options['epochs']:,} epochs, {batches}, {options['dtype']}"
    yield from (f"            {row}" for row in plain_rows(optimizer.latex()))
