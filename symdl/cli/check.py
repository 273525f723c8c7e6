"""``symdl check NAME``: a model's derivatives against independent ones."""

from typing import TYPE_CHECKING, Any

import typer

from symdl.cli.library import Name, built, find
from symdl.cli.outcome import FAILED

if TYPE_CHECKING:
    from symdl.data import Split
    from symdl.models import Recipe
    from symdl.train import Model


def command(name: Name) -> None:
    """Test a model's derivatives against independent ones.

    Those are finite differences, the other mode of derivation and an evaluation in high precision, at the initial
    values of the parameters and the first training sample.
    """
    recipe = find(name)
    model, division = built(recipe)
    from symdl.check import check

    report = check(
        model.declared.loss, wrt=list(model.declared.parameters), values=_first_sample(recipe, model, division)
    )
    typer.echo(str(report))
    if not report.ok:
        raise typer.Exit(FAILED)


def _first_sample(recipe: "Recipe", model: "Model", division: "Split") -> dict[str, Any]:
    """Return the initial parameters and one sample, labels as one-hot rows; only the parameters for whole batches."""
    import numpy as np

    values = dict(model.values)
    if model.declared.batch is not None:
        return values
    arrays = recipe.arrays(division.train.take([0]))
    for symbol in model.declared.data:
        row = np.asarray(arrays[symbol.name])[0]
        if "one_hot" in getattr(symbol, "properties", ()) and row.ndim == 0:
            row = np.eye(int(symbol.shape[0]))[int(row)]
        values[symbol.name] = row
    return values
