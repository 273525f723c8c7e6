"""Bodies about a mean: what an expansion scattered over x_i and Σ_k x_k is written by x_i - Σ_k x_k / n again.

The derivatives of normalisations are such: -(x_i x_j - x_i μ - μ x_j + μ²) / (n s³) is -(x_i - μ)(x_j - μ) / (n s³).
"""

from collections.abc import Iterator

import sympy
from sympy import Add, Basic, Dummy, Expr, Mul, Pow, Symbol

from symdl.expr.index import Index
from symdl.expr.nodes import Array, Element, Reduce
from symdl.simplify.growth import may_expand

FEWEST = 4  # terms of a sum that is looked at


def centred(body: Expr) -> Expr:
    """Return a sum by its deviations from a mean where the sum itself disappears; else the body as it is."""
    if not isinstance(body, Add) or len(body.args) < FEWEST:
        return body
    for total in dict.fromkeys(_outside(body)):
        found = _about(body, total)
        if found is not None:
            return found
    return body


def _outside(expr: Expr) -> Iterator[Expr]:
    """Yield the elements and reductions of an expression that stand in no other one."""
    if isinstance(expr, Element | Reduce):
        yield expr
    elif isinstance(expr, Add | Mul | Pow):
        for part in expr.args:
            yield from _outside(part)


def _summed(total: Expr) -> tuple[Element, Index, Expr] | None:
    """Return (x[..., k, ...], k, size) if an expression is the sum of the entries of a tensor along one axis."""
    content = total
    while isinstance(content, Element) and isinstance(content.tensor, Array):
        content = content.tensor.at(*content.indices)
    if not (isinstance(content, Reduce) and content.op == "add" and len(content.axes) == 1):
        return None
    [(index, size)], inside = content.open()
    return (inside, index, size) if isinstance(inside, Element) and index in inside.indices else None


def _about(body: Expr, total: Expr) -> Expr | None:
    summed = _summed(total)
    if summed is None:
        return None
    sample, index, size = summed
    place = sample.indices.index(index)
    atoms: dict[Basic, Symbol] = {}
    entries: dict[Symbol, Expr] = {}
    mean = Dummy(real=True)
    for atom in dict.fromkeys(_outside(body)):
        if isinstance(atom, Element) and atom.tensor == sample.tensor:
            others = [(*item.indices[:place], *item.indices[place + 1 :]) for item in (atom, sample)]
            if others[0] == others[1]:
                deviation = Dummy(real=True)
                entries[deviation] = atom - total / size
                atoms[atom] = deviation + mean
                continue
        atoms[atom] = size * mean if atom == total else Dummy(real=True)
    if not entries:
        return None
    plain = body.xreplace(atoms)
    plain, roots = _by_roots(plain)
    if not may_expand(plain):
        return None
    plain = sympy.expand(plain)
    if mean in plain.free_symbols:
        return None
    back = {symbol: atom for atom, symbol in atoms.items() if isinstance(symbol, Symbol)}
    under = {root: base.xreplace(back) for root, base in roots.items()}
    return sympy.factor_terms(plain).xreplace(under).xreplace({**back, **entries})


def _by_roots(plain: Expr) -> tuple[Expr, dict[Expr, Expr]]:
    """Return an expression in which √(ε + v) is one symbol r, and ε elsewhere r² - v; and what r² stands for."""
    roots = {node.base for node in plain.atoms(Pow) if node.exp.is_Rational and node.exp.q == 2 and node.base.is_Add}
    if len(roots) != 1:
        return plain, {}
    [base] = roots
    square = Dummy(positive=True)
    plain = plain.xreplace({base: square})
    alone = [term for term in base.args if term.is_Symbol or term.is_Number]
    rest = [term for term in base.args if term not in alone]
    if len(rest) == 1 and alone:
        coefficient, other = rest[0].as_independent(*(s for s in rest[0].free_symbols if isinstance(s, Dummy)))
        plain = plain.xreplace({other: (square - Add(*alone)) / coefficient})
    terms = [sympy.cancel(term) if isinstance(term, Mul | Pow) else term for term in Add.make_args(plain)]
    return Add(*terms), {square: base}
