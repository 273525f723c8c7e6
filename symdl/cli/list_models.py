"""``symdl list``: the models that come with symdl."""

from typing import Annotated

import typer


def command(
    names: Annotated[bool, typer.Option("--names", help="Only the names, one on each line, for scripts.")] = False,
) -> None:
    """The models that come with symdl."""
    from symdl.models import RECIPES

    if names:
        for name in RECIPES:
            typer.echo(name)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "model", "book", "reference"):
        table.add_column(column, no_wrap=column != "model")
    for recipe in RECIPES.values():
        table.add_row(
            recipe.name, recipe.title, f"§{recipe.section}", f"{recipe.metric} {recipe.sense} {recipe.reference:g}"
        )
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width
        console = Console(width=200)
    console.print(table)
    typer.echo("symdl train NAME trains one, symdl show NAME prints its equations.")
