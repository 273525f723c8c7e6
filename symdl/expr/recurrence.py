"""Recurrences: tensors defined together along a time axis, each in terms of earlier times. Book chapter 7.

A block of equations ``h[t, i] = f(..., h[t-1, j], ...)`` is one node, ``Recurrence``, for each of its tensors. Time may
run forward or in reverse; the derivative of a recurrence is a recurrence in the other direction.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cached_property
from typing import Any

import sympy
from sympy import Basic, Eq, Expr, Mod, Symbol, Tuple
from sympy.core.symbol import Str

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import axis_index, fresh_index, rebuild, substitute
from symdl.expr.nodes import Array, Call, Element, Reduce, Tensor, TensorSymbol, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import as_size, same_size, shape_text
from symdl.expr.stop_gradient import StopGradient
from symdl.notation import label_latex

_depth: ContextVar[int] = ContextVar("recurrences whose steps are being written", default=0)


class Recurrence(Tensor):
    """One tensor of a block.

    ``args``: the block's placeholders, their arrays (which read placeholders at the same or earlier times), which of
    them this is, the position of the time axis, the direction, ``forward`` or ``reverse``, and where memory is to be
    saved the number of times between checkpoints.
    """

    def __new__(
        cls, placeholders: Any, arrays: Any, which: Any, axis: Any, direction: Any, checkpoint: Any = 0
    ) -> "Recurrence":
        """Return the ``which``-th tensor of the block; placeholders are renamed to canonical ones."""
        canonical = [_placeholder(k, symbol) for k, symbol in enumerate(placeholders)]
        mapping = dict(zip(placeholders, canonical, strict=True))
        if any(new != old for old, new in mapping.items()):
            arrays = [replace_tensors(array, mapping) for array in arrays]
        label = direction if isinstance(direction, Str) else Str(direction)
        rest = [sympy.sympify(checkpoint)] if checkpoint else []
        return cls._intern(Tuple(*canonical), Tuple(*arrays), sympy.sympify(which), sympy.sympify(axis), label, *rest)

    @property
    def placeholders(self) -> tuple[TensorSymbol, ...]:
        """The symbols that stand for the block's tensors inside its arrays."""
        return tuple(self.args[0])

    @property
    def arrays(self) -> tuple[Tensor, ...]:
        """The equations of the block, in order of computation within one time."""
        return tuple(self.args[1])

    @property
    def bodies(self) -> tuple[Expr, ...]:
        """The bodies of the equations at the canonical indices."""
        return tuple(_body(array) for array in self.arrays)

    @property
    def which(self) -> int:
        """The position of this tensor in the block."""
        return int(self.args[2])

    @property
    def axis(self) -> int:
        """The position of the time axis."""
        return int(self.args[3])

    @property
    def reverse(self) -> bool:
        """Whether time runs from the last to the first."""
        return self.args[4].name == "reverse"

    @property
    def checkpoint(self) -> int:
        """The number of times between checkpoints; 0 where all that later sweeps read is saved."""
        return int(self.args[5]) if len(self.args) > 5 else 0

    @property
    def block(self) -> tuple[Basic, ...]:
        """What all tensors of one block have in common."""
        return (self.args[0], self.args[1], *self.args[3:])

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        """The sizes of the axes."""
        return self.placeholders[self.which].shape

    @property
    def name(self) -> str:
        """A name for messages."""
        return self.latex_name

    @property
    def latex_name(self) -> str:
        """What it was called at declaration, with the time as a superscript; a letter with a number otherwise."""
        return self.placeholders[self.which].latex_name or rf"u_{{{self.which}}}^{{\langle t \rangle}}"

    @cached_property
    def own_symbols(self) -> frozenset[Basic]:
        """Those of the block's equations, placeholders not among them."""
        found: set[Basic] = set()
        for array in self.arrays:
            found |= array.free_symbols
        return frozenset(found - set(self.placeholders))

    def _sympystr(self, printer: Any) -> str:
        return self.latex_name


def _body(array: Tensor) -> Expr:
    if isinstance(array, Array):
        return array.body
    return Element(array, *(axis_index(k) if size != 1 else 0 for k, size in enumerate(array.shape)))


def _placeholder(number: int, symbol: TensorSymbol) -> TensorSymbol:
    return TensorSymbol(f"§{number}", symbol.shape, (), symbol.latex_name)


