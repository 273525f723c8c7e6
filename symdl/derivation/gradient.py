"""The derivation of a gradient: equations forward, adjoints backward, gradients in closed form; then the Hessian."""

from collections.abc import Mapping, Sequence
from typing import Any

from sympy import Basic, Expr, Integer

from symdl.calculus import grad, hessian, jacobian, variables_of
from symdl.derivation.jacobian import jacobian_derivation
from symdl.derivation.naming import by_number, consumers, name_intermediates, named_directly, named_inside
from symdl.derivation.recursion import recursion
from symdl.derivation.rules import local_rule, notes_for, through, with_facts
from symdl.derivation.steps import BACKWARD, FORWARD, GRADIENT, HESSIAN, Derivation, Lines
from symdl.derivation.through_time import through_time
from symdl.derive import reverse
from symdl.derive.layers import stacks_in
from symdl.errors import DerivationError
from symdl.expr.contract import transpose
from symdl.expr.index import axis_index, rebuild
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Array, CompositeOp, Element, Named, Tensor
from symdl.expr.system import System, trace
from symdl.latex import latex
from symdl.latex.loops import recurrences_in
from symdl.notation import adjoint_name
from symdl.simplify import simplify


def derivation(f: Any, wrt: Any, order: int = 1) -> Derivation:
    """Derive the gradient of a scalar step by step, with ``order=2`` its Hessian; of a tensor the Jacobian.

    Args:
        f: An expression; intermediates named with ``sd.named`` keep their names. What else a non-linear step
            starts from is called u, or u₁, u₂, …
        wrt: A variable or a list of variables. For a stack of symbolic depth: parameters of layer ℓ.
        order: 1, or 2: the Hessian as well, by the derivatives of the named quantities; its blocks for a list.

    Returns:
        The steps: the loss as a chain of equations, the adjoint of each intermediate from the loss back (the chain
        rule), and the gradients in closed form. For a Jacobian the derivative of each named quantity by what it reads,
        their product, and the closed form. ``results`` are the gradients; for order 2 the Hessian, or its
        rows of blocks as from ``sd.hessian``.

    Raises:
        DerivationError: as ``sd.grad``; for another order, or order 2 of a tensor, through a
            recurrence or of symbolic depth.
    """
    if order not in (1, 2):
        raise DerivationError(f"derivation: expected order 1 (the gradient) or 2 (the Hessian), found {order!r}")
    value = ingest(f)
    if isinstance(value, Tensor) and order == 1 and any(size != 1 for size in value.shape):
        return jacobian_derivation(value, variables_of(wrt, [value], "derivation")[0])
    loss = as_scalar(f, "derivation")
    variables, _ = variables_of(wrt, [loss], "derivation")
    if isinstance(loss, Element) and isinstance(loss.tensor, Named) and isinstance(loss.tensor.definition, Array):
        loss = loss.tensor.definition.body  # the loss has a name here already
    deep, timed = bool(stacks_in(loss)), bool(recurrences_in(loss))
    if order == 2 and (deep or timed):
        what = "a stack of symbolic depth" if deep else "a recurrence"
        raise DerivationError(f"derivation: the Hessian is derived for a loss without {what}")
    if timed and order == 1 and not deep:
        return through_time(loss, variables, cost_name(loss))
    return recursion(loss, variables) if deep else _Chain(loss, variables).derivation(order)


def cost_name(loss: Expr) -> str:
    """Return what a loss is called: C, unless a symbol has that name."""
    taken = {symbol.name for symbol in loss.free_symbols}
    return next(name for name in ("C", "f", "J", r"\mathrm{loss}") if name not in taken)


