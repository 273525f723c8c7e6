"""The derivation through a stack of symbolic depth: the layer's equations, then the book's recursion, (5.22)-(5.26)."""

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Basic, Expr, Symbol

from symdl.calculus import grad, jacobian
from symdl.derivation.naming import named_inside
from symdl.derivation.rules import notes_for
from symdl.derivation.steps import BACKWARD, FORWARD, GRADIENT, Derivation, Lines
from symdl.derive.layers import Backpropagation, backpropagation, forward_equations
from symdl.expr.contract import transpose
from symdl.expr.layers import layer_latex, layer_of
from symdl.expr.nodes import Array, Named, Tensor, TensorSymbol
from symdl.expr.replace import replaced
from symdl.latex import latex
from symdl.latex.printer import matrix_form
from symdl.latex.write import PRODUCT, within
from symdl.notation import adjoint_name, label_latex
from symdl.ops.reductions import sum as total
from symdl.simplify import simplify
from symdl.simplify.signs import without_minus


def recursion(loss: Expr, variables: Sequence[Basic]) -> Derivation:
    """Return the backpropagation recursion of a loss on one stack of symbolic depth, and the gradients of layer ℓ.

    Raises:
        DerivationError: if there is not exactly one such stack, or a variable is no parameter of it.
    """
    found = backpropagation(loss)
    stack = found.stack
    base = str(stack.args[0])
    output = TensorSymbol(stack.name, stack.shape, (), stack.latex_name)
    cost = loss.xreplace({stack: output})
    gradients = grad(loss, list(variables))
    up = rf"for ${sympy.latex(stack.index)} = 1, \dots, {sympy.latex(stack.depth)}$"

    lines = Lines()
    lines.add(FORWARD, layer_latex(base, Symbol("0")), stack.start, "input")
    for name, definition in forward_equations(stack):
        lines.add(FORWARD, latex(name), definition, f"definition, {up}")
    lines.add(FORWARD, "C", cost, "loss")
    _Adjoints(found, base).add_to(lines)
    for variable, result in zip(variables, gradients, strict=True):
        lines.add(GRADIENT, rf"\frac{{\partial C}}{{\partial {latex(variable)}}}", result, "chain rule")
    layer = total(stack.step), [stack.previous, *stack.parameters]
    title = rf"\nabla C, \quad C = {latex(cost)}"
    return Derivation(title, tuple(lines.steps), tuple(gradients), notes_for((cost, [output]), layer))


class _Adjoints:
    """The adjoints of a stack, as recursions from layer L down."""

    def __init__(self, found: Backpropagation, base: str) -> None:
        stack = found.stack
        self.found, self.stack, self.index, self.depth = found, stack, stack.index, stack.depth
        self.symbol = adjoint_name(base, label_latex(base))[1]
        self.equations = [name for name, _ in forward_equations(stack)]
        self.adjoints: list[Named] = named_inside(found.previous, set(self.equations))
        self.down = rf"for ${sympy.latex(stack.index)} = {sympy.latex(stack.depth)}, \dots, 1$"

    def add_to(self, lines: Lines) -> None:
        """Add ζ[ℓ] as a recursion in the layer's Jacobian, what is inside a layer, and those as a recursion too.

        Where layers are numbers, the recursion has a solution: a product over the layers above.
        """
        above = self.index + 1
        zeta = layer_latex(self.symbol, self.index)
        last, *values = self.simplified(self.found.last, *self.adjoints, self.found.previous)
        inner = values[:-1]
        order = self.stack.previous.order
        if order <= 1:
            slope = rf"\frac{{\partial {latex(self.name_at(above))}}}{{\partial {latex(self.name_at(self.index))}}}"
            what = "transposed Jacobian of a layer" if order else "derivative of a layer"
            lines.add(BACKWARD, slope, self.slope(above), what)
            below = f"{slope} {layer_latex(self.symbol, above)}"
        else:
            below = latex(self.at(values[-1], above))
        rule = rf"$\partial C/\partial {latex(self.name_at(self.index))}$, chain rule, {self.down}"
        lines.add(BACKWARD, zeta, self.cases(latex(last), below), rule)
        if order == 0:
            lines.add(BACKWARD, zeta, self.solved(last), "the recursion solved")
        for adjoint, value in zip(self.adjoints, inner, strict=True):
            lines.add(BACKWARD, latex(adjoint), value.definition, f"chain rule, {self.down}")
        if len(self.adjoints) == 1:
            [delta] = self.adjoints
            zeta_below = self.at(self.found.previous, above)
            [inside] = self.simplified(*replaced([delta.definition], {self.found.adjoint: zeta_below}))
            right = self.cases(latex(self.top(delta)), latex(inside))
            lines.add(BACKWARD, latex(delta), right, f"${zeta}$ written out")

    def slope(self, place: Expr) -> Tensor:
        """Return the derivative of a[place] by a[place-1]: for vectors the transposed Jacobian."""
        found = jacobian(self.stack.step, self.stack.previous)
        return self.at(transpose(found) if isinstance(found, Tensor) else Array(found), place)

    def solved(self, last: Tensor) -> str:
        """Return ζ[ℓ] as ζ[L] times the slopes of the layers above, numbers all."""
        j = Symbol("j" if self.index.name != "j" else "k", integer=True, positive=True)
        product = rf"\prod_{{{j}={sympy.latex(self.index)}+1}}^{{{sympy.latex(self.depth)}}}"
        return f"{_factor(last)} {product} {_factor(self.slope(j))}"

    def top(self, adjoint: Named) -> Tensor:
        """Return an adjoint inside layer L, with ζ[L] written out."""
        definition = self.at(adjoint.definition, self.depth)
        zeta = self.at(self.found.adjoint, self.depth)
        own = [self.at(name, self.depth) for name in self.equations]
        outputs = {self.name_at(self.depth): self.at(self.stack.step, self.depth)}
        [written] = replaced([definition], {zeta: replaced([self.found.last], outputs)[0]})
        value: Tensor = without_minus(simplify([*own, written], keep=True).values[-1])
        return value

    def simplified(self, *values: Tensor) -> list[Any]:
        """Return values simplified in one pass with the layer's equations, so that tanh(z) is recognised as a."""
        found = simplify([*self.equations, *values], keep=True).values[len(self.equations) :]
        return [without_minus(value) for value in found]

    def at(self, value: Tensor, place: Expr) -> Tensor:
        """Return one of layer ℓ's quantities at another place."""
        below = self.stack.step if place - 1 == self.index else self.name_at(place - 1)
        return layer_of(value, self.index, place, {self.stack.previous: below})

    def name_at(self, place: Expr) -> Tensor:
        """Return what is passed on, a[place], as a symbol."""
        base = str(self.stack.args[0])
        symbol = TensorSymbol(f"{base}[{self.index}]", self.stack.step.shape, (), layer_latex(base, self.index))
        return layer_of(symbol, self.index, place)

    def cases(self, last: str, below: str) -> str:
        """Return the right side of a recursion: at layer L, and below."""
        index, depth = sympy.latex(self.index), sympy.latex(self.depth)
        rows = rf"{last} & {index} = {depth} \\ {below} & {index} < {depth}"
        return rf"\begin{{cases}} {rows} \end{{cases}}"


def _factor(value: Tensor) -> str:
    """Return the LaTeX of a value as one factor of a product."""
    return within(matrix_form(value), PRODUCT)
