"""Weights of one: e^(l - sg(l)) is 1 and has the derivative of l, by which score functions are derived. Book §8.4.

What is printed is a value, so that a gradient by scores reads Σ f ∇ log p, without the weight that led to it.
"""

import sympy
from sympy import Basic, Expr, Integer

from symdl.expr.nodes import Tensor
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.stop_gradient import StopGradient
from symdl.expr.walk import wholes_first
from symdl.simplify.scope import Scope, rebuild_in_scope


def without_weights(body: Expr) -> Expr:
    """Return a body in which every e^(l - sg(l)) is 1."""
    return rebuild_in_scope(body, Scope(), _weight) if _holds_stopped(body) else body


def _weight(node: Basic, scope: Scope) -> Basic | None:
    if isinstance(node, SCALAR_OPS["exp"] | sympy.exp):
        stopped = {part: part.args[0] for part in _factors(node.args[0]) if isinstance(part, StopGradient)}
        if sympy.expand(node.args[0].xreplace(stopped)) == 0:
            return Integer(1)
    return None


def _factors(total: Expr) -> list[Expr]:
    return [factor for term in sympy.Add.make_args(total) for factor in sympy.Mul.make_args(term)]


def _holds_stopped(body: Expr) -> bool:
    """Tell whether something outside tensors is stopped."""
    nodes = wholes_first([body], lambda node: () if isinstance(node, Tensor) else node.args)
    return any(isinstance(node, StopGradient) for node in nodes)
