"""Reverse mode: the vector-Jacobian product of a system, itself a graph of equations with the book's names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, KroneckerDelta

from symdl.derive.guards import has_guards, may_have_no_value, under_guards
from symdl.derive.index_map import transpose
from symdl.derive.labels import adjoint_labels
from symdl.derive.linear_algebra import operand_adjoints
from symdl.derive.partial import atoms_of, partials, selection
from symdl.expr.index import axis_index, fresh_index, substitute
from symdl.expr.nodes import Array, Call, Element, Named, Reduce, Tensor, TensorSymbol, axes_of
from symdl.expr.recurrence import Recurrence
from symdl.expr.system import Equation, System
from symdl.notation import adjoint_name


def reverse(
    system: System, cotangents: Mapping[TensorSymbol, Tensor], wrt: Sequence[Basic], extra: Sequence[Expr] = ()
) -> dict[Basic, Tensor]:
    """Return the adjoint of each variable in ``wrt``.

    Args:
        system: The system, in normal form.
        cotangents: For each output, its cotangent, of shape ``extra + output.shape``.
        wrt: Tensor symbols and scalar symbols.
        extra: Sizes of leading axes that all cotangents carry along (the output's axes, for a Jacobian).

    Returns:
        For each variable a tensor of shape ``extra + variable.shape``; zeros where nothing depends on it. For a matrix
        declared symmetric it is symmetric, for a diagonal one diagonal: the gradient in that space, with
        df = Σ_ij G_ij dA_ij for every direction dA in it.
    """
    sweep = _Sweep(system, wrt, extra)
    for output, cotangent in cotangents.items():
        outer = axes_of(extra)
        targets = axes_of(output.shape)
        element = Element(cotangent, *(index for index, _ in (*outer, *targets)))
        sweep.add(output, element, outer, targets)
    for block in reversed(system.blocks):
        if block[0].loop is None:
            sweep.equation(block[0])
        else:
            sweep.loop(block)
    return {variable: _in_its_space(variable, sweep.total(variable)) for variable in wrt}


def _in_its_space(variable: Basic, adjoint: Tensor) -> Tensor:
    """Return the projection of an adjoint on the directions that keep a matrix symmetric, or diagonal."""
    facts = variable.properties if isinstance(variable, TensorSymbol) else frozenset()
    if not facts & {"symmetric", "diagonal"}:
        return adjoint
    axes = axes_of(adjoint.shape)
    *outer, i, j = [index for index, _ in axes]
    here, turned = Element(adjoint, *outer, i, j), Element(adjoint, *outer, j, i)
    if "diagonal" in facts:
        return Array(KroneckerDelta(i, j) * here, *axes)
    return adjoint if here == turned else Array((here + turned) / 2, *axes)


class _Sweep:
    def __init__(self, system: System, wrt: Sequence[Basic], extra: Sequence[Expr]) -> None:
        self.system, self.wrt, self.extra = system, wrt, tuple(extra)
        self.active = frozenset(system.depends(wrt))
        self.input_names = {tensor.name for tensor in system.inputs}
        self.terms: dict[Basic, list[Expr]] = {}
        self.outer = axes_of(extra)
        self.targets: dict[Basic, list[Any]] = {}

    def add(self, tensor: Basic, value: Expr, outer: list[Any], targets: list[Any]) -> None:
        """Add a contribution, given in its own outer and target indices, to the adjoint of ``tensor``."""
        own = self.targets.setdefault(tensor, axes_of(getattr(tensor, "shape", ())))
        mapping = {old: new for (old, _), (new, _) in zip([*outer, *targets], [*self.outer, *own], strict=True)}
        self.terms.setdefault(tensor, []).append(substitute(value, mapping))

    def sum(self, tensor: Basic) -> Tensor:
        """Return the sum of all contributions to the adjoint of ``tensor``."""
        axes = [*self.outer, *self.targets.get(tensor, axes_of(getattr(tensor, "shape", ())))]
        return Array(sympy.Add(*self.terms.get(tensor, ())), *axes)

    def total(self, tensor: Basic) -> Tensor:
        """Return the adjoint, named after the primal where that is named."""
        adjoint = self.sum(tensor)
        equation = self.system.by_target.get(tensor)
        if equation is not None and equation.named and not self.extra and not isinstance(adjoint, TensorSymbol):
            name, latex = adjoint_name(equation.target.name, equation.target.latex_name)
            if name not in self.input_names:
                return Named(name, adjoint, latex)
        return adjoint

    def equation(self, equation: Equation) -> None:
        """Pass the adjoint of an equation's target on to what its body reads."""
        target = equation.target
        if target not in self.active or target not in self.terms or target in self.wrt:
            return
        adjoint = self.total(target)
        if isinstance(adjoint, Array) and adjoint.body == 0:
            return
        for tensor, value, outer, targets in self.contributions(equation, adjoint, lambda tensor: True):
            self.add(tensor, value, outer, targets)

    def loop(self, block: Sequence[Equation]) -> None:
        """Do the same for a block: its adjoints are a recurrence the other way (backpropagation through time)."""
        loop = block[0].loop
        assert loop is not None
        inside = {equation.target for equation in block}
        if not any(target in self.terms for target in inside):
            return
        active = [equation for equation in reversed(block) if equation.target in self.active]
        symbols: dict[Basic, TensorSymbol] = {}
        labels = adjoint_labels(active)
        for equation in active:
            shape = (*self.extra, *equation.target.shape)
            label = "" if self.extra else labels.get(equation.target, "")
            symbols[equation.target] = TensorSymbol(f"{equation.target.name}~", shape, (), label)
        for equation in active:
            own = symbols[equation.target]
            for tensor, value, outer, targets in self.contributions(equation, own, inside.__contains__):
                self.add(tensor, value, outer, targets)
        arrays = [self.sum(equation.target) for equation in active]
        axis = len(self.extra) + loop.axis
        names = [symbols[equation.target] for equation in active]
        for number, equation in enumerate(active):
            direction = "forward" if loop.reverse else "reverse"
            adjoint = Recurrence(names, arrays, number, axis, direction, loop.checkpoint)
            for tensor, value, outer, targets in self.contributions(equation, adjoint, lambda t: t not in inside):
                self.add(tensor, value, outer, targets)

    def contributions(self, equation: Equation, adjoint: Tensor, wanted: Callable[[Basic], bool]) -> Iterator[Any]:
        """Yield (tensor, value, outer axes, target axes) for each read of a wanted tensor."""
        axes = axes_of(equation.target.shape)
        mapping = {axis_index(k): index for k, (index, _) in enumerate(axes)}
        outer = axes_of(self.extra)
        body = substitute(equation.body, mapping)
        reduced: list[Any] = []
        factor: Expr = Integer(1)
        if isinstance(body, Call):
            yield from self.through_call(body, axes, outer, adjoint, wanted)
            return
        if isinstance(body, Reduce):
            reduction = body
            reduced, body = reduction.open()
            value = Element(self.system.tensor(equation.target), *(index for index, _ in axes))
            factor = selection(reduction, reduced, self.primal(body), value)
            factor = self.primal(factor)
        indices = [index for index, _ in (*outer, *axes)]
        received = Element(adjoint, *indices)
        for atom, derivative in partials(body, self.active):
            tensor = atom.tensor if isinstance(atom, Element) else atom
            if not wanted(tensor):
                continue
            slope = self.primal(derivative)
            value = received * factor * slope
            if may_have_no_value(slope) and isinstance(adjoint, Array) and has_guards(adjoint.body):
                value = under_guards(adjoint.at(*indices) * factor, slope)
            places = tuple(self.primal(place) for place in (atom.indices if isinstance(atom, Element) else ()))
            targets = [(fresh_index(), size) for size in getattr(tensor, "shape", ())]
            yield tensor, transpose(value, [*axes, *reduced], places, targets), outer, targets

    def through_call(
        self, call: Call, axes: list[Any], outer: list[Any], adjoint: Tensor, wanted: Callable[[Basic], bool]
    ) -> Iterator[Any]:
        """Yield the same for an operation of linear algebra: the operands' adjoints, then through their contents."""
        batch = axes[: len(axes) - len(call.places)]
        opened = call.open()
        moving = [any(wanted(atom) for atom in atoms_of(content, self.active)) for _, content in opened]
        active = [position for position, moves in enumerate(moving) if moves]
        primal = call.over([(inner, self.primal(content)) for inner, content in opened])
        found = operand_adjoints(primal, batch, active, adjoint, self.extra, reverse) if active else {}
        for position, received in found.items():
            inner, content = opened[position]
            value = Element(received, *(index for index, _ in (*outer, *batch, *inner)))
            for atom, derivative in partials(content, self.active):
                tensor = atom.tensor if isinstance(atom, Element) else atom
                if wanted(tensor):
                    places = tuple(map(self.primal, atom.indices if isinstance(atom, Element) else ()))
                    targets = axes_of(getattr(tensor, "shape", ()))
                    contribution = value * self.primal(derivative)
                    yield tensor, transpose(contribution, [*batch, *inner], places, targets), outer, targets

    def primal(self, expr: Expr) -> Expr:
        """Return a body of the system as an expression over the primal tensors."""
        return self.system.over_tensors(expr)
