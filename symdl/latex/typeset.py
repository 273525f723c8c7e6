"""Names, sums and products, as LaTeX."""

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Integer

from symdl.latex.algebra import ONE, cost, key, scale
from symdl.latex.forms import (
    Apply,
    At,
    BigOp,
    Diag,
    DiagonalOf,
    Explicit,
    Form,
    Hadamard,
    Identity,
    Inverse,
    Kron,
    Leaf,
    MatMul,
    Norm,
    Number,
    Ones,
    Operator,
    Place,
    Power,
    Scale,
    Slice,
    Sum,
    Trace,
    Transpose,
    Unit,
    Zeros,
)
from symdl.latex.names import with_superscript
from symdl.latex.write import (
    ATOM,
    HADAMARD,
    POWER,
    PRODUCT,
    SUM,
    Entrywise,
    entry,
    parenthesised,
    text,
    typeset,
    within,
    write,
)


@typeset.register
def _(form: Leaf) -> tuple[str, int]:
    return form.tex, ATOM


@typeset.register
def _(form: Number) -> tuple[str, int]:
    value = form.value
    content = sympy.latex(value)
    if value.is_negative:
        return content, SUM
    return content, PRODUCT if r"\cdot" in content else ATOM


@typeset.register
def _(form: Ones) -> tuple[str, int]:
    return r"\mathbf{1}", ATOM


@typeset.register
def _(form: Zeros) -> tuple[str, int]:
    return "0", ATOM


@typeset.register
def _(form: Identity) -> tuple[str, int]:
    return "I", ATOM


@typeset.register
def _(form: Unit) -> tuple[str, int]:
    return rf"\mathbf{{e}}_{{{sympy.latex(form.position + 1)}}}", ATOM


@typeset.register
def _(form: Explicit) -> tuple[str, int]:
    rows = r" \\ ".join(" & ".join(map(text, row)) for row in form.rows)
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}", ATOM


@typeset.register
def _(form: Transpose) -> tuple[str, int]:
    if isinstance(form.arg, Leaf | Slice):
        return with_superscript(text(form.arg), r"\top"), POWER
    if isinstance(form.arg, Inverse):
        return _inverse(form.arg, r"-\top"), POWER
    if isinstance(form.arg, Apply | Power) and not _closed(form.arg):
        return rf"{parenthesised(text(form.arg))}^{{\top}}", POWER
    return rf"{within(form.arg, ATOM)}^{{\top}}", POWER


@typeset.register
def _(form: Inverse) -> tuple[str, int]:
    return _inverse(form, "-1"), POWER


def _inverse(form: Inverse, mark: str) -> str:
    if isinstance(form.arg, Leaf):
        return with_superscript(text(form.arg), mark)
    return rf"{within(form.arg, ATOM)}^{{{mark}}}"


@typeset.register
def _(form: Operator) -> tuple[str, int]:
    return rf"{form.symbol}{parenthesised(text(form.arg))}", ATOM


def _closed(form: Form) -> bool:
    """Tell whether a function's text ends in its own closing parenthesis."""
    return text(form).endswith(r"\right)") and not isinstance(form, Power)


@typeset.register
def _(form: MatMul) -> tuple[str, int]:
    return " ".join(within(factor, PRODUCT) for factor in form.factors), PRODUCT


@typeset.register
def _(form: Sum) -> tuple[str, int]:
    return _sum(form, form.is_matrix), SUM


@typeset.register
def _(form: Entrywise) -> tuple[str, int]:
    return _sum(form.arg, False), SUM


def _sum(form: Sum, spelled: bool) -> str:
    """Return a sum; ``spelled`` writes a number in every entry of a matrix as a multiple of a matrix of ones."""
    parts = []
    for term in _ordered(form, spelled):
        minus, rest = _signed(term)
        content = within(rest, HADAMARD) if not isinstance(rest, BigOp) else text(rest)
        if spelled and term.is_scalar:
            content = (content if rest != Number(Integer(1)) else "") + r" \mathbf{1} \mathbf{1}^{\top}"
        parts.append(("- " if minus else "+ ") + content.strip())
    first = parts[0].removeprefix("+ ")
    return " ".join([f"-{first[2:]}" if first.startswith("- ") else first, *parts[1:]])


