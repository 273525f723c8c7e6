"""Derivations step by step: intermediates named as a book does, each adjoint with its rule, then the closed form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Basic, Expr, Function, Integer, Pow, Symbol

from symdl.calculus import grad, variables_of
from symdl.derive import reverse
from symdl.derive.layers import backpropagation, forward_equations, stacks_in
from symdl.expr.ingest import as_scalar
from symdl.expr.layers import layer_latex
from symdl.expr.nodes import Array, Element, Named, Reduce, Tensor, TensorSymbol
from symdl.expr.system import Equation, System, elements_of, trace
from symdl.latex import latex
from symdl.notation import adjoint_name
from symdl.simplify import simplify


@dataclass(frozen=True)
class Step:
    """One line of a derivation: ``left = right`` by ``rule``; both sides in LaTeX, the right also as an expression."""

    number: int
    left: str
    right: str
    rule: str
    value: Any = None


@dataclass(frozen=True)
class Derivation:
    """A derivation, printable as text, LaTeX and in Jupyter; made by ``sd.derivation``.

    Attributes:
        title: What is derived, in LaTeX.
        steps: The numbered steps: forward equations, adjoints from the loss back, results.
        results: The derived gradients, simplified.
    """

    title: str
    steps: tuple[Step, ...]
    results: tuple[Any, ...]

    def latex(self) -> str:
        """Return the steps as an ``aligned`` block, each with its number and rule."""
        lines = [rf"({step.number})\quad & {step.left} = {step.right} && \text{{{step.rule}}}" for step in self.steps]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$$ {self.latex()} $$"

    def __str__(self) -> str:
        width = max((len(step.left) for step in self.steps), default=0)
        return "\n".join(
            f"({step.number:2}) {step.left:<{width}} = {step.right}    [{step.rule}]" for step in self.steps
        )


def derivation(f: Any, wrt: Any) -> Derivation:
    """Derive the gradient of a scalar step by step.

    Args:
        f: A scalar expression; intermediates named with ``sd.named`` keep their names, others are called u₁, u₂, …
        wrt: A variable or a list of variables. For a stack of symbolic depth: parameters of layer ℓ.

    Returns:
        The steps: the loss as a chain of equations, the adjoint of each intermediate from the loss back (the chain
        rule), and the gradients in closed form.

    Raises:
        DerivationError: as ``sd.grad``.
    """
    loss = as_scalar(f, "derivation")
    variables, _ = variables_of(wrt, [loss], "derivation")
    if stacks_in(loss):
        return _recursion(loss, variables)
    system = _name_intermediates(trace([loss]))
    lines: list[tuple[str, Any, str]] = []
    for equation in system.equations:
        if equation.named:
            tensor = system.tensor(equation.target)
            lines.append((latex(tensor), _short(_definition(tensor)), _forward_rule(equation)))
    output = system.outputs[0]
    lines.append(("C", _short(_definition(system.tensor(output))), "the loss"))
    derived = reverse(system, {output: Array(Integer(1))}, variables)
    primal = {system.tensor(equation.target) for equation in system.equations}
    seen: set[Tensor] = set()
    for variable in variables:
        for adjoint in _named_inside(derived[variable], seen):
            if adjoint not in primal:
                lines.append((latex(adjoint), _short(adjoint.definition), "chain rule"))
    gradients = grad(loss, list(variables))
    for variable, result in zip(variables, gradients, strict=True):
        left, local = _partial("C", variable), _short(derived[variable])
        lines.append((left, local, "chain rule"))
        if latex(local) != latex(result):
            lines.append((left, result, "intermediates written out and simplified"))
    title = rf"\nabla C, \quad C = {latex(loss)}"
    return Derivation(title, _steps(lines), tuple(gradients))


def _short(value: Any) -> Any:
    return simplify([value], keep=True).values[0]


def _steps(lines: Sequence[tuple[str, Any, str]]) -> tuple[Step, ...]:
    return tuple(
        Step(
            number,
            left,
            value if isinstance(value, str) else latex(value),
            rule,
            None if isinstance(value, str) else value,
        )
        for number, (left, value, rule) in enumerate(lines, 1)
    )


def _partial(top: str, variable: Basic) -> str:
    return rf"\frac{{\partial {top}}}{{\partial {latex(variable)}}}"


def _definition(tensor: Tensor) -> Any:
    inner = tensor.definition if isinstance(tensor, Named) else tensor
    return inner.body if isinstance(inner, Array) and inner.order == 0 else inner


def _forward_rule(equation: Equation) -> str:
    if isinstance(equation.body, Reduce):
        return "product" if equation.body.body.is_Mul else "sum"
    return "definition"


def _name_intermediates(system: System) -> System:
    """Name what a reader would name: the user's intermediates, and tensors that a non-linear step starts from."""
    names = {tensor.name for tensor in system.inputs} | {equation.target.name for equation in system.equations}
    starts = {
        load.tensor for equation in system.equations for load in equation.loads if _non_linear(equation.body, load)
    }
    mapping: dict[Basic, TensorSymbol] = {}
    count = 0
    equations = []
    for equation in system.equations:
        target, named = equation.target, equation.named
        if not named and target in starts and target.shape and target not in system.outputs:
            count += 1
            while f"u{count}" in names:
                count += 1
            target, named = TensorSymbol(f"u{count}", target.shape, (), f"u_{{{count}}}"), True
        mapping[equation.target] = target
        body = equation.body
        for load in elements_of(body):
            if mapping.get(load.tensor, load.tensor) != load.tensor:
                body = body.xreplace({load: Element(mapping[load.tensor], *load.indices)})
        equations.append(Equation(target, body, named))
    return System(tuple(equations), tuple(mapping.get(output, output) for output in system.outputs))


