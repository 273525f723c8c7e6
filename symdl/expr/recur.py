"""``sd.recurrence``: the step that is written for one time becomes the equations of all times. Book chapter 7."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sympy import Basic, Eq, Expr, Mod, Symbol

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import axis_index, fresh_index, rebuild, substitute
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Named, Tensor, TensorSymbol, axes_of
from symdl.expr.recurrence import Recurrence
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import as_size, same_size, shape_text
from symdl.expr.stop_gradient import StopGradient
from symdl.expr.system import Equation, trace
from symdl.notation import label_latex

_depth: ContextVar[int] = ContextVar("recurrences whose steps are being written", default=0)


def recurrence(
    step: Callable[..., Any],
    start: Any,
    length: Any,
    *,
    reverse: bool = False,
    names: str | Sequence[str] = (),
    truncate: int | None = None,
    checkpoint: int | None = None,
) -> Any:
    """Return tensors defined by a recurrence, for all times.

    Args:
        step: Called with the time index and the previous values; returns the next values: ``lambda t, h: ...``. Tensors
            with a time axis are read at ``t`` as ``x[t]``.
        start: The values before the first time: a tensor, or a tuple of them for several carried tensors.
        length: The number T of times, an integer or a symbol.
        reverse: Run from the last time to the first.
        names: Names of the carried tensors, for printing.
        truncate: A number k ≥ 1 of times: derivatives stop at every k-th time, so that what is
            carried from one stretch of k times into the next counts as a constant there (truncated backpropagation
            through time). Values are the same. Times are counted in the order in which they run.
        checkpoint: A number k ≥ 1 of times, to save memory where derivatives are compiled: of what is computed at each
            time only the state between stretches of k times is kept, and the backward sweep computes each stretch
            again when it gets there. Memory grows with T/k + k instead of T, for up to one more forward sweep in
            time; a k near √T takes the least. What is read at other than neighbouring times, or returned for all
            times, is kept as ever. Values and derivatives of all orders are the same, up to the rounding of sums
            over time, which are made stretch by stretch. T need not be a multiple of k. The ``numpy`` target ignores
            this: it is the reference.

    Returns:
        For each carried tensor one of shape ``(T, *shape)`` with its value after each step; a tuple if ``start`` is.

    Raises:
        ShapeError: if a step's results have not the number and the shapes of what it carries on.
        ExpressionError: for a start that is no tensor, a number of times that is none, or a recurrence in the step that
            depends on its time.
    """
    several = isinstance(start, tuple | list)
    starts, labels = _starts(start if several else [start], names)
    size = as_size(length, "recurrence: length")
    for option, value in (("truncate", truncate), ("checkpoint", checkpoint)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ExpressionError(f"recurrence: {option}: expected an integer of at least 1, found {value!r}")
    number = _depth.get()  # recurrences in one another's steps have times and carried tensors of their own
    time = Symbol(f"§t{number}", integer=True, nonnegative=True)
    previous = [TensorSymbol(f"§{label}{number}", value.shape) for label, value in zip(labels, starts, strict=True)]
    single = size == 1  # nothing recurs
    entered = _depth.set(number + 1)
    try:
        outcome = step(0, *starts) if single else step(time, *previous)
    finally:
        _depth.reset(entered)
    results = _results(outcome, several, starts, labels)
    if single:
        found = [_of_one_time(value) for value in results]
    else:
        direction = _Direction(size, reverse, truncate, checkpoint)
        found = _Lifting(results, starts, labels, previous, time, direction).tensors()
    return tuple(found) if several else found[0]


def _starts(given: Sequence[Any], names: str | Sequence[str]) -> tuple[list[Tensor], list[str]]:
    starts = [ingest(value) for value in given]
    labels = [names] if isinstance(names, str) else list(names) or [f"h{k}" for k in range(len(starts))]
    if len(labels) != len(starts):
        raise ShapeError(f"recurrence: {len(labels)} names are given, but {len(starts)} tensors are carried")
    for label, value in zip(labels, starts, strict=True):
        if not isinstance(value, Tensor):
            raise ExpressionError(f"recurrence: the start of {label} must be a tensor, found {value}")
    return starts, labels


def _results(outcome: Any, several: bool, starts: Sequence[Tensor], labels: Sequence[str]) -> list[Any]:
    if several and not isinstance(outcome, tuple | list):
        raise ShapeError(f"recurrence: the step returns one value, but {len(starts)} are carried; return a tuple")
    results = [ingest(value) for value in (outcome if several else [outcome])]
    if len(results) != len(starts):
        raise ShapeError(f"recurrence: the step returns {len(results)} values, but {len(starts)} are carried")
    for label, value, result in zip(labels, starts, results, strict=True):
        shape = getattr(result, "shape", ())
        if len(shape) != value.order or not all(map(same_size, shape, value.shape)):
            raise ShapeError(
                f"recurrence: {label} starts with shape {shape_text(value.shape)}, but the step returns shape "
                f"{shape_text(shape)}"
            )
    return results


def _of_one_time(value: Tensor) -> Tensor:
    axes = axes_of(value.shape)
    return Array(Element(value, *(index for index, _ in axes)), (fresh_index(), 1), *axes)


@dataclass(frozen=True)
class _Direction:
    """How many times there are, whether the last runs first, where derivatives stop, and where memory is saved."""

    size: Expr
    reverse: bool
    truncate: int | None
    checkpoint: int | None

    def first(self, time: Expr) -> Basic:
        """Whether a time is the first one that runs."""
        return Eq(time, self.size - 1 if self.reverse else 0)

    def before(self, time: Expr) -> Expr:
        """The time that runs before another one."""
        return time + 1 if self.reverse else time - 1

    def run(self, time: Expr) -> Expr:
        """How many times run before a time."""
        return self.size - 1 - time if self.reverse else time


class _Lifting:
    """The equations of one time, with a time axis in front of all that depends on the time.

    Args:
        results: What a step returns.
        starts: What is carried into the first time.
        labels: The names of what is carried.
        previous: The symbols of what is carried in ``results``.
        symbol: The symbol of the time there.
        direction: How time runs.
    """

    def __init__(
        self,
        results: Sequence[Any],
        starts: Sequence[Tensor],
        labels: Sequence[str],
        previous: Sequence[TensorSymbol],
        symbol: Symbol,
        direction: _Direction,
    ) -> None:
        self.starts, self.labels, self.previous = starts, labels, previous
        self.symbol, self.direction, self.time = symbol, direction, fresh_index()
        # What is handed on as it was carried in gets an equation of its own.
        self.system = trace([Named("§copy", value) if value in previous else value for value in results])
        recurrent, self.timed = self.system.depends(previous), self.system.depends([*previous, symbol])
        if any(equation.loop is not None for equation in self.system.equations if equation.target in self.timed):
            raise ExpressionError(
                f"recurrence: the step of {labels[0]} holds a recurrence that depends on its time or what it carries; "
                "run the inner one before it, for all times at once, or carry its state as well"
            )
        block = [equation for equation in self.system.equations if equation.target in recurrent]
        self.placeholders = {  # what recurs, and the symbols that stand for it inside the block
            item.target: TensorSymbol(item.target.name, (direction.size, *item.target.shape), (), self.label(item))
            for item in block
        }
        self.lifted: dict[Basic, Tensor] = dict(self.placeholders)
        self.arrays = [self.array(equation) for equation in block]

    def label(self, equation: Equation) -> str:
        """Return the LaTeX of an equation's target at one time; empty where nobody named it."""
        if equation.target in self.system.outputs:
            label = label_latex(self.labels[self.system.outputs.index(equation.target)])
            return rf"{label}^{{\langle t \rangle}}"
        return equation.target.latex_name if equation.named else ""

    def array(self, equation: Equation) -> Tensor:
        """Return an equation for all times."""
        axes = axes_of(equation.target.shape)
        body = substitute(equation.body, {axis_index(k): index for k, (index, _) in enumerate(axes)})
        return Array(rebuild(body, self.lift), (self.time, self.direction.size), *axes)

    def lift(self, node: Basic) -> Basic | None:
        """Return what a node of one time's equations is at the time of an array."""
        if node == self.symbol:
            return self.time
        if not isinstance(node, Element):
            return None
        indices = [rebuild(index, self.lift) for index in node.indices]
        if node.tensor in self.previous:
            return self.carried(self.previous.index(node.tensor), indices)
        return self.element(node.tensor, self.time, indices)

    def element(self, tensor: Basic, time: Expr, indices: Sequence[Expr]) -> Expr:
        """Return an element, at some time, of what one time's equations know as ``tensor``."""
        if tensor not in self.timed:
            return Element(self.system.tensor(tensor), *indices)
        if tensor not in self.lifted:
            self.lifted[tensor] = self.array(self.system.by_target[tensor])
        return Element(self.lifted[tensor], time, *indices)

    def carried(self, number: int, indices: Sequence[Expr]) -> Expr:
        """Return an element of what is carried into a time: of the time before, or of the start."""
        where, direction = SCALAR_OPS["where"], self.direction
        earlier = self.element(self.system.outputs[number], direction.before(self.time), indices)
        if direction.truncate is not None:  # the start is no part of a stretch: derivatives by it are the first one's
            begins = Eq(Mod(direction.run(self.time), direction.truncate), 0)
            earlier = where(begins, StopGradient(earlier), earlier)
        return where(direction.first(self.time), Element(self.starts[number], *indices), earlier)

    def tensors(self) -> list[Tensor]:
        """Return what a step returns, for all times."""
        label, targets = "reverse" if self.direction.reverse else "forward", list(self.placeholders)
        common = list(self.placeholders.values()), self.arrays
        found: list[Tensor] = []
        for output in self.system.outputs:
            if output in self.placeholders:
                found.append(Recurrence(*common, targets.index(output), 0, label, self.direction.checkpoint or 0))
            else:
                axes = axes_of(output.shape)
                body = self.element(output, self.time, [index for index, _ in axes])
                found.append(Array(body, (self.time, self.direction.size), *axes))
        return found
