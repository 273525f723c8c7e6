"""The derivation through a stack of symbolic depth: one layer forward, one layer backward, as the book prints it."""

from collections.abc import Sequence

import sympy
from sympy import Basic, Expr, Symbol

from symdl.calculus import grad
from symdl.derivation.naming import named_inside
from symdl.derivation.rules import notes_for
from symdl.derivation.steps import BACKWARD, FORWARD, GRADIENT, Derivation, Lines
from symdl.derive.layers import backpropagation, forward_equations
from symdl.expr.layers import layer_latex
from symdl.expr.nodes import Tensor, TensorSymbol
from symdl.latex import latex
from symdl.notation import adjoint_name
from symdl.ops.reductions import sum as total
from symdl.simplify import simplify


def recursion(loss: Expr, variables: Sequence[Basic]) -> Derivation:
    """Return the backpropagation recursion of a loss on one stack of symbolic depth, and the gradients of layer ℓ.

    Raises:
        DerivationError: if there is not exactly one such stack, or a variable is no parameter of it.
    """
    found = backpropagation(loss)
    stack = found.stack
    index, depth = sympy.latex(stack.index), sympy.latex(stack.depth)
    base = str(stack.args[0])
    _, symbol = adjoint_name(base, base)
    output = TensorSymbol(stack.name, stack.shape, (), stack.latex_name)
    cost = loss.xreplace({stack: output})
    equations = forward_equations(stack)
    gradients = grad(loss, list(variables))
    own = {name: None for name, _ in equations}
    up, down = rf"for ${index} = 1, \dots, {depth}$", rf"for ${index} = {depth}, \dots, 1$"

    lines = Lines()
    lines.add(FORWARD, layer_latex(base, Symbol("0")), stack.start, "input")
    for name, definition in equations:
        lines.add(FORWARD, latex(name), definition, f"definition, {up}")
    lines.add(FORWARD, "C", cost, "loss")
    seen: set[Tensor] = set(own)
    adjoints = [item for part in (found.previous, *found.gradients.values()) for item in named_inside(part, seen)]
    # In one pass with the equations, so that tanh(z) is recognised as a.
    last, *values = simplify([found.last, *own, *adjoints, found.previous], keep=True).values
    lines.add(
        BACKWARD,
        layer_latex(symbol, stack.depth),
        last,
        rf"$\partial C/\partial {latex(output)}$, derivative of the loss",
    )
    for adjoint, value in zip(adjoints, values[len(own) :], strict=False):
        lines.add(BACKWARD, latex(adjoint), value.definition, f"chain rule, {down}")
    lines.add(BACKWARD, layer_latex(symbol, stack.index - 1), values[-1], f"chain rule, {down}")
    for variable, result in zip(variables, gradients, strict=True):
        lines.add(GRADIENT, rf"\frac{{\partial C}}{{\partial {latex(variable)}}}", result, "chain rule")
    layer = total(stack.step), [stack.previous, *stack.parameters]
    title = rf"\nabla C, \quad C = {latex(cost)}"
    return Derivation(title, tuple(lines.steps), tuple(gradients), notes_for((cost, [output]), layer))
