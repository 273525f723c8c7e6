"""The public names of symdl, read from the code, as Markdown tables for the reference page."""

import inspect
from collections.abc import Iterable

import symdl as sd

# Module prefixes by part of the page; the first that fits.
PARTS = {
    "Declaring": (
        "symdl.expr.sizes",
        "symdl.expr.declare",
        "symdl.expr.layers",
        "symdl.expr.recur",
        "symdl.expr.state",
    ),
    "Deriving": (
        "symdl.calculus",
        "symdl.curvature",
        "symdl.derivation",
        "symdl.simplify",
        "symdl.check",
        "symdl.stability",
    ),
    "Printing": ("symdl.latex",),
    "Running": ("symdl.compile", "symdl.minimizers", "symdl.train"),
    "Functions": ("symdl.ops", "symdl.expr"),
    "Parts": ("symdl",),
}


def names() -> list[str]:
    """Return every public name, sorted."""
    own = {name for name in dir(sd) if getattr(getattr(sd, name), "__module__", "").startswith("symdl.")}
    return sorted(name for name in {*sd._LATE, *own, *sd.__all__} if not name.startswith("_"))


def part_of(name: str) -> str:
    """Return the part of the page a name belongs to."""
    value = getattr(sd, name)
    module = "symdl" if inspect.ismodule(value) else value.__module__
    return next(part for part, prefixes in PARTS.items() if module.startswith(prefixes))


def summary(name: str) -> str:
    """Return the first sentence of a name's documentation.

    Raises:
        AssertionError: where there is none.
    """
    return first_sentence(getattr(sd, name), f"sd.{name}")


def first_sentence(value: object, name: str) -> str:
    """Return the first sentence of an object's documentation."""
    text = " ".join((inspect.getdoc(value) or "").split("\n\n")[0].split())
    assert text, f"{name} has no documentation"
    return text.split(". ")[0].rstrip(".:")


def tables() -> dict[str, str]:
    """Return Markdown tables by the names under which ``api.md`` asks for them."""
    found = {
        part.lower(): _table((f"sd.{name}", summary(name)) for name in names() if part_of(name) == part)
        for part in PARTS
    }
    sets = {"losses": sd.losses.LOSSES, "optimizers": sd.optimizers.OPTIMIZERS}
    for name, members in sets.items():
        found[name] = _table((f"sd.{name}.{key}", first_sentence(item, key)) for key, item in members.items())
    recipes = sd.models.RECIPES.items()
    found["models"] = _table((name, f"{recipe.title} (book §{recipe.section})") for name, recipe in recipes)
    return found


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in rows]
    return "\n".join(["| name | what it is |", "|---|---|", *lines])