class _Chain:
    """A loss without symbolic depth, as a system with the intermediates named that a reader would name."""

    def __init__(self, loss: Expr, variables: Sequence[Basic]) -> None:
        self.loss, self.variables, self.cost = loss, variables, cost_name(loss)
        system = trace([loss])
        self.own_names = {equation.target.name for equation in system.equations if equation.named}
        self.system: System = name_intermediates(system, system.depends(variables))
        self.output = self.system.outputs[0]
        self.users = consumers(self.system)
        self.primal = by_number([self.system.tensor(item.target) for item in self.system.equations if item.named])
        self.derived = reverse(self.system, {self.output: Array(Integer(1))}, variables)
        seen: set[Tensor] = set(self.primal)
        adjoints = [item for variable in variables for item in named_inside(self.derived[variable], seen)]
        places = {adjoint_name(item.name, item.latex_name)[0]: place for place, item in enumerate(self.primal)}
        self.adjoints = sorted(adjoints, key=lambda item: -places[item.name])  # from the loss back
        derived = [self.derived[variable] for variable in variables]
        simplified = simplify([*self.adjoints, *derived], keep=True)  # in one pass: they share what they are made of
        self.local = simplified.values
        self.facts = _facts(trace([*self.adjoints, *derived]), simplified.rules)
        self.shown: dict[Tensor, Tensor] = {item: item.definition for item in self.primal if isinstance(item, Named)}
        self.lines = Lines()

    def derivation(self, order: int) -> Derivation:
        """Return all steps."""
        self.forward()
        self.adjoint_steps()
        results, title = self.gradients(), rf"\nabla {self.cost}"
        if order == 2:
            results, title = self.hessian(), rf"\nabla^{{2}} {self.cost}"
        title = rf"{title}, \quad {self.cost} = {latex(self.loss)}"
        return Derivation(title, tuple(self.lines.steps), results, notes_for((self.loss, self.variables)))

    def forward(self) -> None:
        """The equations of the loss, in order of computation."""
        *values, cost = simplify([*self.primal, self.system.tensor(self.output)], keep=True).values
        for tensor, value in zip(self.primal, values, strict=True):
            own = tensor.name in self.own_names
            self.lines.add(FORWARD, latex(tensor), _definition(value), "definition" if own else "abbreviation")
        self.lines.add(FORWARD, self.cost, _definition(cost), "loss")

    def adjoint_steps(self) -> None:
        """The adjoints from the loss back."""
        targets = {}
        for equation in self.system.equations:
            if equation.named:
                name, _ = adjoint_name(equation.target.name, equation.target.latex_name)
                targets[name] = equation.target
        direct: dict[Tensor, Tensor] = {}  # adjoints that hold no other: those of what the loss itself reads
        for adjoint, value in zip(self.adjoints, self.local, strict=False):
            target = targets[adjoint.name]
            left = latex(adjoint)
            rule = rf"$\partial {self.cost}/\partial {latex(self.system.tensor(target))}$, "
            rule = with_facts(rule + through(self.users[target], self.output), self.facts.get(adjoint.name, ()))
            self.lines.add(BACKWARD, left, _definition(value), rule)
            self.shown[adjoint] = value.definition
            above = [item for item in named_directly(value.definition) if item.name in targets]
            if not above:
                direct[value] = value.definition
            elif any(item in direct for item in above):
                again = simplify([written_out(value.definition, direct)], keep=True)
                shorter = latex(_definition(again.values[0]))
                if len(shorter) < len(self.lines.steps[-1].right):
                    written = ", ".join(f"${latex(item)}$" for item in above if item in direct)
                    self.lines.add(BACKWARD, left, _definition(again.values[0]), f"{written} written out")
                    self.shown[adjoint] = again.values[0]

    def gradients(self) -> tuple[Any, ...]:
        """The gradients, by names first and then in closed form."""
        local = self.local[len(self.adjoints) :]
        results = tuple(grad(self.loss, list(self.variables)))
        for variable, value, result in zip(self.variables, local, results, strict=True):
            left = rf"\frac{{\partial {self.cost}}}{{\partial {latex(variable)}}}"
            self.lines.add(GRADIENT, left, _scalar(value), through(self.users.get(variable, ()), self.output))
            if latex(result) != self.lines.steps[-1].right:
                self.lines.add(GRADIENT, left, result, "names written out")
        return results

    def hessian(self) -> tuple[Any, ...]:
        """The derivatives of the gradients: by way of the named quantities where those derivatives are matrices."""
        local = dict(zip(self.variables, self.local[len(self.adjoints) :], strict=True))
        read = {name for value in local.values() for name in self.read(value)}
        for variable in self.variables:
            self.slopes(variable, read)
        if len(self.variables) == 1:
            blocks = ((hessian(self.loss, self.variables[0]),),)
        else:
            blocks = hessian(self.loss, list(self.variables))
        for row, first in enumerate(self.variables):
            for column, second in enumerate(self.variables[row:], row):
                rule = "derivative of the gradient"
                rule += "" if row == column else "; the opposite block is its transpose"
                self.lines.add(HESSIAN, self.second(first, second), blocks[row][column], rule)
        return blocks[0] if len(self.variables) == 1 else blocks

    def slopes(self, variable: Basic, read: set[str]) -> None:
        """Add the derivatives of the named quantities that are read, if all of them are matrices."""
        order = getattr(variable, "order", 0)
        named = [item for item in (*self.primal, *self.adjoints) if variable in item.free_symbols and item.name in read]
        if all(item.order + order <= 2 for item in named):
            for item in named:
                left = rf"\frac{{\partial {latex(item)}}}{{\partial {latex(variable)}}}"
                # The adjoints inside the derivative of a scalar would be named like those of the loss: no names there.
                value = item if item.order else written_out(item)
                self.lines.add(HESSIAN, left, jacobian(value, variable), self.why(item, variable))

    def second(self, first: Basic, second: Basic) -> str:
        """Return what a block of the Hessian is called."""
        orders = [getattr(variable, "order", 0) for variable in (first, second)]
        if first == second and not orders[0]:
            return rf"\frac{{\partial^{{2}} {self.cost}}}{{\partial {latex(first)}^{{2}}}}"
        if max(orders) > 1:
            if len(self.variables) == 1:
                return rf"\nabla^{{2}} {self.cost}"
            return rf"\nabla_{{{latex(first)}}} \nabla_{{{latex(second)}}} {self.cost}"
        below = latex(transpose(second)) if orders[1] else latex(second)
        return rf"\frac{{\partial^{{2}} {self.cost}}}{{\partial {latex(first)} \partial {below}}}"

    def read(self, value: Tensor) -> set[str]:
        """Return the names that a value is made of, as its lines show it."""
        shown = {item.name: definition for item, definition in self.shown.items()}
        found: set[str] = set()
        stack = [value]
        while stack:
            for part in named_directly(stack.pop()):
                if part.name in shown and part.name not in found:
                    found.add(part.name)
                    stack.append(shown[part.name])
        return found

    def why(self, item: Tensor, variable: Basic) -> str:
        """Return the rule by which a named quantity is derived: by its own formula, or by those it is made of."""
        definition = self.shown[item]
        within = [part for part in named_directly(definition) if variable in part.free_symbols]
        names = ", ".join(f"${latex(part)}$" for part in within)
        return f"chain rule through {names}" if names else local_rule(definition, variable)


