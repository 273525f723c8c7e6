r"""Expressions with recurrences as LaTeX: themselves, then the equations of what they read, each for one time t."""

from collections.abc import Mapping
from typing import Any

from symdl.expr.nodes import Array, Named, Tensor
from symdl.expr.recurrence import Recurrence
from symdl.latex.times import Definition, Times
from symdl.latex.view import scalar_form, tensor_form
from symdl.latex.write import text
from symdl.simplify import simplify


def equation_of(found: Definition) -> str:
    r"""Return one quantity as LaTeX: its equation, then where it starts."""
    right = value_text(found.name.definition)
    starts = "".join(rf", \quad {symbol.latex_name} = {value_text(value)}" for symbol, value in found.starts)
    return f"{found.name.latex_name} &= {right}{starts}"


def over_time(value: Any) -> str:
    r"""Return an expression with recurrences in it as aligned LaTeX: itself, then the equations of what it reads."""
    view = Times([value])
    rows = [equation_of(found) for found in view.definitions.values()]
    if not isinstance(value, Recurrence):
        rows.insert(0, f"& {value_text(view.values[0])}")
    return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"


def rows_over_time(values: Mapping[str, Any]) -> list[str]:
    """Return equations "left &= right": of what values with recurrences in them read, then of the values themselves.

    Args:
        values: Tensors and scalar expressions by what they are called, in LaTeX.
    """
    view = Times(simplify(list(values.values()), keep=True).values)
    rows = [equation_of(found) for found in view.definitions.values()]
    shown = zip(values, view.values, strict=True)
    return rows + [f"{left} &= {value_text(value)}" for left, value in shown if not isinstance(value, Named)]


def value_text(value: Any) -> str:
    """Return a value over slices as LaTeX."""
    if isinstance(value, Tensor):
        if isinstance(value, Array) and not value.order:
            return text(scalar_form(value.body))
        return text(tensor_form(value))
    return text(scalar_form(value))
