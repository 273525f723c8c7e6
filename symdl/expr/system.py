"""Tracing: expressions to a system of equations in normal form. ``System.tensor`` goes the other way."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sympy import And, Basic, Expr, Integer, KroneckerDelta, Not, Tuple

from symdl.errors import NameConflictError
from symdl.expr.elements import compares_indices
from symdl.expr.equations import Equation, Loop, System, elements_of, scalars_of
from symdl.expr.index import Index, axis_index, free_indices, fresh_index, rebuild
from symdl.expr.nodes import Array, Call, CompositeOp, Element, Named, Reduce, Tensor, TensorSymbol
from symdl.expr.recurrence import Recurrence
from symdl.expr.scalar import FROM_SYMPY, SCALAR_OPS
from symdl.expr.sizes import shape_text
from symdl.expr.structure import order_of_appearance


def trace(values: Sequence[Any], names: Sequence[str] = ()) -> System:
    """Return the system in normal form that computes ``values`` (tensors or scalar expressions, already ingested).

    Args:
        values: What to compute.
        names: Names of the outputs; those of the tensors themselves, or generated, where missing.

    Raises:
        NameConflictError: if a name stands for two different things.
    """
    tracer = _Tracer(values)
    outputs = []
    for position, value in enumerate(values):
        tensor = value if isinstance(value, Tensor) else Array(value)
        symbol = tracer.visit(tensor)
        if position < len(names) and names[position] and symbol.name != names[position]:
            symbol = tracer.rename(symbol, names[position])
        outputs.append(symbol)
    final = tuple(tracer.renamed.get(output, output) for output in outputs)
    return System(needed(tracer.finish(), final), final)


class _Tracer:
    """One walk over the graph: children first, without recursion over depth."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.symbols: dict[Tensor, TensorSymbol] = {}
        self.equations: list[Equation] = []
        self.position: dict[TensorSymbol, int] = {}
        self.renamed: dict[TensorSymbol, TensorSymbol] = {}
        self.names: dict[str, Basic] = {}
        self.count = 0
        self.blocks: dict[Any, list[TensorSymbol]] = {}
        self.loop: Loop | None = None
        self.inside: set[Basic] = set()
        for value in values:
            for symbol in value.free_symbols if isinstance(value, Basic) else ():
                self.claim(symbol)

    def claim(self, symbol: Any) -> None:
        known = self.names.setdefault(symbol.name, symbol)
        if known is not symbol and known != symbol:

            def describe(item: Any) -> str:
                return f"tensor of shape {shape_text(item.shape)}" if isinstance(item, Tensor) else "scalar"

            if isinstance(known, TensorSymbol) and isinstance(symbol, TensorSymbol) and known.shape == symbol.shape:
                detail = f"declared twice with properties {sorted(known.properties)} and {sorted(symbol.properties)}"
            else:
                detail = f"declared as a {describe(known)} and as a {describe(symbol)}"
            raise NameConflictError(f"{symbol.name}: {detail}; give one of them another name")

    def fresh(self) -> str:
        while True:
            self.count += 1
            if f"t{self.count}" not in self.names:
                return f"t{self.count}"

    def visit(self, root: Tensor) -> TensorSymbol:
        stack = [root]
        while stack:
            tensor = stack[-1]
            if tensor in self.symbols:
                stack.pop()
                continue
            if isinstance(tensor, TensorSymbol):
                self.claim(tensor)
                self.symbols[tensor] = tensor
                continue
            missing = [child for child in children(tensor) if child not in self.symbols]
            if missing:
                stack.extend(reversed(missing))
            else:
                self.symbols[tensor] = self.define(tensor)
        return self.symbol(root)

    def define(self, tensor: Tensor) -> TensorSymbol:
        if isinstance(tensor, CompositeOp):
            return self.symbol(tensor.definition)
        if isinstance(tensor, Named):
            return self.name(tensor)
        if isinstance(tensor, Recurrence):
            return self.block(tensor)
        body = rebuild(tensor.body, self.load)
        return self.equation(tensor.shape, body, facts=tensor.properties)

    def block(self, tensor: Recurrence) -> TensorSymbol:
        """Write down the block of a recurrence; what does not depend on the block stands before it."""
        targets = self.blocks.get(tensor.block)
        if targets is None:
            targets = self.blocks[tensor.block] = []
            self.loop = Loop(len(self.blocks), tensor.axis, tensor.reverse, tensor.checkpoint)
            start = len(self.equations)
            for placeholder in tensor.placeholders:
                target = TensorSymbol(self.fresh(), placeholder.shape, (), placeholder.latex_name)
                self.names[target.name] = self.symbols[placeholder] = target
                targets.append(target)
            self.inside = set(targets)
            for target, body in zip(targets, tensor.bodies, strict=True):
                self.equation(target.shape, rebuild(body, self.load), target)
            for placeholder in tensor.placeholders:
                del self.symbols[placeholder]
            self.equations[start:] = sorted(self.equations[start:], key=lambda equation: equation.loop is not None)
            self.position.update({item.target: place for place, item in enumerate(self.equations) if place >= start})
            self.loop, self.inside = None, set()
        return targets[tensor.which]

    def name(self, tensor: Named) -> TensorSymbol:
        """Give the equation of what is named the name, wherever it is read; a copy of an input or of a named tensor."""
        inner = tensor.definition
        target = self.unused(TensorSymbol(tensor.name, inner.shape, (), tensor.latex_name))
        self.claim(target)
        found = self.symbol(inner)
        position = self.position.get(found)
        if position is None or self.equations[position].named:
            body: Expr = Element(found, *(axis_index(k) if size != 1 else 0 for k, size in enumerate(inner.shape)))
            if position is not None and self.equations[position].body.is_number:
                body = self.equations[position].body  # two quantities that are 1 are no copies of each other
            self.append(Equation(target, body, True))
        else:
            self.equations[position] = replace(self.equations[position], target=target, named=True)
            self.position[target] = position
            self.renamed[found] = target
        return target

    def unused(self, target: TensorSymbol) -> TensorSymbol:
        """Return a target for a named tensor: numbered if another one of its shape already has the name.

        Two tensors come to one name where a system holds an expression and a simplified form of it, or two adjoints of
        one quantity.
        """
        known = self.names.get(target.name)
        if known is None or (isinstance(known, TensorSymbol) and known.shape != target.shape):
            return target
        if known not in self.position:
            raise NameConflictError(f"{target.name}: an input and an intermediate have this name; rename one of them")
        name = next(f"{target.name}_{k}" for k in itertools.count(2) if f"{target.name}_{k}" not in self.names)
        latex = f"{{{target.latex_name}}}_{{({name.rpartition('_')[2]})}}" if target.latex_name else ""
        return TensorSymbol(name, target.shape, (), latex)

    def symbol(self, tensor: Tensor) -> TensorSymbol:
        """Return the target of a tensor that was visited."""
        found = self.symbols[tensor]
        return self.renamed.get(found, found)

    def append(self, equation: Equation) -> None:
        self.position[equation.target] = len(self.equations)
        self.equations.append(equation)

    def finish(self) -> tuple[Equation, ...]:
        """Return the equations, those that read a tensor before it was named reading it by its name."""

        def load(node: Basic) -> Basic | None:
            if isinstance(node, Element):
                return Element(self.renamed.get(node.tensor, node.tensor), *(rebuild(i, load) for i in node.indices))
            return None

        return tuple(
            replace(equation, body=rebuild(equation.body, load))
            if any(read.tensor in self.renamed for read in equation.loads)
            else equation
            for equation in self.equations
        )

    def load(self, node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return Element(self.symbol(node.tensor), *(rebuild(index, self.load) for index in node.indices))
        if isinstance(node, Tuple) and len(node) == 2 and isinstance(node[0], Index) and not node.has(Element):
            return node  # an axis: its size is no formula
        function = FROM_SYMPY.get(type(node))  # SymPy brings its own functions in by itself: sqrt(x**2) is its Abs(x)
        return None if function is None else function(*(rebuild(argument, self.load) for argument in node.args))

    def equation(
        self,
        shape: tuple[Expr, ...],
        body: Expr,
        target: TensorSymbol | None = None,
        facts: frozenset[str] = frozenset(),
    ) -> TensorSymbol:
        extents = {axis_index(k): size for k, size in enumerate(shape)}
        if isinstance(body, Call) and _is_whole(body, shape):
            body = body.over([(axes, self.operand(axes, content, extents)) for axes, content in body.open()])
        elif isinstance(body, Reduce):
            axes, content = body.open()
            content = self.hoist(content, {**extents, **dict(axes)})
            body = Reduce(body.op, content, *axes)
        else:
            body = self.hoist(body, extents)
        key = Array(body, *extents.items())
        known = self.symbols.get(key)
        if target is None and known is not None and known.shape == shape:
            return self.renamed.get(known, known)
        if target is None:
            target = TensorSymbol(self.fresh(), shape, tuple(facts))
            self.names[target.name] = target
        loop = self.loop if any(load.tensor in self.inside for load in elements_of(body)) else None
        if loop is not None:
            self.inside.add(target)
        self.append(Equation(target, body, False, loop))
        self.symbols[key] = target
        return target

    def hoist(self, body: Expr, extents: dict[Index, Expr], guards: tuple[Basic, ...] = ()) -> Expr:
        """Give each reduction inside a body an equation of its own, with the conditions on indices that guard it."""

        def lift(node: Basic) -> Basic | None:
            if isinstance(node, SCALAR_OPS["where"]) and compares_indices(node.args[0]):
                condition, left, right = node.args
                return node.func(
                    rebuild(condition, lift),
                    self.hoist(left, extents, (*guards, condition)),
                    self.hoist(right, extents, (*guards, Not(condition))),
                )
            if isinstance(node, Call):
                return self.called(node, extents, guards)
            if not isinstance(node, Reduce):
                return None
            outer = self.around(sorted(free_indices(node), key=lambda index: index.name), node)
            kept = [guard for guard in guards if free_indices(guard) <= set(outer)]
            if kept:
                axes, content = node.open()
                node = Reduce(node.op, SCALAR_OPS["where"](And(*kept), content, Integer(0)), *axes)
            array = Array(node, *((index, extents[index]) for index in outer))
            symbol = self.equation(array.shape, array.body)
            return Element(symbol, *(index if extents[index] != 1 else 0 for index in outer))

        return rebuild(body, lift)

    def around(self, outer: list[Index], node: Basic) -> list[Index]:
        """Return the outer axes of a part; in a recurrence those up to time are those of every tensor of the block."""
        if self.loop is None or not any(load.tensor in self.inside for load in elements_of(node)):
            return outer
        front = [axis_index(k) for k in range(self.loop.axis + 1)]
        return [*front, *(index for index in outer if index not in front)] if front[-1] in outer else outer

    def called(self, node: Call, extents: dict[Index, Expr], guards: tuple[Basic, ...]) -> Expr:
        """Give a call an equation of its own, whatever its places are; return the element at its places."""
        kept = And(*(guard for guard in guards if free_indices(guard) <= node.batch))
        if kept != True:  # noqa: E712  because this is SymPy's truth; elsewhere the operation sees an identity
            contents = []
            for axes, content in node.open():
                elsewhere = KroneckerDelta(*(index for index, _ in axes))
                contents.append((axes, SCALAR_OPS["where"](kept, content, elsewhere)))
            node = node.over(contents)
        batch = self.around(_batch(node), node)
        places = [(fresh_index(), size) for size in node.result_shape]
        array = Array(node.at(*(index for index, _ in places)), *((index, extents[index]) for index in batch), *places)
        symbol = self.equation(array.shape, array.body, facts=array.properties)
        return Element(symbol, *(index if extents[index] != 1 else 0 for index in batch), *node.places)

    def operand(self, axes: Sequence[tuple[Index, Expr]], content: Expr, extents: dict[Index, Expr]) -> Expr:
        """Return an operand as an element of a whole tensor, which gets an equation where it is none yet."""
        extents = {**extents, **dict(axes)}
        own = {index for index, size in axes if size != 1}
        if isinstance(content, Element) and own <= set(content.indices):
            plain = [index for index in content.indices if isinstance(index, Index)]
            sizes = zip(content.indices, content.tensor.shape, strict=True)
            if len(set(plain)) == len(plain) and all(s == 1 or extents.get(i) == s for i, s in sizes):
                return content
        batch = [index for index in order_of_appearance(content) if index in free_indices(content) and index in extents]
        batch = self.around([index for index in batch if index not in dict(axes)], content)
        array = Array(content, *((index, extents[index]) for index in batch), *axes)
        symbol = self.equation(array.shape, array.body) if isinstance(array, Array) else self.symbol(array)
        return Element(symbol, *(index if extents[index] != 1 else 0 for index in [*batch, *dict(axes)]))

    def rename(self, symbol: TensorSymbol, name: str) -> TensorSymbol:
        target = TensorSymbol(name, symbol.shape, symbol.properties)
        body = Element(symbol, *(axis_index(k) if size != 1 else 0 for k, size in enumerate(symbol.shape)))
        self.append(Equation(target, body))
        return target


def _batch(node: Call) -> list[Index]:
    order = order_of_appearance(Tuple(*(operand[0] for operand in node.operands)))
    return [index for index in order if index in node.batch]


def _is_whole(node: Call, shape: tuple[Expr, ...]) -> bool:
    """Tell whether the axes of a target are the batch of a call and then, in order, the axes of its result."""
    own = [axis_index(k) if size != 1 else Integer(0) for k, size in enumerate(shape)]
    front = len(shape) - len(node.result_shape)
    return front >= 0 and list(node.places) == own[front:] and node.batch <= set(own[:front])


def needed(equations: Sequence[Equation], outputs: Sequence[TensorSymbol]) -> tuple[Equation, ...]:
    """Return the equations that the outputs depend on, in order."""
    needed: set[Basic] = set(outputs)
    count = -1
    while count != len(needed):  # a loop reads targets that stand after the reader
        count = len(needed)
        for equation in reversed(equations):
            if equation.target in needed:
                needed.update(load.tensor for load in equation.loads)
    return tuple(equation for equation in equations if equation.target in needed)


@lru_cache(maxsize=50_000)
def children(tensor: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors a tensor is directly made of."""
    if isinstance(tensor, CompositeOp | Named):
        return (tensor.definition,)
    if isinstance(tensor, Array):
        return tuple(dict.fromkeys(load.tensor for load in elements_of(tensor.body)))
    if isinstance(tensor, Recurrence):
        read = dict.fromkeys(load.tensor for body in tensor.bodies for load in elements_of(body))
        return tuple(child for child in read if child not in tensor.placeholders)
    return ()


__all__ = ["Equation", "Loop", "System", "children", "elements_of", "needed", "scalars_of", "trace"]
