"""Models of the library by the name a user typed."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdl.cli.outcome import UsageError

if TYPE_CHECKING:
    from symdl.models import Objective, Recipe

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


def chosen(objectives: Sequence["Objective"], names: Sequence[str]) -> list[tuple["Objective", list[Any]]]:
    """Return each objective with the variables to derive it by: those named (``W1``, ``W1,b1``), all for no names.

    Objectives without any of them are left out.

    Raises:
        UsageError: for a name that is a variable of none.
    """
    listed = [part for name in names for part in name.replace(",", " ").split()]
    known = {symbol.name: symbol for objective in objectives for symbol in objective.variables}
    for name in listed:
        if name not in known:
            raise UsageError(f"unknown parameter {name!r}; the parameters are {', '.join(known)}")
    if not listed:
        return [(objective, list(objective.variables)) for objective in objectives]
    found = []
    for objective in objectives:
        own = {symbol.name: symbol for symbol in objective.variables}
        if any(name in own for name in listed):
            found.append((objective, [own[name] for name in listed if name in own]))
    return found
