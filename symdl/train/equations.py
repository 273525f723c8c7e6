"""A model as a book prints it: its named intermediates, its cost, its outputs."""

from collections.abc import Mapping
from typing import Any

from symdl.expr.nodes import Array, Element, Named, Tensor
from symdl.expr.system import children
from symdl.expr.walk import parts_first
from symdl.latex import latex
from symdl.latex.loops import recurrences_in
from symdl.latex.over_time import rows_over_time
from symdl.train.declaration import Declaration


def model_latex(declared: Declaration) -> str:
    """Return aligned LaTeX: each named intermediate with its definition, then C_i, then outputs that have no name."""
    symbol = "C" if declared.batch is not None else "C_i"
    if len(declared.groups) == 1:
        return equations_latex({symbol: declared.loss}, declared.outputs)
    names = {name: name.replace("_", r"\_") for name in declared.losses}
    losses = {rf"{symbol}^{{\mathrm{{{names[name]}}}}}": loss for name, loss in declared.losses.items()}
    return equations_latex(losses, declared.outputs)


def equations_latex(losses: Mapping[str, Any], outputs: Mapping[str, Any]) -> str:
    """Return the same for losses by what they are called."""
    if any(recurrences_in(value) for value in (*outputs.values(), *losses.values())):
        named = {rf"\mathrm{{{name}}}".replace("_", r"\_"): value for name, value in outputs.items()}
        rows = rows_over_time({**{symbol: _unnamed(loss) for symbol, loss in losses.items()}, **named})
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
    values = [*outputs.values(), *losses.values()]
    tensors = parts_first([value if isinstance(value, Tensor) else Array(value) for value in values], children)
    found = [tensor for tensor in tensors if isinstance(tensor, Named)]
    lines = [
        (latex(item), latex(item.definition)) for item in found if not any(_is(loss, item) for loss in losses.values())
    ]
    lines += [(symbol, latex(_unnamed(loss))) for symbol, loss in losses.items()]
    for name, value in outputs.items():
        if not any(_is(value, item) for item in found):
            lines.append((rf"\mathrm{{{name}}}".replace("_", r"\_"), latex(value)))
    return "\\begin{aligned}\n" + " \\\\\n".join(f"{left} &= {right}" for left, right in lines) + "\n\\end{aligned}"


def _is(value: Any, item: Named) -> bool:
    return value == item or (isinstance(value, Element) and value.tensor == item)


def _unnamed(value: Any) -> Any:
    if isinstance(value, Element) and isinstance(value.tensor, Named):
        definition = value.tensor.definition
        return definition.body if isinstance(definition, Array) else Element(definition)
    return value
