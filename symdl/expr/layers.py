"""Symbolic depth: a stack of layers is a recurrence over ℓ = 1, ..., L whose sizes may depend on ℓ; book (5.22)-(5.26).

``a[0] = x`` and ``a[ℓ] = step(a[ℓ-1])`` with parameters of their own in each layer. The depth L may stay a symbol: the
stack is derived as a recursion. With an integer depth it is unrolled into ordinary equations.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, Symbol
from sympy.core.symbol import Str

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.declare import named as name_it
from symdl.expr.declare import tensor as declare
from symdl.expr.index import rebuild
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, CompositeOp, Element, Named, Tensor, TensorSymbol
from symdl.expr.sizes import plain_size, same_size, shape_text, width_of
from symdl.notation import label_latex


def widths(name: str) -> sympy.IndexedBase:
    """Declare widths of layers, ``N``: then ``N[ℓ]`` is the width of layer ℓ and ``N[0]`` that of the input."""
    return sympy.IndexedBase(name, integer=True, positive=True)


class Layers:
    """A stack of layers under declaration; made by ``sd.layers(ℓ, L)``.

    Args:
        index: The layer's index, an integer symbol.
        depth: The number of layers, a symbol or a positive integer.
    """

    def __init__(self, index: Symbol, depth: Any) -> None:
        self.index, self.depth = index, sympy.sympify(depth)
        if not isinstance(index, Symbol):
            raise ExpressionError(
                f"layers: expected an index symbol, found {index!r}; use sympy.Symbol('ell', integer=True)"
            )
        if self.depth.is_Integer and self.depth < 1:
            raise ShapeError(f"layers: expected a depth of at least 1, found {depth}")

    def tensor(self, name: str, shape: Any, **properties: bool) -> TensorSymbol:
        """Declare a parameter that each layer has its own of; sizes may depend on the index."""
        return declare(f"{name}[{self.index}]", shape, latex=layer_latex(name, self.index), **properties)

    def matrix(self, name: str, rows: Any, columns: Any, **properties: bool) -> TensorSymbol:
        """Declare a matrix for each layer."""
        return self.tensor(name, (rows, columns), **properties)

    def vector(self, name: str, size: Any, **properties: bool) -> TensorSymbol:
        """Declare a vector for each layer."""
        return self.tensor(name, (size,), **properties)

    def scalar(self, name: str) -> Element:
        """Declare a number for each layer."""
        return Element(TensorSymbol(f"{name}[{self.index}]", (), (), layer_latex(name, self.index)))

    def named(self, name: str, value: Any) -> Any:
        """Name an intermediate of each layer, such as z."""
        return name_it(f"{name}[{self.index}]", value, latex=layer_latex(name, self.index))

    def recur(self, name: str, start: Any, step: Callable[[Any], Any]) -> Any:
        """Return a[L] of the recurrence ``a[0] = start``, ``a[ℓ] = step(a[ℓ-1])``.

        Args:
            name: The name of what is passed from layer to layer.
            start: The input, a tensor or a scalar; its sizes are those of ``step``'s result at ℓ = 0.
            step: The equations of layer ℓ, given a[ℓ-1].

        Raises:
            ShapeError: if the step's result at ℓ = 0 has not the shape of ``start``.
        """
        first = _as_tensor(start)
        before = self.index - 1
        shape = tuple(_width_at(size, before) for size in first.shape)
        previous = TensorSymbol(f"{name}[{before}]", shape, (), layer_latex(name, before))
        result = _as_tensor(step(_as_value(previous)))
        if not isinstance(result, Named):
            result = self.named(name, result)
        stack = LayerStack(Str(name), first, result, previous, self.index, self.depth)
        expected = tuple(plain_size(size.subs(self.index, 0)) for size in result.shape)
        if len(expected) != first.order or not all(map(same_size, expected, first.shape)):
            raise ShapeError(
                f"layers: {name}[0] = {first} has shape {shape_text(first.shape)}, but the step's result has "
                f"shape {shape_text(result.shape)}, which is {shape_text(expected)} at {self.index} = 0"
            )
        return _as_value(stack)


def _as_tensor(value: Any) -> Tensor:
    """Return an expression as a tensor, of order 0 for a scalar."""
    found = ingest(value)
    if isinstance(found, Element) and not found.indices:
        return found.tensor
    return found if isinstance(found, Tensor) else Array(found)


def _as_value(tensor: Tensor) -> Any:
    return tensor if tensor.order else Element(tensor)


def _width_at(size: Expr, place: Expr) -> Expr:
    """Return the size that becomes ``size`` at layer 0, at layer ``place``: N[0] at ℓ-1 is N[ℓ-1]."""
    width = width_of(size)
    return width.base[place] if width is not None and width.indices == (0,) else size


def layer_latex(name: str, place: Any) -> str:
    """Return the book's superscript: W^{[ℓ]}; for a name, or LaTeX without a superscript."""
    return f"{label_latex(name)}^{{[{sympy.latex(place)}]}}"


def layers(index: Any, depth: Any) -> Layers:
    """Declare a stack of layers; see ``Layers``.

    Args:
        index: The layer's index: a name or an integer symbol, such as ``ell``.
        depth: The number of layers: a name, a symbol or an integer.
    """
    symbol = Symbol(index, integer=True, positive=True) if isinstance(index, str) else index
    return Layers(symbol, Symbol(depth, integer=True, positive=True) if isinstance(depth, str) else depth)


