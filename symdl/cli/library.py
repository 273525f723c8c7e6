"""Models of the library by the name a user typed."""

import difflib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdl.cli.outcome import UsageError

if TYPE_CHECKING:
    from symdl.data import Split
    from symdl.models import Recipe
    from symdl.train import Model

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model; 'symdl list' shows them.", show_default=False)]


def find(name: str) -> "Recipe":
    """Return a model of the library.

    Raises:
        UsageError: for an unknown name; its message gives close matches and all names.
    """
    from symdl.models import RECIPES

    found = RECIPES.get(name)
    if found is None:
        close = difflib.get_close_matches(name.lower(), RECIPES, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise UsageError(f"unknown model {name!r}; {hint}The models are {', '.join(sorted(RECIPES))}")
    return found


def built(recipe: "Recipe") -> tuple["Model", "Split"]:
    """Return a model for the first division of its data, and that division."""
    division = recipe.splits()[0]
    return recipe.build(division), division


def parameters(model: "Model", names: list[str]) -> list[Any]:
    """Return parameters by name (``W1``, or several as ``W1,b1``), in the order given; all of them for no names.

    Raises:
        UsageError: for an unknown one.
    """
    known = {symbol.name: symbol for symbol in model.declared.parameters}
    listed = [part for name in names for part in name.replace(",", " ").split()]
    for name in listed:
        if name not in known:
            raise UsageError(f"unknown parameter {name!r}; the parameters are {', '.join(known)}")
    return [known[name] for name in listed] or list(known.values())
