"""What a model is made of, checked when it is declared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import Add, Basic, Expr, Integer, Symbol

from symdl.errors import DerivationError, ExpressionError, InputError, NameConflictError
from symdl.expr.batch_mean import BATCH_SIZE
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Tensor, TensorSymbol
from symdl.expr.random import NAMED, SEED, STEP, Uniform
from symdl.expr.sizes import shape_text
from symdl.expr.state import State, states_in
from symdl.expr.system import trace

LOSS_NAME = "loss"  # the group of a model that has one loss


@dataclass(frozen=True)
class Group:
    """Parameters that are trained together, and the loss that they minimise.

    Attributes:
        name: The name of the group, and of its loss in a history.
        loss: The cost of one sample, a scalar; it may hold the parameters of other groups, which stay fixed in it.
        parameters: The symbols to be learned.
        optimizer: What changes them; that of ``sd.fit`` where it is None.
        steps: How many steps in a row the group makes when it is its turn, at least 1; see ``sd.Program``.
        lost: The name of the optimizer it had before it was in a file, which keeps none.

    Raises:
        InputError: for a number of steps below 1.
    """

    name: str
    loss: Any
    parameters: Any
    optimizer: Any = None
    steps: int = 1
    lost: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise InputError(f"Group: steps of {self.name} must be an integer of at least 1, found {self.steps!r}")


@dataclass(frozen=True)
class Declaration:
    """The equations of a model: the loss of one sample (or of a whole batch), its symbols, its outputs.

    Attributes:
        groups: Losses and the parameters that minimise them; one in a ``Model``, several in a ``Program``.
        batch: The symbol of an axis that the equations have already, or None where they speak of one sample.
        states: The states in losses, outputs and the updates of other states, by name.
        order: Whether groups step in turn or at once; see ``sd.Program``.
    """

    groups: tuple[Group, ...]
    inputs: tuple[Any, ...]
    targets: tuple[Any, ...]
    outputs: dict[str, Any]
    batch: Symbol | None
    states: tuple[State, ...] = ()
    order: str = "alternating"

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The parameters of all groups."""
        return tuple(symbol for group in self.groups for symbol in group.parameters)

    @property
    def losses(self) -> dict[str, Expr]:
        """The loss of each group by its name."""
        return {group.name: group.loss for group in self.groups}

    @property
    def loss(self) -> Expr:
        """The loss; the sum of those of all groups."""
        return Add(*self.losses.values())

    @property
    def data(self) -> tuple[Any, ...]:
        """Inputs, then targets."""
        return (*self.inputs, *self.targets)

    @cached_property
    def by_name(self) -> dict[str, Any]:
        """Parameters, data and states by name."""
        return {symbol.name: symbol for symbol in (*self.parameters, *self.data, *self.states)}

    @cached_property
    def sizes(self) -> tuple[Symbol, ...]:
        """The symbols in the shapes of parameters and data, the batch length excepted, by name."""
        found = {symbol for item in self.by_name.values() for size in shape_of(item) for symbol in size.free_symbols}
        return tuple(sorted(found - {self.batch}, key=lambda symbol: symbol.name))

    @cached_property
    def streams(self) -> dict[Basic, Integer]:
        """New numbers 1, 2, ... for the streams of draws that have no name, in the order in which they were declared.

        With them a model that is declared again draws the same numbers, whatever was declared between.
        """
        values = [*self.losses.values(), *self.outputs.values(), *(state.update for state in self.states)]
        if not any(SEED in _tensors_and_scalars(value) for value in values):
            return {}
        draws = {draw for equation in trace(values).equations for draw in equation.body.atoms(Uniform)}
        found = sorted({draw.stream for draw in draws if draw.stream < NAMED})
        return {old: Integer(new) for new, old in enumerate(found, 1) if new != old}

    @cached_property
    def lengths(self) -> frozenset[Symbol]:
        """The sizes that are lengths of recurrences and of no parameter: samples may come in any."""
        equations = trace([*self.losses.values(), *self.outputs.values()]).equations
        times = {item.target.shape[item.loop.axis] for item in equations if item.loop is not None}
        shapes = {size for symbol in self.parameters for size in shape_of(symbol)}
        return frozenset(set(self.sizes) & times - {part for size in shapes for part in size.free_symbols})


def declare(
    loss: Any, parameters: Any, inputs: Any, targets: Any, outputs: Mapping[str, Any] | None, batch: Any
) -> Declaration:
    """Return the declaration of a model with one loss; errors as for ``declare_groups``."""
    return declare_groups([Group(LOSS_NAME, loss, parameters)], inputs, targets, outputs, batch)


