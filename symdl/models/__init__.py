"""Models of the book, one file each, found by a scan of this folder: the ``RECIPE`` of each, or the ``RECIPES``."""

import importlib
import pkgutil

from symdl.errors import InputError
from symdl.models.recipe import Experiment, Objective, Outcome, Recipe, Supervised

RECIPES: dict[str, Recipe] = {}
for _module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    _declared = vars(importlib.import_module(f"{__name__}.{_module.name}"))
    for _found in _declared.get("RECIPES") or filter(None, [_declared.get("RECIPE")]):
        RECIPES[_found.name] = _found


def find(name: str) -> Recipe:
    """Return a model of the library by name.

    Raises:
        InputError: for an unknown name.
    """
    if name not in RECIPES:
        raise InputError(f"unknown model {name!r}; expected one of {', '.join(RECIPES)}")
    return RECIPES[name]


__all__ = ["RECIPES", "Experiment", "Objective", "Outcome", "Recipe", "Supervised", "find"]
