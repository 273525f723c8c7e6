"""``metrics.json``: what was trained, how, and what came out."""

import json
import platform
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdl.models import Recipe
    from symdl.train import History, Model


def summary(
    recipe: "Recipe", model: "Model", options: dict[str, Any], judged: str, history: "History", figure: float
) -> str:
    """Return the content of ``metrics.json``."""
    import numpy

    from symdl.cli import version

    found = {
        "model": recipe.name,
        "title": recipe.title,
        "book_section": recipe.section,
        f"{judged}_{recipe.metric}": figure,
        "reference": {"value": recipe.reference, "source": recipe.source, "reached": recipe.reached(figure)},
        "parameters": {name: list(array.shape) for name, array in model.values.items()},
        "training": {
            key: value if isinstance(value, int | float | str) else repr(value) for key, value in options.items()
        },
        "history": history.as_dict(),
        "versions": {"symdl": version(), "python": platform.python_version(), "numpy": numpy.__version__},
        "machine": platform.machine(),
    }
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    return re.sub(
        r"\[[^\[\]{}\"]*\]", lambda numbers: " ".join(numbers[0].split()), text
    )  # lists of numbers on one line
