"""Largest entries of segments, and where they are: one pass over the entries, as a scatter that keeps the largest.

t[v] = max_e where(s[e] = v, x[e], −∞)                       = maximum(t'[v], −∞),  t'[s[e]] max= x[e]
p[v] = min_e where(where(s[e] = v, x[e], −∞) = t[v], e, n)   = where(t[v] ≤ −∞, 0, p'[v]),
                                                               p'[s[e]] min= where(x[e] = t[s[e]], e, n)

with −∞ the number that stands for what is masked; a segment without entries has its first masked one. Only where x is
stored: computed twice, it might be rounded differently, and no place be found.
"""

from dataclasses import replace

from sympy import Eq, Expr, Integer, Le, S

from symdl.expr.index import Index, axis_index
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System
from symdl.freeze.scatter import selected
from symdl.ops.masked import MASKED

_where, _maximum = SCALAR_OPS["where"], SCALAR_OPS["maximum"]


def scatter_extrema(system: System) -> System:
    """Return an equal system in which the extrema of segments, and their places, are what ``as_scatter`` recognises."""
    names = {tensor.name for tensor in (*system.inputs, *system.by_target)}
    extrema: set[TensorSymbol] = set()
    equations: list[Equation] = []

    def part(equation: Equation, body: Expr) -> Element:
        """Give a reduction an equation of its own; return its element where the equation stands."""
        name = f"{equation.target.name}_found"
        while name in names:
            name += "_"
        names.add(name)
        target = TensorSymbol(name, equation.target.shape)
        equations.append(Equation(target, body))
        return Element(target, *_own(target))

    for equation in system.equations:
        body = equation.body
        if isinstance(body, Reduce) and body.op in ("max", "min") and equation.loop is None:
            axes, content = body.open()
            bound = {index for index, _ in axes}
            value = _of_segment(content, bound)
            if body.op == "max" and value is not None:
                extrema.add(equation.target)
                found = part(equation, Reduce("max", _where(content.args[0], value, S.NegativeInfinity), *axes))
                equation = replace(equation, body=_maximum(found, MASKED))
            elif body.op == "min" and isinstance(content, _where) and isinstance(content.args[0], Eq):
                compared, place, count = content.args
                for masked, extremum in (compared.args, compared.args[::-1]):
                    value = _of_segment(masked, bound)
                    own = isinstance(extremum, Element) and extremum.indices == tuple(_own(equation.target))
                    if value is not None and own and extremum.tensor in extrema:
                        chosen = _where(Eq(value, extremum), place, count)
                        found = part(equation, Reduce("min", _where(masked.args[0], chosen, S.Infinity), *axes))
                        equation = replace(equation, body=_where(Le(extremum, MASKED), Integer(0), found))
                        break
        equations.append(equation)
    return System(tuple(equations), system.outputs)


def _of_segment(content: Expr, bound: set[Index]) -> Element | None:
    """Return x of ``where(s[e] = v, x[e], −∞)``."""
    if isinstance(content, _where) and content.args[2] == MASKED and isinstance(content.args[1], Element):
        return content.args[1] if selected(content, bound, MASKED) else None
    return None


def _own(target: TensorSymbol) -> list[Expr]:
    return [axis_index(k) if size != 1 else Integer(0) for k, size in enumerate(target.shape)]
