r"""Recurrences as a book prints them: an equation for each quantity at time t, h^{\langle t \rangle}, and its start.

Everything that runs along the time axis of a recurrence is written for one time: a tensor with that axis becomes its
slice, a sum over it becomes \sum_{t=1}^{T}. What is left are ordinary equations over the slices, which are simplified
and printed in matrix notation like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, Symbol

from symdl.expr.calls import Call
from symdl.expr.index import Index, axis_index, free_indices, rebuild, substitute
from symdl.expr.nodes import Array, CompositeOp, Element, Named, Reduce, Tensor, TensorSymbol, axes_of, opened
from symdl.expr.recurrence import Recurrence, replace_tensors
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import elements_of, trace
from symdl.latex.loops import copied, loads_of, member, numbered, recurrences_in
from symdl.latex.names import symbol_latex, used_names, with_superscript
from symdl.latex.view import scalar_form, tensor_form
from symdl.latex.write import HADAMARD, within
from symdl.simplify import simplify

LETTERS = ("t", r"\tau", "s", "r", "u", "v", "q", "a")  # those are taken that no symbol has
_SPARE = (r"\nu", r"\mu", r"\eta", r"\kappa", "s", "v", "w")
_MARK = r"^{\langle t \rangle}"


@dataclass
class Definition:
    """One quantity: the name of its slice at time t, what that is, and the starting values of its recurrence.

    Attributes:
        tensor: What it is the slice of: a recurrence or a named tensor.
        name: Its slice, or the whole where it has no time, with its definition.
        starts: (name, value) outside of the times 1 to T.
        length: The number T of times; None where it has no time.
        reverse: Whether it is computed from the last time to the first.
    """

    tensor: Tensor
    name: Named
    starts: list[tuple[TensorSymbol, Tensor]] = field(default_factory=list)
    length: Expr | None = None
    reverse: bool = False


class Times:
    """Some values, written for one time.

    Args:
        values: Tensors and scalar expressions, simplified.

    Attributes:
        definitions: What they are made of, by what each is the slice of, in order of computation.
        values: The values over slices: those that run along time for one time.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        system = trace(values)
        named = {equation.target.name for equation in system.equations if equation.named}
        self.used = named.union((tensor.name for tensor in system.inputs), *map(used_names, values))
        self.axes: dict[Tensor, int | None] = {}
        self.labels: dict[Recurrence, str] = {}
        self.bodies: dict[Recurrence, Expr] = {}
        self.extents: dict[Index, Expr] = {}
        self.definitions: dict[Tensor, Definition] = {}
        self.slices: dict[tuple[Tensor, Expr], TensorSymbol] = {}
        self.starts: dict[TensorSymbol, Tensor] = {}
        self.inside: list[Tensor] = []  # what sums over time add up
        free = [letter for letter in LETTERS if letter.removeprefix("\\") not in self.used]
        self.letters = [Symbol(letter, integer=True, positive=True) for letter in free]
        recurrences = list(dict.fromkeys(item for value in values for item in recurrences_in(value)))
        self._choose(recurrences)
        self._timed_inputs()
        for recurrence in self.labels:
            self.define(recurrence)
        self.values = [self.value(value) for value in values]
        names = [found.name for found in self.definitions.values()]
        for found, name in zip(self.definitions.values(), simplify(names, keep=True).values, strict=True):
            found.name = name
        self.definitions = {key: found for key, found in self.definitions.items() if key in self._needed()}
        for (tensor, shown), symbol in list(self.slices.items()):
            if symbol in self.starts and tensor in self.definitions:
                self._start(self.definitions[tensor], shown, self.starts[symbol])

    def _needed(self) -> set[Tensor]:
        """Return what the values read after simplification, directly or through definitions."""
        meaning = {found.name.name: tensor for tensor, found in self.definitions.items()}
        meaning |= {symbol.name: tensor for (tensor, _), symbol in self.slices.items()}
        needed: set[Tensor] = set()
        queue: list[Any] = [*self.values, *self.inside]
        while queue:
            for name in used_names(queue.pop()) & meaning.keys():
                tensor = meaning[name]
                if tensor not in needed and tensor in self.definitions:
                    needed.add(tensor)
                    queue.append(self.definitions[tensor].name.definition)
        return needed

    def _start(self, found: Definition, shown: Expr, value: Tensor) -> None:
        """Add the values outside of the times that a read at ``shown`` = t + shift meets: h⟨0⟩, or δ⟨T+1⟩."""
        [letter] = shown.free_symbols & set(self.letters)
        shift = int(shown - letter)
        last = found.length if shift > 0 and found.length is not None else Integer(0)
        for place in [last + k for k in (range(1, shift + 1) if shift > 0 else range(shift + 1, 1))]:
            symbol = self.slice(found.tensor, place - 1)
            if symbol not in [other for other, _ in found.starts]:
                found.starts.append((symbol, value))

    # Which quantities are shown, and what they are called

    def _choose(self, found: Sequence[Recurrence]) -> None:
        """Show what has a label, and what its block reads at other times; the rest is written out where it is read."""
        taken: set[str] = set()
        spare = (letter for letter in _SPARE if letter not in self.used)
        for block in dict.fromkeys(recurrence.block for recurrence in found):
            first = member(block, 0)
            own = set(first.placeholders)
            reads = [load for array in first.arrays for load in loads_of(array) if load.tensor in own]
            late = {load.tensor for load in reads if load.indices[first.axis] != axis_index(first.axis)}
            for number in range(len(first.placeholders)):
                source = copied(first, number)
                if source is not None and first.placeholders[number] in late:
                    late.add(first.placeholders[source])
            for number, symbol in enumerate(first.placeholders):
                if not (symbol.latex_name or symbol in late) or copied(first, number) is not None:
                    continue
                copies = [k for k in range(len(first.placeholders)) if copied(first, k) == number]
                shown = [symbol, *(first.placeholders[k] for k in copies)]
                base = next((item.latex_name for item in shown if item.latex_name), "").removesuffix(_MARK)
                base = base or next(spare, f"u_{{{len(taken)}}}")
                label = next(name for name in numbered(base) if name not in taken)
                taken.add(label)
                self.labels[member(block, number)] = label

    def _adopt(self, content: Expr, times: Sequence[Basic]) -> None:
        """Let time run along the axes of inputs that are read by an index of time."""
        for load in elements_of(content):
            if isinstance(load.tensor, TensorSymbol) and self.axes.get(load.tensor) is None:
                places = [place for place, index in enumerate(load.indices) if index in times]
                if places:
                    self.axes[load.tensor] = places[0]

    def _timed_inputs(self) -> None:
        """Find the inputs whose first read along a recurrence's time is by that time: x[t]."""
        for recurrence in self.labels:
            self._adopt(self.expanded(self.body(recurrence)), [axis_index(recurrence.axis)])

    def body(self, recurrence: Recurrence) -> Expr:
        """Return the body of one equation of a block over the block's recurrences."""
        if recurrence not in self.bodies:
            block = recurrence.block
            members = [member(block, k) for k in range(len(recurrence.placeholders))]
            siblings = dict(zip(recurrence.placeholders, members, strict=True))
            for own, array in zip(members, recurrence.arrays, strict=True):
                read = replace_tensors(array, siblings)
                places = [axis_index(k) if size != 1 else Integer(0) for k, size in enumerate(own.shape)]
                self.bodies[own] = read.at(*places) if isinstance(read, Array) else Element(read, *places)
        return self.bodies[recurrence]

    def expanded(self, expr: Expr) -> Expr:
        """Return an expression with everything written out that has no name of its own and that time runs along."""

        def visit(node: Basic) -> Basic | None:
            if not isinstance(node, Element):
                return opened(node, self.expanded)
            indices = [rebuild(index, visit) for index in node.indices]
            tensor = node.tensor
            if isinstance(tensor, Recurrence) and tensor not in self.labels:
                mapping = {axis_index(k): index for k, index in enumerate(indices)}
                return self.expanded(substitute(self.body(tensor), mapping))
            if isinstance(tensor, CompositeOp) and recurrences_in(tensor):
                tensor = tensor.definition
            if isinstance(tensor, Array):
                return self.expanded(tensor.at(*indices))
            return Element(tensor, *indices)

        return rebuild(expr, visit)

    def axis(self, tensor: Tensor) -> int | None:
        """Return the time axis of a tensor, None where it has none."""
        if isinstance(tensor, Recurrence):
            return tensor.axis
        if tensor not in self.axes:
            self.axes[tensor] = None
            if isinstance(tensor, Named | Array | CompositeOp):
                definition = tensor.definition if isinstance(tensor, Named) else tensor
                places = [axis_index(k) if size != 1 else Integer(0) for k, size in enumerate(tensor.shape)]
                body = self.expanded(Element(definition, *places))
                found = {self._time_index(load) for load in elements_of(body)} & set(places)
                self.axes[tensor] = min((places.index(index) for index in found), default=None)
        return self.axes[tensor]

    def _time_index(self, load: Element) -> Expr | None:
        """Return the index by which an element is read along time, without a shift."""
        axis = self.axis(load.tensor)
        if axis is None:
            return None
        place = load.indices[axis]
        return next(iter(free_indices(place)), None) if len(free_indices(place)) == 1 else None

    # Slices

    def define(self, tensor: Any) -> Named:
        """Return the slice of a shown tensor at time t (the whole where it has no time), with its definition."""
        known = self.definitions.get(tensor)
        if known is not None:
            return known.name
        axis = self.axis(tensor)
        axes = axes_of(tensor.shape)
        places = [self.letters[0] - 1 if k == axis else index for k, (index, _) in enumerate(axes)]
        if isinstance(tensor, Recurrence):
            body = substitute(self.body(tensor), {axis_index(k): place for k, place in enumerate(places)})
        else:
            body = Element(tensor.definition, *places)
        rest = [pair for k, pair in enumerate(axes) if k != axis]
        self.extents.update(rest)
        body = self.expanded(body)
        self._adopt(body, [self.letters[0] - 1])
        value = Array(self.at_time(body, 1), *rest)
        tex = self.label(tensor) if axis is None else self.marked(self.label(tensor))
        reverse = isinstance(tensor, Recurrence) and tensor.reverse
        length = None if axis is None else tensor.shape[axis]
        found = self.definitions[tensor] = Definition(tensor, Named(tex, value, tex), [], length, reverse)
        return found.name

    def marked(self, name: str) -> str:
        r"""Return a name with the time it is of, usually t: x^{\langle t \rangle}."""
        return with_superscript(name, rf"\langle {self.letters[0]} \rangle")

    def label(self, tensor: Tensor) -> str:
        """Return what a tensor is called, without time."""
        return self.labels[tensor] if isinstance(tensor, Recurrence) else symbol_latex(tensor)

    def slice(self, tensor: Tensor, place: Expr) -> Tensor:
        """Return a tensor's slice at a time; ``place`` is zero-based, over letters that are one-based."""
        axis = self.axis(tensor)
        assert axis is not None
        shown = sympy.expand(place + 1)
        if shown == self.letters[0] and not isinstance(tensor, TensorSymbol):
            return self.define(tensor)
        if (tensor, shown) not in self.slices:
            mark = sympy.latex(shown).replace(" ", "")
            tex = with_superscript(self.label(tensor), rf"\langle {mark} \rangle")
            shape = tensor.shape[:axis] + tensor.shape[axis + 1 :]
            self.slices[tensor, shown] = TensorSymbol(tex, shape, tuple(tensor.properties), tex)
        return self.slices[tensor, shown]

    def value(self, value: Any) -> Any:
        """Return a value over slices."""
        tensor = value if isinstance(value, Tensor) else Array(value)
        if isinstance(tensor, Recurrence | Named):
            return self.define(tensor)
        axis = self.axis(tensor)
        axes = axes_of(tensor.shape)
        places = [self.letters[0] - 1 if k == axis else index for k, (index, _) in enumerate(axes)]
        rest = [pair for k, pair in enumerate(axes) if k != axis]
        self.extents.update(rest)
        body = self.expanded(Element(tensor, *places))
        self._adopt(body, [self.letters[0] - 1])
        body = self.at_time(body, 0 if axis is None else 1)
        [found] = self.simplified([Array(body, *rest)])
        return found.body if not isinstance(value, Tensor) and isinstance(found, Array) else found

    def at_time(self, expr: Expr, depth: int) -> Expr:
        """Return an expanded expression over slices; ``depth`` letters are in use."""

        def visit(node: Basic) -> Basic | None:
            if isinstance(node, Reduce):
                return self._sum(node, depth)
            if isinstance(node, SCALAR_OPS["where"]):
                return self._choice(node, visit)
            if isinstance(node, Call):
                operands = node.open()
                self.extents.update(pair for axes, _ in operands for pair in axes)
                return node.over([(axes, rebuild(content, visit)) for axes, content in operands])
            if not isinstance(node, Element):
                return None
            indices = [rebuild(index, visit) for index in node.indices]
            axis, tensor = self.axis(node.tensor), node.tensor
            if axis is None and isinstance(tensor, Named) and recurrences_in(tensor):
                tensor = self.define(tensor)
            if axis is None or free_indices(indices[axis]):
                return Element(tensor, *indices)
            place = indices.pop(axis)
            return Element(self.slice(tensor, place), *indices)

        return rebuild(expr, visit)

    def _sum(self, reduction: Reduce, depth: int) -> Basic:
        r"""Return a reduction; a sum over time is a name of its own, \sum_{t=1}^{T} of what slices give."""
        axes, content = reduction.open()
        self.extents.update(axes)
        times = {self._time_index(load) for load in elements_of(content)}
        timed = [pair for pair in axes if pair[0] in times]
        self._adopt(content, [index for index, _ in timed])
        if not timed or reduction.op != "add" or depth + len(timed) > len(self.letters):
            return Reduce(reduction.op, self.at_time(content, depth), *axes)
        letters = self.letters[depth : depth + len(timed)]
        content = substitute(content, {index: letter - 1 for (index, _), letter in zip(timed, letters, strict=True)})
        inner = self.at_time(content, depth + len(timed))
        rest = [pair for pair in axes if pair not in timed]
        inner = Reduce("add", inner, *rest) if rest else inner
        outer = sorted(free_indices(inner), key=lambda index: index.name)
        [value] = self.simplified([Array(inner, *((index, self.extents[index]) for index in outer))])
        self.inside.append(value)
        form = scalar_form(value.body) if isinstance(value, Array) and not value.order else tensor_form(value)
        limits = zip(letters, timed, strict=True)
        tex = "".join(rf"\sum_{{{letter}=1}}^{{{sympy.latex(size)}}} " for letter, (_, size) in limits)
        tex += within(form, HADAMARD)
        return Element(TensorSymbol(f"§{tex}", value.shape, (), tex), *outer)

    def simplified(self, tensors: Sequence[Tensor]) -> list[Any]:
        """Return tensors simplified with the definitions, so that tanh(z) is recognised where it has a name."""
        names = [found.name for found in self.definitions.values()]
        return simplify([*names, *tensors], keep=True).values[len(names) :]

    def _choice(self, node: Expr, visit: Any) -> Basic:
        """Return the branch that a start outside of the times 1 to T makes the only one, else the choice."""
        condition = rebuild(node.args[0], visit)
        first, second = (rebuild(branch, visit) for branch in node.args[1:])
        for branch, other, inside in ((second, first, False), (first, second, True)):
            shifted = [load for load in elements_of(branch) if self._outside(load.tensor, condition, inside)]
            if shifted and branch == shifted[0] and self._starts_at(shifted[0], other):
                return branch
            for chosen in ([load for load in shifted if self._natural(load.tensor)], shifted):
                without = branch.xreplace(dict.fromkeys(chosen, Integer(0)))
                if chosen and without == other == 0 and all(self._starts_at(load, Integer(0)) for load in chosen):
                    return branch
        return SCALAR_OPS["where"](self._one_based(condition), first, second)

    def _natural(self, symbol: Tensor) -> bool:
        """Tell whether a slice is one that the recurrence has computed before: its start is part of the recurrence."""
        tensor, shown = next(key for key, value in self.slices.items() if value == symbol)
        [letter] = shown.free_symbols & set(self.letters)
        return isinstance(tensor, Recurrence) and tensor.reverse == bool(shown - letter > 0)

    def _outside(self, symbol: Tensor, condition: Basic, inside: bool) -> bool:
        """Tell whether a condition (its opposite, if ``inside``) holds just where a slice is outside of the times."""
        found = next((key for key, value in self.slices.items() if value == symbol), None)
        if found is None or not isinstance(found[0], Recurrence):
            return False
        tensor, place = found
        length, letters = tensor.shape[tensor.axis], place.free_symbols & set(self.letters)
        if len(letters) != 1:
            return False
        [letter] = letters
        count = int(length) if length.is_Integer else 7
        for number in range(1, count + 1):
            values = {letter: Integer(number), length: Integer(count)}
            at, holds = place.xreplace(values), condition.xreplace(values)
            if not at.is_Integer or holds not in (sympy.true, sympy.false):
                return False
            if bool(holds) != (bool(1 <= at <= count) if inside else not 1 <= at <= count):
                return False
        return True

    def _starts_at(self, load: Element, value: Expr) -> bool:
        """Note the value of a slice outside of the times; False if it has another one already."""
        axes = axes_of(load.tensor.shape)
        mapping = {index: own for index, (own, _) in zip(load.indices, axes, strict=True) if isinstance(index, Index)}
        if free_indices(value) - set(mapping):
            return False
        tensor = Array(substitute(value, mapping), *axes)
        return bool(self.starts.setdefault(load.tensor, tensor) == tensor)

    def _one_based(self, condition: Basic) -> Basic:
        """Return a condition with times counted from 1 on both sides."""
        if isinstance(condition, sympy.Rel) and condition.free_symbols & set(self.letters):
            return condition.func(*(sympy.expand(side + 1) for side in condition.args))
        if isinstance(condition, sympy.logic.boolalg.BooleanFunction):
            return condition.func(*map(self._one_based, condition.args))
        return condition
