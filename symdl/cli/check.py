"""``symdl check NAME``: a model's derivatives against independent ones."""

import typer

from symdl.cli.library import Name, find
from symdl.cli.outcome import FAILED


def command(name: Name) -> None:
    """Test a model's derivatives against independent ones.

    Those are finite differences, the other mode of derivation and an evaluation in high precision, at the initial
    values of the parameters and the first training sample.
    """
    objectives = find(name).objectives()
    from symdl.check import check

    reports = []
    for objective in objectives:
        if objective.name:
            typer.echo(f"{objective.name}:")
        reports.append(check(objective.loss, wrt=list(objective.variables), values=objective.values))
        typer.echo(str(reports[-1]))
    if not all(report.ok for report in reports):
        raise typer.Exit(FAILED)
