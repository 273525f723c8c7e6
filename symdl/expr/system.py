"""Systems of equations: a graph of tensors written down as an ordered list, each tensor defined once.

``trace`` turns expressions into a ``System`` in normal form: every body is pointwise, or one reduction of a pointwise
body, over elements of tensors that are inputs or targets of earlier equations. ``System.tensor`` goes the other way.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import sympy
from sympy import Basic, Expr, Symbol

from symdl.errors import NameConflictError
from symdl.expr.index import Index, axis_index, free_indices, rebuild
from symdl.expr.nodes import Array, CompositeOp, Element, Named, Reduce, Tensor, TensorSymbol
from symdl.expr.scalar import FROM_SYMPY
from symdl.expr.sizes import shape_text


@dataclass(frozen=True)
class Equation:
    """``target[i0, i1, ...] = body``. ``named`` tells that the user (or the book) gave the target its name."""

    target: TensorSymbol
    body: Expr
    named: bool = False

    @property
    def axes(self) -> tuple[tuple[Index, Expr], ...]:
        """The target's canonical indices and extents."""
        return tuple((axis_index(k), size) for k, size in enumerate(self.target.shape))

    @cached_property
    def loads(self) -> tuple[Element, ...]:
        """The elements the body reads, each once, in a fixed order."""
        return tuple(elements_of(self.body))

    def __str__(self) -> str:
        indices = ", ".join(str(index) for index, _ in self.axes)
        return f"{self.target.name}[{indices}] = {self.body}" if indices else f"{self.target.name} = {self.body}"


@dataclass(frozen=True)
class System:
    """Equations in an order in which each tensor is defined before it is read, and the outputs asked for."""

    equations: tuple[Equation, ...]
    outputs: tuple[TensorSymbol, ...]
    _tensors: dict[TensorSymbol, Tensor] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def by_target(self) -> dict[TensorSymbol, Equation]:
        """The equations by target."""
        return {equation.target: equation for equation in self.equations}

    @cached_property
    def inputs(self) -> tuple[TensorSymbol, ...]:
        """The tensors that are read but not defined, by name."""
        read = {load.tensor for equation in self.equations for load in equation.loads} | set(self.outputs)
        return tuple(sorted(read - set(self.by_target), key=lambda tensor: tensor.name))

    def depends(self, sources: Iterable[Basic]) -> set[Basic]:
        """Return the targets that depend on one of ``sources`` (tensors or scalar symbols), and the sources."""
        found: set[Basic] = set(sources)
        for equation in self.equations:
            if any(load.tensor in found for load in equation.loads) or not found.isdisjoint(scalars_of(equation.body)):
                found.add(equation.target)
        return found

    def over_tensors(self, expr: Expr) -> Expr:
        """Return a body with every target in it replaced by its tensor over the inputs."""
        self.tensor(self.outputs[0])
        return rebuild(expr, self._load)

    def tensor(self, target: TensorSymbol) -> Tensor:
        """Return a target as a tensor over the inputs, sharing what is shared."""
        if not self._tensors:
            for equation in self.equations:
                body = rebuild(equation.body, self._load)
                tensor = Array(body, *equation.axes)
                if equation.named:
                    tensor = Named(equation.target.name, tensor, equation.target.latex_name)
                self._tensors[equation.target] = tensor
        return self._tensors.get(target, target)

    def _load(self, node: Basic) -> Basic | None:
        if isinstance(node, Element):
            tensor = self._tensors.get(node.tensor)
            return node if tensor is None else Element(tensor, *(rebuild(index, self._load) for index in node.indices))
        return None

    def __str__(self) -> str:
        return "\n".join(map(str, self.equations))


@lru_cache(maxsize=100_000)
def elements_of(expr: Expr) -> tuple[Element, ...]:
    """Return the distinct elements a scalar expression reads, in order of appearance; indices are searched too."""
    return tuple(dict.fromkeys(_elements(expr)))


def _elements(expr: Basic) -> Iterator[Element]:
    if isinstance(expr, Element):
        for index in expr.indices:
            yield from elements_of(index)
        yield expr
    elif not isinstance(expr, Tensor):
        for argument in expr.args:
            yield from elements_of(argument)