def declare_groups(
    groups: Sequence[Group],
    inputs: Any,
    targets: Any,
    outputs: Mapping[str, Any] | None,
    batch: Any,
    order: str = "alternating",
) -> Declaration:
    """Return the declaration of a model with a loss for each group of parameters.

    Raises:
        ShapeError: if a loss is not a scalar.
        DerivationError: if a loss does not depend on a parameter of its group.
        NameConflictError: if one name stands for two things.
        InputError: if a symbol of a loss or of an output is neither parameter nor data.
    """
    checked = tuple(
        replace(group, loss=as_scalar(group.loss, f"Model: {_loss_of(group)}"),
                parameters=_symbols("parameter", group.parameters))
        for group in groups
    )  # fmt: skip
    if outputs is not None and not isinstance(outputs, Mapping):
        raise InputError(
            f"Model: outputs: expected expressions by name, as {{'y_hat': y_hat}}, found {type(outputs).__name__}"
        )
    results = {str(name): ingest(output) for name, output in (outputs or {}).items()}
    data = [_symbols(kind, items) for kind, items in (("input", inputs), ("target", targets))]
    if batch is not None and not isinstance(batch, Symbol):
        raise InputError(f"Model: batch must be a size symbol from sd.dims, found {batch!r}")
    states = states_in([*(group.loss for group in checked), *results.values()])
    found = Declaration(checked, data[0], data[1], results, batch, states, order)
    if not all(group.parameters for group in found.groups):
        raise InputError("Model: parameters is empty: there is nothing to train; list the symbols to be learned")
    _check_names(found)
    for group in found.groups:
        _check_dependence(group)
    _check_symbols(found)
    return found


def shape_of(symbol: Any) -> tuple[Expr, ...]:
    """Return a symbol's shape; () for a scalar."""
    return tuple(getattr(symbol, "shape", ()))


def bound(shape: tuple[Expr, ...], sizes: Mapping[Symbol, int]) -> tuple[Expr, ...]:
    """Return a shape with the known sizes in it."""
    numbers = {symbol: Integer(value) for symbol, value in sizes.items()}
    return tuple(size.xreplace(numbers) for size in shape)


def _symbols(kind: str, items: Any) -> tuple[Any, ...]:
    listed = list(items) if isinstance(items, Iterable) and not isinstance(items, Basic) else [items]
    found = []
    for item in listed:
        symbol = ingest(item)
        if not isinstance(symbol, TensorSymbol | Symbol):
            raise ExpressionError(f"Model: expected a declared symbol as {kind}, found {item}")
        found.append(symbol)
    return tuple(found)


def _check_names(found: Declaration) -> None:
    kinds: dict[str, str] = {}
    listed = (("parameter", found.parameters), ("input", found.inputs), ("target", found.targets))
    for kind, group in (*listed, ("state", found.states)):
        for symbol in group:
            if symbol.name in kinds:
                raise NameConflictError(
                    f"Model: {symbol.name} is listed as {kinds[symbol.name]} and as {kind}; each symbol has one place"
                )
            kinds[symbol.name] = kind
    for size in found.sizes:
        if size.name in kinds:
            raise NameConflictError(f"Model: {size.name} is a size and a {kinds[size.name]}; rename one of them")


def _loss_of(group: Group) -> str:
    return "the loss" if group.name == LOSS_NAME else f"the loss of {group.name}"


def _check_dependence(group: Group) -> None:
    used = _tensors_and_scalars(group.loss)
    for parameter in group.parameters:
        if parameter in used:
            continue
        other = next((item for item in used if item.name == parameter.name), None)
        if other is not None:
            raise NameConflictError(
                f"Model: the parameter {parameter.name} has shape {shape_text(shape_of(parameter))}, "
                f"the {parameter.name} in the loss {shape_text(shape_of(other))} or other properties; "
                "declare it once"
            )
        known = ", ".join(sorted(item.name for item in used - {SEED, STEP})) or "nothing"
        raise DerivationError(
            f"Model: {_loss_of(group)} does not depend on the parameter {parameter.name}; it depends on {known}; "
            f"use {parameter.name} in the loss or take it out of parameters"
        )


def _check_symbols(found: Declaration) -> None:
    allowed = {*found.by_name.values(), *found.sizes, found.batch, SEED, STEP}
    for what, value, more in (
        *((_loss_of(group), group.loss, set()) for group in found.groups),
        *((f"the output {name}", item, set()) for name, item in found.outputs.items()),
        *((f"the update of {state.name}", state.update, {state.own, BATCH_SIZE}) for state in found.states),
    ):
        for item in sorted(_tensors_and_scalars(value) - allowed - more, key=lambda symbol: symbol.name):
            sized = isinstance(item, Symbol) and item.is_integer and item.is_positive
            remedy = (
                "a size that no declared symbol carries: give it a value with .subs"
                if sized
                else "list it in parameters, inputs or targets, or put a number in its place"
            )
            raise InputError(f"Model: {what} contains {item.name}, which is no parameter, input or target; {remedy}")


def _tensors_and_scalars(value: Any) -> set[Any]:
    """Return the tensors and scalar symbols of an expression."""
    if isinstance(value, Tensor | Expr):
        return set(value.free_symbols)
    return set()