def _non_linear(body: Expr, load: Element) -> bool:
    """Tell whether a load is inside a function or a power in a body."""
    content = body.body if isinstance(body, Reduce) else body
    for part in content.atoms(Function, Pow):
        if part.has(load) and not (isinstance(part, Pow) and part.exp == -1 and not load.indices):
            return True
    return False


def _named_inside(tensor: Tensor, seen: set[Tensor]) -> list[Named]:
    """Return the named tensors inside one, those it is made of first; each once over all calls with one ``seen``."""
    found: list[Named] = []
    stack: list[tuple[Tensor, bool]] = [(tensor, False)]
    while stack:
        node, done = stack.pop()
        if done:
            found.append(node)
            continue
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Named):
            stack.append((node, True))
            stack.append((node.definition, False))
        elif isinstance(node, Array):
            stack += [(load.tensor, False) for load in reversed(elements_of(node.body))]
        else:
            stack += [(part, False) for part in node.args if isinstance(part, Tensor)]
    return found


def _recursion(loss: Expr, variables: Sequence[Basic]) -> Derivation:
    """The recursion through a stack of symbolic depth, as the book prints it."""
    found = backpropagation(loss)
    stack = found.stack
    index, depth = latex(stack.index), latex(stack.depth)
    base = str(stack.args[0])
    word, symbol = adjoint_name(base, base)
    del word
    results = grad(loss, list(variables))
    lines: list[tuple[str, Any, str]] = [(layer_latex(base, Symbol("0")), stack.start, "input")]
    for name, definition in forward_equations(stack):
        lines.append((latex(name), definition, rf"layer ${index} = 1, \dots, {depth}$"))
    lines.append(("C", loss, "loss"))
    lines.append(
        (
            layer_latex(symbol, stack.depth),
            simplify([found.last], keep=True).values[0],
            rf"$\partial C / \partial {base}^{{[{depth}]}}$",
        )
    )
    seen: set[Tensor] = set()
    for gradient in (found.previous, *found.gradients.values()):
        for adjoint in _named_inside(gradient, seen):
            if adjoint not in dict(forward_equations(stack)):
                lines.append(
                    (
                        latex(adjoint),
                        simplify([adjoint.definition], keep=True).values[0],
                        rf"chain rule, layer ${index} = {depth}, \dots, 1$",
                    )
                )
    lines.append(
        (
            layer_latex(symbol, stack.index - 1),
            simplify([found.previous], keep=True).values[0],
            rf"chain rule, layer ${index} = {depth}, \dots, 1$",
        )
    )
    for variable, result in zip(variables, results, strict=True):
        lines.append((_partial("C", variable), result, "chain rule"))
    return Derivation(rf"\nabla C, \quad C = {latex(loss)}", _steps(lines), tuple(results))
