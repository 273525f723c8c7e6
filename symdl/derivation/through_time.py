"""The derivation of a loss on recurrences: equations of one time forward, adjoints backward, sums over time."""

from collections.abc import Iterable, Sequence

import sympy
from sympy import Basic, Expr, Integer

from symdl.calculus import grad
from symdl.derivation.rules import notes_for
from symdl.derivation.steps import BACKWARD, FORWARD, GRADIENT, Derivation, Lines
from symdl.derive import reverse
from symdl.expr.nodes import Array
from symdl.expr.system import trace
from symdl.latex import latex
from symdl.latex.over_time import value_text
from symdl.latex.times import Definition, Times
from symdl.ops.reductions import sum as total
from symdl.simplify import simplify


def through_time(loss: Expr, variables: Sequence[Basic], cost: str) -> Derivation:
    """Return backpropagation through time: the adjoints of one time in terms of those of the next, book §7.2.

    Args:
        loss: A scalar expression with recurrences in it.
        variables: What it is derived by.
        cost: What it is called.
    """
    gradients = tuple(grad(loss, list(variables)))
    system = trace([loss])
    [output] = system.outputs
    derived = reverse(system, {output: Array(Integer(1))}, variables)
    parts = [system.tensor(output), *(derived[variable] for variable in variables)]
    loss, *simplified = simplify(parts, keep=True).values  # together, so that they share recurrences
    own = set(Times([loss]).definitions)
    view = Times([loss, *simplified])
    forward = [found for tensor, found in view.definitions.items() if tensor in own]
    backward = [found for tensor, found in view.definitions.items() if tensor not in own]
    lines = Lines()
    letter = sympy.latex(view.letters[0])
    _add(lines, FORWARD, forward, "definition", letter)
    lines.add(FORWARD, cost, value_text(view.values[0]), "loss")
    _add(lines, BACKWARD, backward, "chain rule", letter)
    for variable, gradient, value in zip(variables, simplified, view.values[1:], strict=True):
        name = latex(variable)
        if hasattr(gradient, "shape") and view.axis(gradient) is not None:
            name = view.marked(name)
        left, right = rf"\frac{{\partial {cost}}}{{\partial {name}}}", value_text(value)
        orders = (0, getattr(gradient, "order", 0))
        lines.add(GRADIENT, left, right, "chain rule", rf"\left({right}\right)^{{\top}}", orders)
    title = rf"\nabla {cost}, \quad {cost} = {value_text(view.values[0])}"
    steps = [(total(found.name), found.name.definition.free_symbols) for found in forward]
    return Derivation(title, tuple(lines.steps), gradients, notes_for((loss, variables), *steps))


def _add(lines: Lines, part: str, definitions: Iterable[Definition], rule: str, letter: str) -> None:
    """Add one line for each quantity, then one for each start."""
    starts = []
    for found in definitions:
        times = ""
        if found.length is not None:
            first, last = ("1", sympy.latex(found.length))[:: -1 if found.reverse else 1]
            times = rf", for ${letter} = {first}, \dots, {last}$"
        lines.add(part, found.name.latex_name, value_text(found.name.definition), rule + times)
        starts += found.starts
    for symbol, value in starts:
        lines.add(part, symbol.latex_name, value_text(value), "start")