def replace_tensors(array: Tensor, mapping: dict[Any, Any]) -> Tensor:
    """Return an array with the tensors its body reads replaced; unnamed arrays that read them are written out."""

    def load(node: Basic) -> Basic | None:
        if isinstance(node, Reduce):  # opened, so that what is written out inside cannot be captured
            axes, content = node.open()
            return Reduce(node.op, rebuild(content, load), *axes)
        if isinstance(node, Call):
            contents = [(axes, rebuild(content, load)) for axes, content in node.open()]
            return node.over(contents).at(*(rebuild(place, load) for place in node.places))
        if isinstance(node, Element):
            if isinstance(node.tensor, Array) and not node.tensor.own_symbols.isdisjoint(mapping):
                return rebuild(node.tensor.at(*(rebuild(index, load) for index in node.indices)), load)
            return Element(mapping.get(node.tensor, node.tensor), *(rebuild(index, load) for index in node.indices))
        return None

    if not isinstance(array, Array):
        return mapping.get(array, array)
    limits = [limit for limit in array.args[1:] if isinstance(limit, Tuple)]
    return Array(rebuild(array.body, load), *limits)


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
        ShapeError: if a step's result has not the shape of what it carries on.
    """
    from symdl.expr.ingest import ingest
    from symdl.expr.system import trace

    several = isinstance(start, tuple | list)
    starts = [ingest(value) for value in (start if several else [start])]
    labels = [names] if isinstance(names, str) else list(names) or [f"h{k}" for k in range(len(starts))]
    if len(labels) != len(starts):
        raise ShapeError(f"recurrence: {len(labels)} names are given, but {len(starts)} tensors are carried")
    for label, value in zip(labels, starts, strict=True):
        if not isinstance(value, Tensor):
            raise ExpressionError(f"recurrence: the start of {label} must be a tensor, found {value}")
    size = as_size(length, "recurrence: length")
    if truncate is not None and not (isinstance(truncate, int) and truncate >= 1):
        raise ExpressionError(f"recurrence: truncate: expected an integer of at least 1, found {truncate!r}")
    if checkpoint is not None and (isinstance(checkpoint, bool) or not isinstance(checkpoint, int) or checkpoint < 1):
        raise ExpressionError(f"recurrence: checkpoint: expected an integer of at least 1, found {checkpoint!r}")
    number = _depth.get()  # recurrences in one another's steps have times and carried tensors of their own
    time_symbol = Symbol(f"§t{number}", integer=True, nonnegative=True)
    previous = [TensorSymbol(f"§{label}{number}", value.shape) for label, value in zip(labels, starts, strict=True)]
    single = size == 1  # nothing recurs
    entered = _depth.set(number + 1)
    try:
        outcome = step(0, *starts) if single else step(time_symbol, *previous)
    finally:
        _depth.reset(entered)
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
    if single:
        found = [_of_one_time(value) for value in results]
        return tuple(found) if several else found[0]
    system = trace(results)
    recurrent = system.depends(previous)
    timed = system.depends([*previous, time_symbol])
    time = fresh_index()
    lifted: dict[Basic, Tensor] = {}
    block = [equation for equation in system.equations if equation.target in recurrent]
    if any(equation.loop is not None for equation in system.equations if equation.target in timed):
        raise ExpressionError(
            f"recurrence: the step of {labels[0]} holds a recurrence that depends on its time or what it carries; run "
            "the inner one before it, for all times at once, or carry its state as well"
        )
    placeholders = {
        equation.target: TensorSymbol(
            equation.target.name, (size, *equation.target.shape), (), _label(equation, system, labels)
        )
        for equation in block
    }
    first, before = (Eq(time, size - 1), time + 1) if reverse else (Eq(time, 0), time - 1)

    def lift(node: Basic) -> Basic | None:
        if node == time_symbol:
            return time
        if not isinstance(node, Element):
            return None
        indices = [rebuild(index, lift) for index in node.indices]
        if node.tensor in previous:
            number = previous.index(node.tensor)
            carried = placeholders.get(system.outputs[number])
            if carried is None:
                earlier: Expr = Element(lifted[system.outputs[number]], before, *indices)
            else:
                earlier = Element(carried, before, *indices)
            if truncate is not None:  # the start is no part of a stretch: derivatives by it are those of the first one
                run = size - 1 - time if reverse else time
                earlier = SCALAR_OPS["where"](Eq(Mod(run, truncate), 0), StopGradient(earlier), earlier)
            return SCALAR_OPS["where"](first, Element(starts[number], *indices), earlier)
        if node.tensor in placeholders:
            return Element(placeholders[node.tensor], time, *indices)
        if node.tensor in lifted:
            return Element(lifted[node.tensor], time, *indices)
        return Element(system.tensor(node.tensor), *indices)

    arrays = []
    for equation in system.equations:
        if equation.target not in timed:
            continue
        axes = axes_of(equation.target.shape)
        body = substitute(equation.body, {axis_index(k): index for k, (index, _) in enumerate(axes)})
        array = Array(rebuild(body, lift), (time, size), *axes)
        if equation.target in recurrent:
            arrays.append(array)
        else:
            lifted[equation.target] = array
    found = []
    targets = [equation.target for equation in block]
    for output in system.outputs:
        if output in placeholders:
            node: Tensor = Recurrence(
                [placeholders[target] for target in targets],
                arrays,
                targets.index(output),
                0,
                "reverse" if reverse else "forward",
                checkpoint or 0,
            )
        elif output in lifted:
            node = lifted[output]
        else:
            axes = axes_of(output.shape)
            node = Array(Element(system.tensor(output), *(index for index, _ in axes)), (time, size), *axes)
        found.append(node)
    return tuple(found) if several else found[0]


def _of_one_time(value: Tensor) -> Tensor:
    axes = axes_of(value.shape)
    return Array(Element(value, *(index for index, _ in axes)), (fresh_index(), 1), *axes)


def _label(equation: Any, system: Any, labels: Sequence[str]) -> str:
    if equation.target in system.outputs:
        return rf"{label_latex(labels[system.outputs.index(equation.target)])}^{{\langle t \rangle}}"
    return equation.target.latex_name if equation.named else ""
