"""A derivation as a web page that needs no network; formulas are MathML, which browsers show by themselves."""

import html
import re
from collections.abc import Iterable, Sequence

from symdl.derivation.plain import plain
from symdl.derivation.steps import Derivation, Step
from symdl.latex.mathml import mathml

HEADINGS = {
    "forward": "The equations",
    "backward": "Adjoints, from the loss back",
    "gradient": "Gradients",
    "Jacobian": "Jacobians",
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
  .display { margin: 1rem 0; text-align: center; }
  ul { padding-left: 1.2rem; color: var(--faint); font-size: .9rem; } li { margin: .35rem 0; }
"""


def page(derivation: Derivation) -> str:
    """Return a derivation as a page: its title, the steps by part, notes."""
    heading = math(derivation.title)
    return document("Derivation", [f"<h1>{heading}</h1>", table(derivation.parts()), notes(derivation)])


def article(title: str, parts: Iterable[str | Derivation | Sequence[Sequence[object]]]) -> str:
    """Return a page of prose and derivations.

    Args:
        title: Its title.
        parts: Paragraphs, with formulas between dollar signs and displayed ones between two on each side; headings that
            begin with ``# ``; derivations; tables, as rows of cells, the first row being the heads.
    """
    content = [f"<h1>{prose(title)}</h1>"]
    for part in parts:
        if isinstance(part, Derivation):
            content += [table(part.parts()), notes(part)]
        elif not isinstance(part, str):
            content.append(_cells(part))
        elif part.startswith("# "):
            content.append(f"<h2>{prose(part[2:])}</h2>")
        elif part.startswith("$$"):
            content.append(f'<p class="scroll display">{math(part.strip("$ "))}</p>')
        else:
            content.append(f"<p>{prose(part)}</p>")
    return document(title, content)


def _cells(rows: Sequence[Sequence[object]]) -> str:
    heads, *body = [[prose(str(cell)) for cell in row] for row in rows]
    lines = ["".join(f"<th>{cell}</th>" for cell in heads)]
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in body]
    return '<div class="scroll"><table>' + "".join(f"<tr>{line}</tr>" for line in lines) + "</table></div>"


def notes(derivation: Derivation) -> str:
    """Return what was used on the way, as a list."""
    return "<h2>Used on the way</h2><ul>" + "".join(f"<li>{prose(note)}</li>" for note in derivation.notes) + "</ul>"


def table(parts: Sequence[tuple[str, Sequence[Step]]]) -> str:
    """Return the steps by part as a table."""
    bodies = []
    for part, steps in parts:
        rows = map(_row, steps)
        heading = f'<tr><th colspan="5">{HEADINGS[part]}</th></tr>'
        bodies.append("<tbody>" + "\n".join([heading, *rows]) + "</tbody>")
    return f'<div class="scroll"><table>{"".join(bodies)}</table></div>'


def _row(step: Step) -> str:
    """Return a step as a row; the rule of a long formula stands below it."""
    right, rule = math(step.right), prose(step.rule)
    if len(plain(step.right)) > WIDE:
        cells = f'<td colspan="2">{right}<div class="rule">{rule}</div></td>'
    else:
        cells = f'<td>{right}</td><td class="rule">{rule}</td>'
    left = f'<td class="left">{math(step.left)}</td><td class="sign">=</td>'
    return f'<tr><td class="number">({step.number})</td>{left}{cells}</tr>'


def math(latex: str, large: bool = True) -> str:
    """Return MathML, which browsers show by themselves; fractions in full size if ``large``."""
    plain = '<math displaystyle="true">' if large else "<math>"
    return re.sub(r"^<math[^>]*>", plain, mathml(latex))


def prose(text: str) -> str:
    """Return text with formulas between dollar signs."""
    parts = re.split(r"\$(.*?)\$", text)
    return "".join(
        math(part, large=False) if position % 2 else html.escape(part) for position, part in enumerate(parts)
    )


def document(title: str, content: Iterable[str]) -> str:
    """Return a whole page."""
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title>'
    head += f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(content) + "\n</body></html>\n"