class LayerStack(CompositeOp):
    """a[L] of a recurrence over layers; ``args``: name, start, the step's result, a[ℓ-1], ℓ, L."""

    symbol = "a"

    def __new__(cls, *args: Any) -> Any:
        """Return the node; the depth may become a number by ``xreplace``."""
        name, start, step, previous, index, depth = args
        return cls._intern(name, start, step, previous, index, sympy.sympify(depth))

    @property
    def name(self) -> str:
        """The name of what is passed on, at the last layer."""
        return f"{self.args[0]}[{self.depth}]"

    @property
    def latex_name(self) -> str:
        """a^{[L]}."""
        return layer_latex(str(self.args[0]), self.depth)

    @property
    def start(self) -> Tensor:
        """a[0]."""
        return self.args[1]

    @property
    def step(self) -> Tensor:
        """a[ℓ] as an expression in a[ℓ-1] and layer ℓ's parameters."""
        return self.args[2]

    @property
    def previous(self) -> TensorSymbol:
        """The symbol a[ℓ-1] in the step."""
        return self.args[3]

    @property
    def index(self) -> Symbol:
        """ℓ."""
        return self.args[4]

    @property
    def depth(self) -> Expr:
        """L."""
        return self.args[5]

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        """That of the last layer."""
        return tuple(plain_size(size.subs(self.index, self.depth)) for size in self.step.shape)

    @property
    def own_symbols(self) -> frozenset[Basic]:
        """The input and the parameters; those of layer ℓ while the depth is symbolic."""
        if self.depth.is_Integer:
            return frozenset(self.definition.free_symbols)
        return frozenset((set(self.start.free_symbols) | set(self.step.free_symbols)) - {self.previous, self.index})

    @property
    def parameters(self) -> tuple[TensorSymbol, ...]:
        """The parameters of layer ℓ, by name."""
        found = [
            symbol
            for symbol in self.step.free_symbols
            if isinstance(symbol, TensorSymbol) and symbol != self.previous and self.index in _indices_in(symbol)
        ]
        return tuple(sorted(found, key=lambda symbol: symbol.name))

    def define(self) -> Tensor:
        """Unroll; ExpressionError while the depth is symbolic."""
        if not self.depth.is_Integer:
            raise ExpressionError(
                f"the depth {self.depth} is symbolic: give it a value, expr.xreplace({{{self.depth}: 3}}), "
                "or derive the recursion with sd.grad and sd.derivation"
            )
        value: Tensor = layer_of(self.start, self.index, Integer(0))
        for number in range(1, int(self.depth) + 1):
            value = layer_of(self.step, self.index, Integer(number), {self.previous: value})
        return value


def _indices_in(symbol: TensorSymbol) -> set[Basic]:
    text = symbol.name[symbol.name.find("[") + 1 : -1] if symbol.name.endswith("]") else ""
    return {symbol_ for size in symbol.shape for symbol_ in size.free_symbols} | (
        {Symbol(text, integer=True, positive=True)} if text else set()
    )


def layer_of(tensor: Tensor, index: Symbol, place: Expr, known: dict[Tensor, Tensor] | None = None) -> Tensor:
    """Return layer ℓ's equations at ℓ = ``place``, with its widths; ``known`` is put in as given.

    At layer 1, W[ell] becomes W1; at layer ℓ + 1 it becomes W[ell + 1].
    """
    memo: dict[Basic, Tensor] = dict(known or {})

    def scalar(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return Element(visit(node.tensor), *(rebuild(part, scalar) for part in node.indices))
        if isinstance(node, sympy.Indexed) or node == index:
            return plain_size(node.subs(index, place))
        return None

    def visit(node: Tensor) -> Tensor:
        found = memo.get(node)
        if found is None:
            found = memo[node] = build(node)
        return found

    def build(node: Tensor) -> Tensor:
        if isinstance(node, TensorSymbol):
            sizes = tuple(plain_size(size.subs(index, place)) for size in node.shape)
            name, latex = _at_layer(node, index, place)
            return (
                node
                if sizes == node.shape and name == node.name
                else TensorSymbol(name, sizes, tuple(node.properties), latex)
            )
        if isinstance(node, Named):
            name, latex = _at_layer(node, index, place)
            return Named(name, visit(node.definition), latex)
        if isinstance(node, Array):
            limits = [
                (limit[0], plain_size(limit[1].subs(index, place)))
                for limit in node.args[1:]
                if not isinstance(limit, Str)
            ]
            return Array(rebuild(node.body, scalar), *limits, row=node.is_row)
        return node.func(*(visit(part) if isinstance(part, Tensor) else part for part in node.args))

    return visit(tensor)


def _at_layer(node: Tensor, index: Symbol, place: Expr) -> tuple[str, str]:
    """Return the name and LaTeX of one of layer ℓ's quantities at ℓ = ``place``; of others, their own."""
    name, mark = str(getattr(node, "name", "")), f"[{index}]"
    if not name.endswith(mark):
        return name, str(getattr(node, "latex_name", ""))
    base, latex = name.removesuffix(mark), str(getattr(node, "latex_name", ""))
    symbol = latex.removesuffix(layer_latex("", index)) or base
    return f"{base}{place}" if place.is_Integer else f"{base}[{place}]", layer_latex(symbol, place)