def _ordered(form: Sum, spelled: bool) -> list[Form]:
    """Return the terms in order of printing: those of a polynomial by degree, if the first is not negative."""
    polynomial = _is_polynomial(form)
    terms = sorted(form.terms, key=lambda term: _order(term, number_last=spelled or polynomial))
    if polynomial:
        falling = sorted(terms, key=lambda term: -_degree(term))
        return terms if _signed(falling[0])[0] or _degree(falling[0]) < 2 else falling
    return terms


def _degree(term: Form) -> int:
    """Return the degree of a monomial."""
    factors = term.num if isinstance(term, Scale) else () if isinstance(term, Number) else (term,)
    exponents = [part.exponent if isinstance(part, Power) else ONE for part in factors]
    return sum(int(item.value) if isinstance(item, Number) and item.value.is_Integer else 1 for item in exponents)


def _signed(term: Form) -> tuple[bool, Form]:
    """Return whether a term has a minus sign, and the term without it."""
    if isinstance(term, Number) and term.value.is_negative:
        return True, Number(-term.value)
    if isinstance(term, Scale) and term.number.is_negative:
        return True, scale(-term.number, term.num, term.den, term.arg)
    return False, term


def _order(term: Form, number_last: bool) -> tuple[bool, int, int, int, str]:
    """Order the terms of a sum: positive first; numbers, then products, then names; a weight such as λ comes later."""
    minus, rest = _signed(term)
    core = rest.arg if isinstance(rest, Scale) and rest.arg is not None else rest
    core = core.num[-1] if isinstance(core, Scale) and core.num else core
    bare = core.arg if isinstance(core, Transpose) else core
    rank = 9 * number_last if isinstance(rest, Number) else 1 if isinstance(core, MatMul | BigOp | Kron) else 3
    if rank == 3 and not isinstance(bare, Leaf | At):
        rank = 2
    weights = sum(isinstance(item, Leaf) for item in rest.num) if isinstance(rest, Scale) else 0
    return minus, rank, weights, cost(core), text(rest)


@typeset.register
def _(form: Scale) -> tuple[str, int]:
    if form.number.is_negative:
        positive = scale(-form.number, form.num, form.den, form.arg)
        return f"-{within(positive, HADAMARD)}", SUM
    number = Number(Integer(form.number.p) if form.number.is_Rational else form.number)
    over = Number(Integer(form.number.q) if form.number.is_Rational else Integer(1))
    top = [*([number] if number != ONE else []), *sorted(form.num, key=_scalar_order)]
    below = [*([over] if over != ONE else []), *sorted(form.den, key=_scalar_order)]
    rest = [] if form.arg is None else [form.arg]
    if not below:
        return _juxtapose([*top, *rest])
    if all(isinstance(item, Leaf | Number) for item in below):  # numbers, sizes: a fraction in front
        inside: list[Form] = [item for item in top if isinstance(item, Leaf | Number)]
        after = [*(item for item in top if not isinstance(item, Leaf | Number)), *rest]
        together = len(after) == 1 and not rest and _is_short(after[0]) and isinstance(below[-1], Leaf)
        if after and not together:
            return _juxtapose([_fraction(inside, below), *after])
        rest = []
    if rest and (_is_long(rest[0]) or len(top) > 1):
        return _juxtapose([_fraction(top, below), *rest])
    return write(_fraction([*top, *rest], below))


def _is_polynomial(form: Sum) -> bool:
    """Tell whether a scalar sum has names and their powers only."""

    def plain(part: Form) -> bool:
        if isinstance(part, Scale):
            return part.arg is None and not part.den and all(map(plain, part.num))
        return isinstance(part.base if isinstance(part, Power) else part, Leaf | At | Number | Place)

    return form.is_scalar and all(map(plain, form.terms))


