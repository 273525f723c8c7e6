"""Element-wise functions, conditions and index notation, as LaTeX."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sympy
from sympy import Dummy, Expr, Integer, Rational

from symdl.latex.algebra import children
from symdl.latex.elements import FormView, size_form
from symdl.latex.forms import (
    Apply,
    At,
    BigOp,
    Bracket,
    Cases,
    Composite,
    Delta,
    Form,
    Kron,
    Leaf,
    Listed,
    Logic,
    Norm,
    Number,
    Place,
    Power,
    Relation,
    Slice,
)
from symdl.latex.names import is_marked, with_subscript
from symdl.latex.write import ATOM, HADAMARD, POWER, PRODUCT, SUM, entry, parenthesised, text, typeset, within, write

HALF = Number(Rational(1, 2))
RELATIONS = {"==": "=", "!=": r"\neq", "<": "<", "<=": r"\leq", ">": ">", ">=": r"\geq"}
TURNED = {"==": "==", "!=": "!=", "<": ">", ">=": "<=", ">": "<", "<=": ">="}
COMPLEMENTS = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
BIG = {"add": r"\sum", "mul": r"\prod", "max": r"\max", "min": r"\min", "argmax": r"\arg\max", "argmin": r"\arg\min"}


@typeset.register
def _(form: Power) -> tuple[str, int]:
    if form.exponent == HALF and not form.is_matrix:
        return rf"\sqrt{{{text(form.base)}}}", POWER
    content = text(form.exponent)
    base = form.base
    mark = content if form.is_scalar else rf"\odot {content}"
    if isinstance(base, Apply):
        raised = _apply(base, content) if len(base.args) == 1 else ""
        if raised.startswith(f"{getattr(base.op, 'symbol', '')}^"):  # as in tanh^2(x)
            return raised, POWER
        return f"{text(base) if text(base).startswith(_FENCES) else parenthesised(text(base))}^{{{mark}}}", POWER
    if isinstance(base, Norm):
        return f"{text(base)}^{{{content}}}", POWER
    if isinstance(base, Leaf) and not is_marked(base.tex):
        return f"{base.tex}^{{{mark}}}", POWER
    if isinstance(base, Composite | At) and not text(base).endswith("}"):
        return f"{text(base)}^{{{mark}}}", POWER
    if isinstance(base, At) and not is_marked(text(base)):
        return f"{text(base)}^{{{mark}}}", POWER
    return f"{parenthesised(text(entry(base)))}^{{{mark}}}", POWER


@typeset.register
def _(form: Apply) -> tuple[str, int]:
    if form.op.__name__ == "Exp":
        return _apply(form, None), POWER
    if form.op.__name__ == "Mod":
        return rf"{within(form.args[0], PRODUCT)} \bmod {within(form.args[1], POWER)}", SUM
    return _apply(form, None), ATOM


class _OpPrinter:
    """What an op's ``_latex`` sees as SymPy's printer: its arguments print as forms."""

    def __init__(self, forms: dict[Expr, Form], elementwise: bool) -> None:
        self.forms, self.elementwise = forms, elementwise

    def _print(self, expr: Any) -> str:
        return text(FormView(self.forms).form(sympy.sympify(expr)))


_FENCES = (r"\left|", r"\left\lfloor", r"\left\lceil", r"\max", r"\min")
_SYMPY: dict[str, Callable[..., str]] = {
    "floor": lambda x: rf"\left\lfloor {x} \right\rfloor",
    "ceiling": lambda x: rf"\left\lceil {x} \right\rceil",
    "Min": lambda *x: rf"\min\left({', '.join(x)}\right)",
    "Max": lambda *x: rf"\max\left({', '.join(x)}\right)",
}


def _apply(form: Apply, exponent: str | None) -> str:
    name = form.op.__name__
    if name in _SYMPY:
        content = _SYMPY[name](*map(text, form.args))
        return content if exponent is None else f"{parenthesised(content)}^{{{exponent}}}"
    if name == "Exp" and form.is_matrix:
        content = rf"e^{{\odot {within(entry(form.args[0]), PRODUCT)}}}"
        return content if exponent is None else f"{parenthesised(content)}^{{{exponent}}}"
    places = [arg.value if isinstance(arg, Number) else Dummy(real=True) for arg in form.args]
    forms = {place: entry(arg) for place, arg in zip(places, form.args, strict=True) if isinstance(place, Dummy)}
    return form.op(*places, evaluate=False)._latex(_OpPrinter(forms, not form.is_scalar), exponent)


@typeset.register
def _(form: Composite) -> tuple[str, int]:
    operands = [text(entry(arg)) for arg in form.args]
    if hasattr(form.meaning, "written"):
        return form.meaning.written(operands), ATOM
    return rf"{form.meaning.symbol}{_axis(form)}{parenthesised(', '.join(map(text, form.args)))}", ATOM


def _axis(form: Composite) -> str:
    """Return a mark for the axis an op works along, unless it is a vector's only one or the rows of a matrix."""
    axis, shape = getattr(form.meaning, "axis", None), form.meaning.shape
    if axis is None or len(shape) == 1 or (len(shape) == 2 and shape[axis] != 1 and 1 in shape):
        return ""
    if len(shape) > 2:
        return "" if axis == len(shape) - 1 else rf"^{{\left({axis + 1}\right)}}"
    return r"^{\mathrm{col}}" if axis == 0 else r"^{\mathrm{row}}" if shape[1] == 1 else ""


