"""``symdl check NAME``: a model's derivatives against independent ones."""

import typer

from symdl.cli.library import Name, built, find
from symdl.cli.outcome import FAILED


def command(name: Name) -> None:
    """Test a model's derivatives against independent ones.

    Those are finite differences, the other mode of derivation and an evaluation in high precision.
    """
    model, _ = built(find(name))
    from symdl.check import check

    report = check(model.declared.loss, wrt=list(model.declared.parameters))
    typer.echo(str(report))
    if not report.ok:
        raise typer.Exit(FAILED)