def _is_short(form: Form) -> bool:
    return all(isinstance(term, Leaf | At | Number) for term in (form.terms if isinstance(form, Sum) else (form,)))


def _is_long(form: Form) -> bool:
    return isinstance(form, MatMul | Sum | Hadamard | BigOp | Kron | Power)


def _fraction(top: list[Form], bottom: list[Form]) -> Form:
    above = _juxtapose(top)[0] if top else "1"
    return _Text(rf"\frac{{{above}}}{{{_juxtapose(bottom)[0]}}}", POWER)


@dataclass(frozen=True)
class _Text(Form):
    """Text that is already set, with its precedence."""

    content: str
    level: int


@typeset.register
def _(form: _Text) -> tuple[str, int]:
    return form.content, form.level


def _scalar_order(form: Form) -> tuple[int, Any]:
    base = form.base if isinstance(form, Power) else form
    ranks = {Number: 0, Leaf: 1, Sum: 4, BigOp: 5}
    rank = 2 if isinstance(base, At) and isinstance(base.base, Leaf) else ranks.get(type(base), 3)
    return rank, key(form)


def _juxtapose(forms: list[Form]) -> tuple[str, int]:
    """Return factors side by side, in parentheses what could be read another way."""
    if len(forms) == 1:
        return write(forms[0])
    front = all(
        isinstance(form.base if isinstance(form, Power) else form, Number | Leaf | _Text) for form in forms[:-1]
    )
    parts = [_factor(form, last=form is forms[-1], front=front) for form in forms]
    content = parts[0]
    for part in parts[1:]:
        content += (r" \cdot " if part[0].isdigit() else " ") + part
    loose = isinstance(forms[-1], Hadamard) and front
    return content, HADAMARD if loose else PRODUCT


def _factor(form: Form, last: bool, front: bool) -> str:
    """Return one of several factors; a scalar that is a product of matrices must not run into a neighbour."""
    if last and (isinstance(form, BigOp) or (isinstance(form, Hadamard) and front)):
        return text(form)
    if isinstance(form, MatMul) and form.is_scalar and not (last and front):
        return parenthesised(text(form))
    return within(form, PRODUCT)


@typeset.register
def _(form: Hadamard) -> tuple[str, int]:
    top = r" \odot ".join(within(entry(part), PRODUCT) for part in form.num) or "1"
    if not form.den:
        return top, HADAMARD
    below = Hadamard(form.den, ()) if len(form.den) > 1 else entry(form.den[0])
    return rf"{top} \oslash {within(below, PRODUCT)}", HADAMARD


@typeset.register
def _(form: Diag) -> tuple[str, int]:
    arg = form.arg
    if isinstance(arg, Hadamard) and not arg.num:
        below = Hadamard(arg.den, ()) if len(arg.den) > 1 else arg.den[0]
        return rf"\operatorname{{diag}}{parenthesised(text(below))}^{{-1}}", POWER
    return rf"\operatorname{{diag}}{parenthesised(text(arg))}", ATOM


@typeset.register
def _(form: DiagonalOf) -> tuple[str, int]:
    return rf"\operatorname{{diag}}{parenthesised(text(form.arg))}", ATOM


@typeset.register
def _(form: Trace) -> tuple[str, int]:
    return rf"\operatorname{{tr}}{parenthesised(text(form.arg))}", ATOM


@typeset.register
def _(form: Norm) -> tuple[str, int]:
    frobenius = "_{F}" if form.arg.is_matrix else ""
    return rf"\left\lVert {text(form.arg)} \right\rVert{frobenius}", ATOM


@typeset.register
def _(form: Kron) -> tuple[str, int]:
    return rf"{within(form.left, PRODUCT)} \otimes {within(form.right, PRODUCT)}", HADAMARD
