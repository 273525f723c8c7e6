"""Places of extrema: what is compared with a maximum or minimum is stored, and read for both.

``p = min over k of where(f(k) = m, k, n)`` with ``m = max over k of f(k)`` is where the maximum is attained. If f were
computed twice, in two kernels, rounding could differ between them and no place be found: f gets an equation of its own.
"""

from dataclasses import replace

import sympy
from sympy import Basic, Expr

from symdl.expr.index import Index, axis_index, free_indices, fresh_index, rebuild, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System


def store_compared(system: System) -> System:
    """Return an equal system in which each extremum whose place is asked for reads stored values."""
    asked = {
        side.tensor
        for equation in system.equations
        for relation in equation.body.atoms(sympy.Eq)
        for side, other in (relation.args, relation.args[::-1])
        if isinstance(side, Element) and other.has(Element)
    }
    names = {tensor.name for tensor in (*system.inputs, *system.by_target)}
    stored: dict[Basic, tuple[Element, Expr, list[Index]]] = {}
    equations: list[Equation] = []
    for equation in system.equations:
        body = equation.body
        if body.has(sympy.Eq):
            body = _reading(body, stored)
        extremal = isinstance(body, Reduce) and body.op in ("max", "min") and equation.target in asked
        if extremal and equation.loop is None and not _is_exact(body.body):
            opened = {axis_index(k): fresh_index() for k in range(len(equation.target.shape))}
            reduced, content = substitute(body, opened).open()
            sizes = {**{opened[index]: size for index, size in equation.axes}, **dict(reduced)}
            order = [index for index in sizes if index in free_indices(content)]
            name = f"{equation.target.name}_of"
            while name in names:
                name += "_"
            names.add(name)
            target = TensorSymbol(name, tuple(sizes[index] for index in order))
            own = substitute(content, {index: axis_index(k) for k, index in enumerate(order)})
            equations.append(Equation(target, own))
            element = Element(target, *order)
            stored[equation.target] = (element, content, [*opened.values(), *(index for index, _ in reduced)])
            body = substitute(Reduce(body.op, element, *reduced), {new: old for old, new in opened.items()})
        equations.append(replace(equation, body=body))
    return System(tuple(equations), system.outputs)


def _is_exact(content: Expr) -> bool:
    """Tell whether nothing is rounded: entries as they are, and constants, chosen by conditions."""
    if isinstance(content, SCALAR_OPS["where"]):
        return all(map(_is_exact, content.args[1:]))
    return isinstance(content, Element) or not content.has(Element)


def _reading(body: Expr, stored: dict[Basic, tuple[Element, Expr, list[Index]]]) -> Expr:
    """Return a body that compares stored values with their extremum."""
    where = SCALAR_OPS["where"]

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return node
        if isinstance(node, Reduce) and node.op == "min":
            axes, content = node.open()
            found = _compared(content, [index for index, _ in axes]) if isinstance(content, where) else None
            return None if found is None else Reduce("min", found, *axes)
        return None

    def _compared(choice: Expr, places: list[Index]) -> Expr | None:
        condition, *branches = choice.args
        if not isinstance(condition, sympy.Eq):
            return None
        for value, extremum in (condition.args, condition.args[::-1]):
            if isinstance(extremum, Element) and extremum.tensor in stored:
                element, content, indices = stored[extremum.tensor]
                mapping = dict(zip(indices, [*extremum.indices, *places], strict=False))
                if len(extremum.indices) + len(places) == len(indices) and substitute(content, mapping) == value:
                    return where(sympy.Eq(substitute(element, mapping), extremum), *branches)
        return None

    return rebuild(body, visit)
