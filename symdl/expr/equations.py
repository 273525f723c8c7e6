"""Equations and systems: a graph of tensors written down as an ordered list, each tensor defined once.

Every body is pointwise, one reduction of a pointwise body, or one call of linear algebra, over elements of tensors that
are inputs or targets of earlier equations; inside a loop also of earlier times.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import sympy
from sympy import Basic, Expr, Symbol

from symdl.expr.index import Index, axis_index, rebuild
from symdl.expr.nodes import Array, Element, Named, Tensor, TensorSymbol
from symdl.expr.recurrence import Recurrence


@dataclass(frozen=True)
class Loop:
    """A block of equations that is computed time by time: its number, its time axis and its direction.

    ``checkpoint`` is the number of times between checkpoints, 0 where all times are saved.
    """

    number: int
    axis: int
    reverse: bool
    checkpoint: int = 0


@dataclass(frozen=True)
class Equation:
    """``target[i0, i1, ...] = body``.

    ``named`` tells that the user (or the book) gave the target its name. Equations of one ``loop`` stand together;
    they may read targets of their block at earlier times (later ones in reverse).
    """

    target: TensorSymbol
    body: Expr
    named: bool = False
    loop: Loop | None = None

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
        for block in self.blocks:
            for _ in block:  # once for each equation of a loop, whose equations read each other
                for equation in block:
                    reads = any(load.tensor in found for load in equation.loads)
                    if reads or not found.isdisjoint(scalars_of(equation.body)):
                        found.add(equation.target)
        return found

    @cached_property
    def blocks(self) -> tuple[tuple[Equation, ...], ...]:
        """The equations in groups that are computed together: loops, and single equations."""
        keyed = itertools.groupby(enumerate(self.equations), key=lambda item: item[1].loop or item[0])
        return tuple(tuple(equation for _, equation in group) for _, group in keyed)

    def over_tensors(self, expr: Expr) -> Expr:
        """Return a body with every target in it replaced by its tensor over the inputs."""
        self.tensor(self.outputs[0])
        return rebuild(expr, self._load)

    def tensor(self, target: TensorSymbol) -> Tensor:
        """Return a target as a tensor over the inputs, sharing what is shared."""
        if not self._tensors:
            for block in self.blocks:
                arrays = [Array(rebuild(equation.body, self._load), *equation.axes) for equation in block]
                self._tensors.update(tensors_of_block(block, arrays))
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


def tensors_of_block(block: Sequence[Equation], arrays: Sequence[Tensor]) -> dict[TensorSymbol, Tensor]:
    """Return a block's targets as tensors, given their bodies as arrays over tensors and the block's own targets."""
    loop = block[0].loop
    if loop is None:
        [equation], [tensor] = block, arrays
        if equation.named:
            tensor = Named(equation.target.name, tensor, equation.target.latex_name)
        return {equation.target: tensor}
    targets, direction = [equation.target for equation in block], "reverse" if loop.reverse else "forward"
    rest = (loop.axis, direction, loop.checkpoint)
    return {target: Recurrence(targets, arrays, number, *rest) for number, target in enumerate(targets)}