def _facts(system: System, rules: Sequence[tuple[Any, str]]) -> dict[str, list[str]]:
    """Return the rules that fired by the name of the quantity whose formula they changed."""
    users = consumers(system)
    found: dict[str, list[str]] = {}
    for target, rule in rules:
        for user in [target] if system.by_target[target].named else users.get(target, ()):
            found.setdefault(user.name, []).append(rule)
    return found


def _definition(value: Any) -> Any:
    """Return what a named tensor stands for; an order-0 tensor as a scalar."""
    return _scalar(value.definition if isinstance(value, Named) else value)


def _scalar(value: Any) -> Any:
    return value.body if isinstance(value, Array) and value.order == 0 else value


def written_out(tensor: Tensor, names: Mapping[Tensor, Tensor] | None = None) -> Tensor:
    """Return a tensor with named tensors in it replaced: those in ``names``, or all of them by their definitions."""
    if names is None and isinstance(tensor, Named):
        return written_out(tensor.definition)
    if names is not None and tensor in names:
        return names[tensor]
    if isinstance(tensor, CompositeOp):
        return tensor.func(*(written_out(part, names) if isinstance(part, Tensor) else part for part in tensor.args))
    if not isinstance(tensor, Array):
        return tensor

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return Element(written_out(node.tensor, names), *(rebuild(index, visit) for index in node.indices))
        return None

    return Array(
        rebuild(tensor.body, visit), *((axis_index(k), size) for k, size in enumerate(tensor.shape)), row=tensor.is_row
    )
