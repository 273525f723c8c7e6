"""A derivation as a web page that needs no network, and as a LaTeX document."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from symdl.derivation.page import HEADINGS, document, math, notes, table

if TYPE_CHECKING:
    from symdl.derivation import Derivation
    from symdl.models import Recipe
    from symdl.optimizers.optimizer import Optimizer

Found = Sequence[tuple[str, "Derivation"]]  # what each derivation belongs to, where there are several


def derivation_page(recipe: "Recipe", found: Found) -> str:
    """Return the page: the equations, the steps by part, notes, and the optimizers; formulas are MathML."""
    content = [
        f"<h1>{html.escape(_sentence(recipe.title))}</h1>",
        f'<p class="about">From the equations to the gradients, step by step. '
        f"The book treats this model in §{html.escape(recipe.section)}.</p>",
    ]
    for name, steps in found:
        if name:
            content.append(f"<h2>{html.escape(_sentence(name))}</h2>")
        content.append(table(steps.parts()))
        content.append(notes(steps))
    for optimizer in optimizers(recipe):
        content += [f"<h2>The step of {type(optimizer).__name__}</h2>", _assignments(optimizer.latex())]
    return document(recipe.title, content)


def derivation_tex(recipe: "Recipe", found: Found) -> str:
    """Return the same as a LaTeX document; it needs the package amsmath and its kin only."""
    lines = [
        r"\documentclass{article}",
        r"\usepackage[a4paper,landscape,margin=2cm]{geometry}",
        r"\usepackage{amsmath,amssymb}",
        r"\allowdisplaybreaks",
        r"\begin{document}",
        rf"\section*{{{_escaped(_sentence(recipe.title))}}}",
    ]
    for name, derivation in found:
        title = f"{_escaped(_sentence(name))}: " if name else ""
        for part, steps in derivation.parts():
            lines.append(rf"\subsection*{{{title}{HEADINGS[part]}}}")
            rows = [rf"({step.number})\quad & {step.left} = {step.right} && \text{{{step.rule}}}" for step in steps]
            lines += [r"\begin{flalign*}", " \\\\[1ex]\n".join(f"{row} &" for row in rows), r"\end{flalign*}"]
        lines.append(rf"\subsection*{{{title}Used on the way}}")
        lines += [r"\begin{itemize}", *(rf"\item {note}" for note in derivation.notes), r"\end{itemize}"]
    for optimizer in optimizers(recipe):
        lines += [rf"\subsection*{{The step of {type(optimizer).__name__}}}", rf"\[{optimizer.latex()}\]"]
    return "\n".join([*lines, r"\end{document}", ""])


def optimizers(recipe: "Recipe") -> list["Optimizer"]:
    """Return the optimizers among the options of a recipe, each kind once."""
    from symdl.optimizers.optimizer import Optimizer

    found = {type(value): value for value in recipe.training.values() if isinstance(value, Optimizer)}
    return list(found.values())


def _assignments(aligned: str) -> str:
    body = aligned.removeprefix("\\begin{aligned}").removesuffix("\\end{aligned}")
    rows = []
    for row in body.split("\\\\\n"):
        left, _, right = row.replace("&", "", 1).partition(r"\leftarrow")
        rows.append(f'<tr><td class="left">{math(left)}</td><td class="sign">←</td><td>{math(right)}</td></tr>')
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escaped(text: str) -> str:
    return text.replace("λ", r"$\lambda$").replace("%", r"\%").replace("&", r"\&").replace("_", r"\_")
