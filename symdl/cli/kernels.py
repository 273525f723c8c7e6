"""``symdl kernels NAME``: the emitted source of a model's training step."""

from typing import Annotated

import typer

from symdl.cli.library import Name, built, find
from symdl.cli.programs import training_step


def command(
    name: Name,
    target: Annotated[str, typer.Option("--target", help="cpu, numpy or cuda.")] = "cpu",
    dtype: Annotated[str | None, typer.Option("--dtype", help="float32 or float64; the model's by default.")] = None,
    ir: Annotated[bool, typer.Option("--ir", help="The loop IR instead, as it was emitted.")] = False,
) -> None:
    """The source of a model's kernels, each under its equation."""
    recipe = find(name)
    model, _ = built(recipe)
    executable = training_step(recipe, model, target, dtype).executable
    typer.echo(executable.ir_text if ir else executable.source)
