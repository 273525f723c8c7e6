"""``metrics.json``: what was trained, how, and what came out."""

import json
import platform
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdl.models import Outcome, Recipe


def summary(recipe: "Recipe", options: dict[str, Any], outcome: "Outcome") -> str:
    """Return the content of ``metrics.json``."""
    import numpy

    from symdl.cli import version

    reached = {"value": recipe.reference, "source": recipe.source, "reached": recipe.reached(outcome.figure)}
    found = {
        "model": recipe.name,
        "title": recipe.title,
        "book_section": recipe.section,
        "_".join([*recipe.judged.split(), recipe.metric]): outcome.figure,
        **outcome.figures,
        "reference": reached,
        "parameters": {name: list(array.shape) for name, array in getattr(outcome.model, "values", {}).items()},
        "training": {
            key: value if isinstance(value, int | float | str) else repr(value)
            for key, value in options.items()
            if value is not None
        },
        "history": outcome.history.as_dict(),
        "versions": {"symdl": version(), "python": platform.python_version(), "numpy": numpy.__version__},
        "machine": platform.machine(),
    }
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    return re.sub(
        r"\[[^\[\]{}\"]*\]", lambda numbers: " ".join(numbers[0].split()), text
    )  # lists of numbers on one line
