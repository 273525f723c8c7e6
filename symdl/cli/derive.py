"""``symdl derive NAME --wrt W1``: the derivation of gradients, step by step."""

from pathlib import Path
from typing import Annotated

import typer

from symdl.cli.files import shown, write
from symdl.cli.library import Name, chosen, find


def command(
    name: Name,
    wrt: Annotated[
        list[str] | None,
        typer.Option("--wrt", metavar="PARAMETER", help="What to derive by, such as W1 or W1,b1; all by default."),
    ] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a web page that needs no network.")
    ] = None,
    hessian: Annotated[bool, typer.Option("--hessian", help="Also the Hessian, for one parameter.")] = False,
) -> None:
    """The derivation of a model's gradients, step by step."""
    from symdl.derivation import derivation, plain

    recipe = find(name)
    found = [
        (objective.name, derivation(objective.loss, variables, order=2 if hessian else 1))
        for objective, variables in chosen(recipe.objectives(), wrt or [])
    ]
    if html is not None:
        from symdl.cli.page import derivation_page

        write(html, derivation_page(recipe, found))
        typer.echo(f"written to {shown(html)}")
    for part, steps in found:
        if latex:
            typer.echo(steps.latex())
        elif html is None:
            title = f"{recipe.name}, {part}" if part else recipe.name
            typer.echo(f"{title}: {plain(steps.title)}\n\n{steps.text()}")
