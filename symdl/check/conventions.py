"""Which one-sided derivative was chosen at a kink, as text: found from the derivatives themselves."""

import sympy
from sympy import Basic, Expr

from symdl.expr.scalar import SCALAR_OPS, ScalarOp
from symdl.expr.system import System

CHOICES = {
    "where": "at equality the branch that the comparison selects, whose own derivative counts",
    "max": "of equally large entries the first has derivative 1",
    "min": "of equally small entries the first has derivative 1",
}


def convention(system: System, kind: str) -> str:
    """Return what the derivative of a kind of kink is there: ``relu'(0) = 1`` in the book.

    Args:
        system: The system in which the kink was met.
        kind: The name of an op that has kinks, ``where``, ``max`` or ``min``.
    """
    if kind in CHOICES:
        return CHOICES[kind]
    if kind in ("maximum", "minimum"):
        t = sympy.Symbol("t", real=True)
        s = sympy.Symbol("s", real=True)
        slopes = [SCALAR_OPS[kind](t, s).derivative(position).xreplace({s: t}) for position in (0, 1)]
        return f"at a tie the derivatives are {slopes[0]} and {slopes[1]}"
    found = [
        f"{kind}'({sympy.nsimplify(kink)}) = {_slope(node, sympy.nsimplify(kink))}"
        for node in _ops(system, kind)
        for kink in node.kinks
    ]
    return ", ".join(dict.fromkeys(found))


def _ops(system: System, kind: str) -> list[ScalarOp]:
    nodes: set[Basic] = set()
    for equation in system.equations:
        nodes |= equation.body.atoms(ScalarOp)
    return sorted((node for node in nodes if isinstance(node, ScalarOp) and node.name == kind), key=str)


def _slope(node: ScalarOp, kink: Expr) -> Expr:
    t = sympy.Symbol("t", real=True)
    derivative: Expr = node.func(t, *node.args[1:]).derivative(0).xreplace({t: kink})
    return sympy.N(derivative, 5) if derivative.has(sympy.Float) else derivative
