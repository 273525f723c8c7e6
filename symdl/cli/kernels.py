"""``symdl kernels NAME``: the emitted source of what a model's training runs."""

from collections.abc import Mapping
from typing import Annotated

import typer

from symdl.cli.library import Name, find


def command(
    name: Name,
    target: Annotated[str, typer.Option("--target", help="cpu, numpy or cuda.")] = "cpu",
    dtype: Annotated[str | None, typer.Option("--dtype", help="float32 or float64; the model's by default.")] = None,
    ir: Annotated[bool, typer.Option("--ir", help="The loop IR instead, as it was emitted.")] = False,
) -> None:
    """The source of a model's kernels, each under its equation."""
    recipe = find(name)
    programs = recipe.programs(target, dtype or recipe.training["dtype"])
    typer.echo(joined({part: program.ir_text if ir else program.source for part, program in programs.items()}))


def joined(texts: Mapping[str, str]) -> str:
    """Return texts by name as one; several each get their name as a comment above them."""
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "\n\n".join(f"# {name}\n\n{text}" for name, text in texts.items())
