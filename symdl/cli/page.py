"""A derivation as a web page that needs no network, and as a LaTeX document."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symdl.derivation import Derivation, Step
    from symdl.models import Recipe
    from symdl.optimizers.optimizer import Optimizer

HEADINGS = {
    "forward": "The equations",
    "backward": "Adjoints, from the loss back",
    "gradient": "Gradients",
    "Hessian": "The Hessian",
}
WIDE = 55  # signs of a formula that leave no room for the rule beside it
STYLE = """
  :root { color-scheme: light dark; --text: #1c1e21; --faint: #6a7077; --line: #dfe2e6; --ground: #fff; }
  @media (prefers-color-scheme: dark) {
    :root { --text: #e4e6ea; --faint: #9aa1a9; --line: #34383d; --ground: #16181b; } }
  body { margin: 0 auto; padding: 2.5rem 1.5rem 5rem; max-width: 62rem; background: var(--ground); color: var(--text);
         font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
  h1 { margin: 0; font-size: 1.55rem; line-height: 1.3; }
  h2, th { margin: 2.6rem 0 .7rem; font-size: 1.1rem; font-weight: 600; }
  p { margin: .5rem 0; } .about { color: var(--faint); }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; }
  th { padding: 2.6rem 0 .7rem; text-align: left; }
  td { padding: .5rem .35rem; border-top: 1px solid var(--line); vertical-align: baseline; white-space: nowrap; }
  tbody tr:last-child td { border-bottom: 1px solid var(--line); }
  td.number { width: 2.2rem; color: var(--faint); font-size: .85rem; }
  td.left { width: 1%; text-align: right; } td.sign { width: 1%; }
  .rule { color: var(--faint); font-size: .9rem; white-space: normal; }
  td.rule { padding-left: 2rem; min-width: 14rem; } div.rule { padding-top: .3rem; }
  math { font-size: 1.08em; } .rule math, li math { font-size: 1em; }
  ul { padding-left: 1.2rem; color: var(--faint); font-size: .9rem; } li { margin: .35rem 0; }
"""


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
        content.append(_table(steps.parts()))
        content.append("<h2>Used on the way</h2>")
        content.append("<ul>" + "".join(f"<li>{_prose(note)}</li>" for note in steps.notes) + "</ul>")
    for optimizer in optimizers(recipe):
        content += [f"<h2>The step of {type(optimizer).__name__}</h2>", _assignments(optimizer.latex())]
    return _document(recipe.title, content)


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


def _table(parts: Sequence[tuple[str, Sequence["Step"]]]) -> str:
    bodies = []
    for part, steps in parts:
        rows = map(_row, steps)
        heading = f'<tr><th colspan="5">{HEADINGS[part]}</th></tr>'
        bodies.append("<tbody>" + "\n".join([heading, *rows]) + "</tbody>")
    return f'<div class="scroll"><table>{"".join(bodies)}</table></div>'


def _row(step: "Step") -> str:
    """Return a step as a row; the rule of a long formula stands below it."""
    from symdl.derivation import plain

    right, rule = _math(step.right), _prose(step.rule)
    if len(plain(step.right)) > WIDE:
        cells = f'<td colspan="2">{right}<div class="rule">{rule}</div></td>'
    else:
        cells = f'<td>{right}</td><td class="rule">{rule}</td>'
    left = f'<td class="left">{_math(step.left)}</td><td class="sign">=</td>'
    return f'<tr><td class="number">({step.number})</td>{left}{cells}</tr>'


def _assignments(aligned: str) -> str:
    body = aligned.removeprefix("\\begin{aligned}").removesuffix("\\end{aligned}")
    rows = []
    for row in body.split("\\\\\n"):
        left, _, right = row.replace("&", "", 1).partition(r"\leftarrow")
        rows.append(f'<tr><td class="left">{_math(left)}</td><td class="sign">←</td><td>{_math(right)}</td></tr>')
    return f'<div class="scroll"><table>{"".join(rows)}</table></div>'


def _math(latex: str, large: bool = True) -> str:
    """Return MathML, which browsers show by themselves; fractions in full size if ``large``."""
    from symdl.latex.mathml import mathml

    plain = '<math displaystyle="true">' if large else "<math>"
    return re.sub(r"^<math[^>]*>", plain, mathml(latex))


def _prose(text: str) -> str:
    parts = re.split(r"\$(.*?)\$", text)
    return "".join(
        _math(part, large=False) if position % 2 else html.escape(part) for position, part in enumerate(parts)
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escaped(text: str) -> str:
    return text.replace("λ", r"$\lambda$").replace("%", r"\%").replace("&", r"\&").replace("_", r"\_")


def _document(title: str, content: Iterable[str]) -> str:
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>'
    head += f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(content) + "\n</body></html>\n"