@typeset.register
def _(form: Relation) -> tuple[str, int]:
    if isinstance(form.left, Number):  # 0 < x is x > 0
        form = Relation(TURNED[form.symbol], form.right, form.left)
    return f"{text(entry(form.left))} {RELATIONS[form.symbol]} {text(entry(form.right))}", SUM


@typeset.register
def _(form: Logic) -> tuple[str, int]:
    if form.symbol == "not":
        return rf"\neg {parenthesised(text(form.args[0]))}", ATOM
    if form.symbol == "and" and (chain := _chain(form.args)):
        return chain, SUM
    sign = r" \wedge " if form.symbol == "and" else r" \vee "
    parts = _between(form.args) if form.symbol == "and" else list(form.args)
    return sign.join(
        part
        if isinstance(part, str)
        else parenthesised(text(part))
        if isinstance(part, Logic) and part.symbol != "not"
        else text(part)
        for part in parts
    ), SUM


def _between(parts: tuple[Form, ...]) -> list[Form | str]:
    """Return conditions with x >= a and x < b in one, as a <= x < b."""
    found: list[Form | str] = []
    left = list(parts)
    while left:
        part = left.pop(0)
        pair = next((pair for other in left if (pair := _around(part, other)) is not None), None)
        if pair is None:
            found.append(part)
            continue
        low, high = pair
        left.remove(high if low is part else low)
        below = f"{text(entry(low.right))} {RELATIONS[TURNED[low.symbol]]}"
        found.append(f"{below} {text(entry(low.left))} {RELATIONS[high.symbol]} {text(entry(high.right))}")
    return found


def _around(one: Form, other: Form) -> tuple[Relation, Relation] | None:
    """Return the condition from below and that from above of two that limit the same."""
    for low, high in ((one, other), (other, one)):
        if not (isinstance(low, Relation) and isinstance(high, Relation) and low.left == high.left):
            return None
        if low.symbol in (">", ">=") and high.symbol in ("<", "<="):
            return low, high
    return None


def _chain(parts: tuple[Form, ...]) -> str:
    """Return two comparisons that share their middle as one, as in 1 < i < n; the empty text if they do not."""
    if len(parts) != 2 or not all(isinstance(part, Relation) for part in parts):
        return ""
    first, second = parts
    if not (isinstance(first, Relation) and isinstance(second, Relation) and first.right == second.left):
        return ""
    return f"{text(first)} {RELATIONS[second.symbol]} {text(entry(second.right))}"


