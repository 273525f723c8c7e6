"""``symdl derive NAME --wrt W1``: the derivation of gradients, step by step."""

from pathlib import Path
from typing import Annotated

import typer

from symdl.cli.files import shown, write
from symdl.cli.library import Name, built, find, parameters


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
    model, _ = built(recipe)
    found = derivation(model.declared.loss, parameters(model, wrt or []), order=2 if hessian else 1)
    if html is not None:
        from symdl.cli.page import derivation_page

        write(html, derivation_page(recipe, found))
        typer.echo(f"written to {shown(html)}")
    if latex:
        typer.echo(found.latex())
    elif html is None:
        typer.echo(f"{recipe.name}: {plain(found.title)}\n\n{found.text()}")
