"""The NumPy interpreter: each equation by broadcasting over the grid of its indices, real or complex.

An index is an ``arange`` along its own axis of the grid, an element is fancy indexing, a reduction adds axes at the
end and reduces over them. Loads must stay inside their tensors wherever they are not guarded by a condition: the
interpreter checks this, so a derivation that loses a guard is found and not read as garbage.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
import sympy
from sympy import Basic, Expr, KroneckerDelta, Symbol
from sympy.core.relational import Relational

from symdl.errors import InputError, InternalError
from symdl.expr.index import Index, axis_index, free_indices
from symdl.expr.nodes import Call, Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS, ScalarOp
from symdl.expr.system import Equation, System
from symdl.interpret.binding import Binding
from symdl.interpret.matrices import numeric

_RELATIONS: dict[type, Callable[[Any, Any], Any]] = {
    sympy.Eq: np.equal,
    sympy.Ne: np.not_equal,
    sympy.Lt: np.less,
    sympy.Le: np.less_equal,
    sympy.Gt: np.greater,
    sympy.Ge: np.greater_equal,
}
LARGEST_INTEGER = 2**53


def steps(block: Sequence[Equation], binding: Binding) -> Iterator[tuple[int | None, Equation]]:
    """Yield (time, equation) in the order of computation; the time is None outside loops."""
    loop = block[0].loop
    if loop is None:
        yield from ((None, equation) for equation in block)
        return
    times = range(binding.shape(block[0].target)[loop.axis])
    for time in reversed(times) if loop.reverse else times:
        yield from ((time, equation) for equation in block)


def place_of(equation: Equation, time: int | None) -> Any:
    """Return the part of a target that is computed at a time."""
    if time is None or equation.loop is None:
        return ...
    return (*[slice(None)] * equation.loop.axis, slice(time, time + 1))


@dataclass(eq=False)
class Grid:
    """The indices in scope with their extents, the condition under which values matter, and what was computed.

    Inside a loop the time index has one value, and its axis has length 1.
    """

    axes: tuple[tuple[Index, int], ...]
    mask: Any = None
    time: tuple[Index, int] | None = None
    values: dict[Basic, Any] = field(default_factory=dict)
    scales: dict[Basic, Any] = field(default_factory=dict)
    branches: dict[Any, "Grid"] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""
        return tuple(extent for _, extent in self.axes)

    def index(self, index: Index) -> np.ndarray:
        """Return an index as an array along its own axis."""
        for position, (known, extent) in enumerate(self.axes):
            if self.time is not None and index == self.time[0]:
                return np.full([1] * len(self.axes), self.time[1])
            if known == index:
                shape = [1] * len(self.axes)
                shape[position] = extent
                return np.arange(extent).reshape(shape)
        raise InternalError(f"index {index} is bound by no axis; in scope are {[str(known) for known, _ in self.axes]}")

    def where(self, condition: Basic, holds: Any, wanted: bool) -> "Grid":
        """Return the same grid, restricted to where a condition holds (or does not)."""
        key = (condition, wanted)
        if key not in self.branches:
            holds = holds if wanted else np.logical_not(holds)
            mask = holds if self.mask is None else np.logical_and(self.mask, holds)
            self.branches[key] = Grid(self.axes, mask, self.time)
        return self.branches[key]

    def inside(self, axes: list[tuple[Index, int]]) -> "Grid":
        """Return the grid with the axes of a reduction behind its own."""
        mask = self.mask
        if mask is not None and np.ndim(mask):
            mask = np.reshape(mask, np.shape(mask) + (1,) * len(axes))
        return Grid((*self.axes, *axes), mask, self.time)


class GridInterpreter:
    """Evaluates a system. ``run`` fills ``values``; ``scale_of`` gives the sum of absolute terms of a target."""

    def __init__(self, system: System, binding: Binding, dtype: Any = np.float64) -> None:
        self.system, self.binding, self.dtype = system, binding, np.dtype(dtype)
        self.values: dict[TensorSymbol, np.ndarray] = {
            tensor: array.astype(dtype, copy=False) for tensor, array in binding.arrays.items()
        }
        self.scales: dict[TensorSymbol, np.ndarray] = {}
        self.grids: dict[tuple[TensorSymbol, int | None], Grid] = {}
        self.current: Equation | None = None

    def run(self) -> None:
        """Evaluate all equations, in order."""
        self.sweep(self.values, self.value, self.dtype)

    def sweep(
        self, results: dict[TensorSymbol, np.ndarray], evaluate: Callable[[Basic, Grid], Any], dtype: Any
    ) -> None:
        """Evaluate all equations in order, those of a loop together, time by time; what is not yet computed is NaN."""
        with np.errstate(all="ignore"):
            for block in self.system.blocks:
                for equation in block:
                    results[equation.target] = np.full(self.binding.shape(equation.target), np.nan, dtype)
                for time, equation in steps(block, self.binding):
                    self.current = equation
                    grid = self.grid(equation, time)
                    value = np.broadcast_to(evaluate(equation.body, grid), grid.shape)
                    results[equation.target][place_of(equation, time)] = value

    def grid(self, equation: Equation, time: int | None) -> Grid:
        """Return the grid of an equation, at one time for an equation of a loop."""
        key = (equation.target, time)
        if key not in self.grids:
            shape = list(self.binding.shape(equation.target))
            moment = None
            if equation.loop is not None and time is not None:
                shape[equation.loop.axis], moment = 1, (axis_index(equation.loop.axis), time)
            self.grids[key] = Grid(tuple((axis_index(k), extent) for k, extent in enumerate(shape)), None, moment)
        return self.grids[key]

    def value(self, node: Basic, grid: Grid) -> Any:
        """Return the values of a scalar expression on a grid: an array over all its axes, or a number."""
        found = grid.values.get(node)
        if found is None:
            found = grid.values[node] = self._value(node, grid)
        return found

    def _value(self, node: Basic, grid: Grid) -> Any:
        if isinstance(node, Index):
            return grid.index(node)
        if isinstance(node, sympy.Number | sympy.NumberSymbol):
            return self.constant(node)
        if isinstance(node, Symbol):
            return self.binding.number(node)
        if isinstance(node, Element):
            return self.load(node, self.values, grid)
        if isinstance(node, Reduce):
            return self.reduction(node, grid)
        if isinstance(node, Call):
            return self.called(node, grid, self.value)
        if isinstance(node, SCALAR_OPS["where"]):
            condition, a, b = node.args
            holds = self.value(condition, grid)
            return np.where(
                holds,
                self.value(a, grid.where(condition, holds, True)),
                self.value(b, grid.where(condition, holds, False)),
            )
        if isinstance(node, sympy.floor | sympy.ceiling | sympy.Mod):
            return self.whole(node, grid)
        arguments = [self.value(argument, grid) for argument in node.args]
        if isinstance(node, sympy.Add):
            return sum(arguments[1:], arguments[0])
        if isinstance(node, sympy.Mul):
            return reduce(mul, arguments)
        if isinstance(node, sympy.Pow):
            return self.power(*arguments)
        if isinstance(node, KroneckerDelta):
            return np.equal(*arguments).astype(np.int64)
        return self.function(node, arguments)

    def function(self, node: Basic, arguments: list[Any]) -> Any:
        """Return the value of a scalar op, a relation or a Boolean operation."""
        if isinstance(node, ScalarOp):
            return node.reference(*arguments)
        if isinstance(node, Relational):
            return _RELATIONS[type(node)](np.real(arguments[0]), np.real(arguments[1]))
        if isinstance(node, sympy.And):
            return reduce(np.logical_and, arguments)
        if isinstance(node, sympy.Or):
            return reduce(np.logical_or, arguments)
        if isinstance(node, sympy.Not):
            return np.logical_not(arguments[0])
        if node in (sympy.true, sympy.false):
            return bool(node)
        raise InternalError(f"{self.current}: {type(node).__name__} has no meaning in a system: {node}")

    def constant(self, node: Expr) -> Any:
        """Return a number: an integer stays one."""
        if node.is_Integer and abs(int(node)) < LARGEST_INTEGER:
            return int(node)
        if node.is_Rational:
            return self.dtype.type(int(node.p)) / self.dtype.type(int(node.q))
        return self.dtype.type(float(node))

    def power(self, base: Any, exponent: Any) -> Any:
        """Return base^exponent: integers by repeated multiplication, which is exact in its complex part as well."""
        if np.ndim(exponent) == 0 and exponent == int(np.real(exponent)) and abs(exponent) <= 64:
            count = int(np.real(exponent))
            result = reduce(mul, [base] * abs(count)) if count else np.ones_like(base)
            return result if count >= 0 else 1.0 / result
        if np.ndim(exponent) == 0 and exponent == 0.5:
            return np.sqrt(self.lift(base))
        return self.lift(base) ** exponent if self.dtype.kind != "c" else np.exp(exponent * np.log(self.lift(base)))

    def lift(self, value: Any) -> Any:
        """Return a value in the working precision: integers divide, powers of negatives are NaN or complex."""
        return np.asarray(value).astype(np.result_type(value, self.dtype), copy=False)

    def whole(self, node: Basic, grid: Grid) -> Any:
        """Return floor, ceiling and remainder, exactly for integers."""
        if isinstance(node, sympy.Mod):
            return np.mod(*(self.value(argument, grid) for argument in node.args))
        top, bottom = (self.value(part, grid) for part in node.args[0].as_numer_denom())
        if isinstance(node, sympy.ceiling):
            return -((-top) // bottom)
        return top // bottom

    def load(self, node: Element, source: dict[TensorSymbol, np.ndarray], grid: Grid) -> Any:
        """Return an element's values; InternalError if a load that counts leaves its tensor."""
        tensor = node.tensor
        if not isinstance(tensor, TensorSymbol) or tensor not in source:
            raise InternalError(f"{self.current}: reads {tensor}, which no equation defines")
        array = source[tensor]
        places = []
        for index, extent in zip(node.indices, array.shape, strict=True):
            place = np.real(np.asarray(self.value(index, grid)))
            outside = (place < 0) | (place >= extent)
            if np.any(outside if grid.mask is None else np.logical_and(outside, grid.mask)):
                kind = InternalError if free_indices(index) else InputError  # a fixed place is the user's
                raise kind(f"{self.current}: {node} leaves the axis of size {extent} of {tensor.name}")
            places.append(np.clip(place.astype(np.int64), 0, max(extent - 1, 0)))
        if any(extent == 0 for extent in array.shape):
            return np.zeros(np.broadcast_shapes(*(np.shape(place) for place in places)), array.dtype)
        return array[tuple(places)]

    def content(self, node: Reduce, grid: Grid, evaluate: Callable[[Basic, Grid], Any]) -> tuple[Any, tuple[int, ...]]:
        """Return what a reduction reduces, on the grid with its axes behind, and those axes' positions."""
        where = str(self.current)
        axes = [(index, self.binding.extent(size, where, empty=True)) for index, size in node.axes]
        inner = grid.branches.setdefault(node, grid.inside(axes))
        value = np.broadcast_to(evaluate(node.body, inner), inner.shape)
        return value, tuple(range(len(grid.axes), len(inner.axes)))

    def reduction(self, node: Reduce, grid: Grid) -> Any:
        """Return the value of a reduction."""
        content, places = self.content(node, grid, self.value)
        if node.op == "add":
            return np.sum(content, axis=places)
        if node.op == "mul":
            return np.prod(content, axis=places)
        flat = content.reshape((*content.shape[: places[0]], -1))
        if flat.shape[-1] == 0:
            raise InputError(f"{self.current}: {node.op} over an empty axis")
        choose = np.argmax if node.op == "max" else np.argmin
        chosen = choose(np.real(flat), axis=-1)
        return np.take_along_axis(flat, chosen[..., None], axis=-1)[..., 0]

    def operands(self, node: Call, grid: Grid, evaluate: Callable[[Basic, Grid], Any]) -> tuple[list[Any], list[int]]:
        """Return the operands of a call as batches of matrices, and the axes of the grid that are the batch."""
        places = [place for place, (index, _) in enumerate(grid.axes) if index in node.batch]
        batch = Grid(tuple(grid.axes[place] for place in places), None, grid.time)
        found = []
        for content, *limits in node.operands:
            inner = batch.inside([(index, self.binding.extent(size, str(self.current))) for index, size in limits])
            found.append(np.array(np.broadcast_to(evaluate(content, inner), inner.shape), self.dtype))
        return found, places

    def called(self, node: Call, grid: Grid, evaluate: Callable[[Basic, Grid], Any]) -> Any:
        """Return elements of a result of linear algebra."""
        operands, batch = self.operands(node, grid, evaluate)
        return self.elements_at(node, numeric(node.op, node.which, operands, str(self.current)), batch, grid)

    def elements_at(self, node: Call, result: np.ndarray, batch: list[int], grid: Grid) -> Any:
        """Return the elements of a batch of results at a call's places, over a grid."""
        along = [
            np.arange(grid.axes[place][1]).reshape([-1 if k == place else 1 for k in range(len(grid.axes))])
            for place in batch
        ]
        places = [np.real(np.asarray(self.value(place, grid))).astype(np.int64) for place in node.places]
        return result[(*along, *places)] if along or places else result[()]