@typeset.register
def _(form: Cases) -> tuple[str, int]:
    condition = text(form.condition)
    if (form.first, form.second) == (Number(Integer(1)), Number(Integer(0))):
        return rf"\mathbf{{1}}\left\{{{condition}\right\}}", ATOM
    if (form.first, form.second) == (Number(Integer(0)), Number(Integer(1))):
        if isinstance(form.condition, Relation):
            other = replace(form.condition, symbol=COMPLEMENTS[form.condition.symbol])
            return rf"\mathbf{{1}}\left\{{{text(other)}\right\}}", ATOM
        return rf"\left(1 - \mathbf{{1}}\left\{{{condition}\right\}}\right)", ATOM
    rows: list[str] = []
    last: Form = form
    while isinstance(last, Cases):
        rows.append(rf"{text(entry(last.first))} & \text{{if }} {text(last.condition)}")
        last = last.second
    rows.append(rf"{text(entry(last))} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}", SUM


@typeset.register
def _(form: Slice) -> tuple[str, int]:
    parts = []
    for part, size in zip(form.parts, form.base.shape, strict=False):
        if size == 1:
            continue
        if not isinstance(part, tuple):
            parts.append(_size(part + 1))
        elif part[0] == 0 and part[1] == size:
            parts.append(":")
        else:
            parts.append(f"{_size(part[0] + 1)}:{_size(sympy.expand(part[0] + part[1]))}")
    return with_subscript(within(form.base, ATOM), ",".join(parts)), ATOM


def _size(size: Expr) -> str:
    return text(size_form(size))


@typeset.register
def _(form: Listed) -> tuple[str, int]:
    return parenthesised(", ".join(map(text, form.parts))), ATOM


@typeset.register
def _(form: Place) -> tuple[str, int]:
    return write(form.shown)


@typeset.register
def _(form: At) -> tuple[str, int]:
    mark = _subscripts(list(map(text, form.forms)))
    if isinstance(form.base, Leaf):
        return with_subscript(form.base.tex, mark), ATOM
    return f"{within(form.base, ATOM)}_{{{mark}}}", ATOM


def _subscripts(places: list[str]) -> str:
    together = all(len(place) == 1 and place.isalpha() for place in places)
    return "".join(places) if together else ", ".join(places)


@typeset.register
def _(form: Delta) -> tuple[str, int]:
    return rf"\delta_{{{_subscripts([text(form.left), text(form.right)])}}}", ATOM


@typeset.register
def _(form: BigOp) -> tuple[str, int]:
    if form.op not in ("add", "mul"):
        signs = f"{BIG[form.op]}_{{{_range(form)}}}"
    else:
        signs = " ".join(f"{BIG[form.op]}_{{{letter}=1}}^{{{text(size)}}}" for _, letter, size in form.limits)
    body = text(form.body) if isinstance(form.body, BigOp | Kron) else within(form.body, PRODUCT)
    return f"{signs} {body}", HADAMARD


def _range(form: BigOp) -> str:
    """Return the letters of an extremum, with the places they run over unless an axis that they run along says so."""
    letters = ", ".join(letter for _, letter, _ in form.limits)
    if all(_runs_along(form.body, index) for index, _, _ in form.limits):
        return letters
    sizes = [text(size) for _, _, size in form.limits]
    if len(set(sizes)) == 1:
        return rf"1 \leq {letters} \leq {sizes[0]}"
    each = (rf"1 \leq {letter} \leq {size}" for (_, letter, _), size in zip(form.limits, sizes, strict=True))
    return r",\, ".join(each)


def _runs_along(form: Form, index: Expr) -> bool:
    """Tell whether an element in a form is read at an index itself."""
    return (isinstance(form, At) and index in form.places) or any(_runs_along(part, index) for part in children(form))


@typeset.register
def _(form: Bracket) -> tuple[str, int]:
    return rf"\left[{text(form.body)}\right]_{{{_subscripts([letter for _, letter, _ in form.axes])}}}", ATOM
