r"""What adjoints and tangents of a recurrence are called: ζ of what is carried, δ of what an activation starts from.

The adjoint of the only carried tensor is \zeta^{\langle t \rangle}; with several, h and c, they are \zeta_{h} and
\zeta_{c}. The adjoint of a pre-activation is \delta, of that of the gate g_{f} it is \delta_{f}.
"""

import re
from collections.abc import Sequence

from sympy import Basic, Function

from symdl.expr.equations import Equation
from symdl.expr.scalar import SCALAR_OPS

MARK = r"^{\langle t \rangle}"
_DERIVED = (r"\zeta", r"\delta", r"\bar", r"\dot")


def adjoint_labels(block: Sequence[Equation]) -> dict[Basic, str]:
    """Return the LaTeX of the adjoint of each target of a block that has one."""
    labels: dict[Basic, str] = {}
    carried = [item for item in block if item.target.latex_name.endswith(MARK)]
    for item in block:
        tex = item.target.latex_name
        base = tex.removesuffix(MARK)
        if tex.startswith(_DERIVED):
            labels[item.target] = rf"\bar{{{base}}}{MARK}"
        elif item in carried:
            labels[item.target] = _subscripted(r"\zeta", base if len(carried) > 1 else _marks(base)) + MARK
    starts = {load: item for item in block if item.target.latex_name for load in _argument(item)}
    starts = {load: item for load, item in starts.items() if not load.latex_name}
    for target, item in starts.items():
        base = item.target.latex_name.removesuffix(MARK)
        labels[target] = _subscripted(r"\delta", _marks(base) or ("" if len(starts) == 1 else base)) + MARK
    return labels


def tangent_label(tex: str) -> str:
    """Return the LaTeX of the tangent of a quantity."""
    return rf"\dot{{{tex.removesuffix(MARK)}}}{MARK if tex.endswith(MARK) else ''}" if tex else ""


def _argument(equation: Equation) -> list[Basic]:
    """Return the targets that an activation is applied to: tanh(z) as the whole body."""
    body = equation.body
    if isinstance(body, Function) and not isinstance(body, SCALAR_OPS["where"]):
        return [load.tensor for load in equation.loads]
    return []


def _marks(base: str) -> str:
    """Return the subscript of a name, without braces."""
    found = re.search(r"_\{?(.+?)\}?$", base)
    return found[1] if found else ""


def _subscripted(symbol: str, mark: str) -> str:
    return f"{symbol}_{{{mark}}}" if mark else symbol