@lru_cache(maxsize=100_000)
def scalars_of(expr: Basic) -> frozenset[Symbol]:
    """Return the scalar symbols (sizes included) a body uses as numbers, tensors not entered."""
    if isinstance(expr, Index | Tensor):
        return frozenset()
    if isinstance(expr, Symbol):
        return frozenset((expr,))
    if isinstance(expr, sympy.Tuple) and len(expr.args) == 2 and isinstance(expr.args[0], Index):
        return frozenset()  # the extent of a reduction is no number in the formula
    return frozenset().union(*map(scalars_of, expr.args)) if expr.args else frozenset()


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
    return System(tracer.finish(), tuple(tracer.renamed.get(output, output) for output in outputs))


class _Tracer:
    """One walk over the graph: children first, without recursion over depth."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.symbols: dict[Tensor, TensorSymbol] = {}
        self.equations: list[Equation] = []
        self.position: dict[TensorSymbol, int] = {}
        self.renamed: dict[TensorSymbol, TensorSymbol] = {}
        self.names: dict[str, Basic] = {}
        self.count = 0
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
        body = rebuild(tensor.body, self.load)
        return self.equation(tensor.shape, body)

    def name(self, tensor: Named) -> TensorSymbol:
        """Give the equation of what is named the name, wherever it is read; a copy of an input or of a named tensor."""
        inner = tensor.definition
        target = self.unused(TensorSymbol(tensor.name, inner.shape, (), tensor.latex_name))
        self.claim(target)
        found = self.symbol(inner)
        position = self.position.get(found)
        if position is None or self.equations[position].named:
            body = Element(found, *(axis_index(k) if size != 1 else 0 for k, size in enumerate(inner.shape)))
            self.append(Equation(target, body, True))
        else:
            self.equations[position] = Equation(target, self.equations[position].body, True)
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
            Equation(equation.target, rebuild(equation.body, load), equation.named)
            if any(read.tensor in self.renamed for read in equation.loads)
            else equation
            for equation in self.equations
        )

    def load(self, node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return Element(self.symbol(node.tensor), *(rebuild(index, self.load) for index in node.indices))
        function = FROM_SYMPY.get(type(node))  # SymPy brings its own functions in by itself: sqrt(x**2) is its Abs(x)
        return None if function is None else function(*(rebuild(argument, self.load) for argument in node.args))

    def equation(self, shape: tuple[Expr, ...], body: Expr) -> TensorSymbol:
        extents = {axis_index(k): size for k, size in enumerate(shape)}
        if isinstance(body, Reduce):
            axes, content = body.open()
            content = self.hoist(content, {**extents, **dict(axes)})
            body = Reduce(body.op, content, *axes)
        else:
            body = self.hoist(body, extents)
        key = Array(body, *extents.items())
        known = self.symbols.get(key)
        if known is not None and known.shape == shape:
            return self.renamed.get(known, known)
        target = TensorSymbol(self.fresh(), shape)
        self.names[target.name] = target
        self.append(Equation(target, body))
        self.symbols[key] = target
        return target

    def hoist(self, body: Expr, extents: dict[Index, Expr]) -> Expr:
        """Give each reduction inside a body an equation of its own."""

        def lift(node: Basic) -> Basic | None:
            if not isinstance(node, Reduce):
                return None
            outer = sorted(free_indices(node), key=lambda index: index.name)
            array = Array(node, *((index, extents[index]) for index in outer))
            symbol = self.equation(array.shape, array.body)
            return Element(symbol, *outer)

        return rebuild(body, lift)

    def rename(self, symbol: TensorSymbol, name: str) -> TensorSymbol:
        target = TensorSymbol(name, symbol.shape, symbol.properties)
        body = Element(symbol, *(axis_index(k) if size != 1 else 0 for k, size in enumerate(symbol.shape)))
        self.append(Equation(target, body))
        return target


@lru_cache(maxsize=50_000)
def children(tensor: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors a tensor is directly made of."""
    if isinstance(tensor, CompositeOp | Named):
        return (tensor.definition,)
    if isinstance(tensor, Array):
        return tuple(dict.fromkeys(load.tensor for load in elements_of(tensor.body)))
    return ()
