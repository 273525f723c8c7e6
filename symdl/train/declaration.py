"""What a model is made of, checked when it is declared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Basic, Expr, Integer, Symbol

from symdl.errors import DerivationError, ExpressionError, InputError, NameConflictError
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Tensor, TensorSymbol
from symdl.expr.random import SEED, STEP
from symdl.expr.sizes import shape_text


@dataclass(frozen=True)
class Declaration:
    """A model's equations: the loss of one sample (or of a whole batch), its symbols, its outputs.

    ``batch`` is the symbol of an axis that the equations have already, or None where they speak of one sample.
    """

    loss: Expr
    parameters: tuple[Any, ...]
    inputs: tuple[Any, ...]
    targets: tuple[Any, ...]
    outputs: dict[str, Any]
    batch: Symbol | None

    @property
    def data(self) -> tuple[Any, ...]:
        """Inputs, then targets."""
        return (*self.inputs, *self.targets)

    @cached_property
    def by_name(self) -> dict[str, Any]:
        """Parameters and data by name."""
        return {symbol.name: symbol for symbol in (*self.parameters, *self.data)}

    @cached_property
    def sizes(self) -> tuple[Symbol, ...]:
        """The symbols in the shapes of parameters and data, the batch length excepted, by name."""
        found = {symbol for item in self.by_name.values() for size in shape_of(item) for symbol in size.free_symbols}
        return tuple(sorted(found - {self.batch}, key=lambda symbol: symbol.name))


def declare(
    loss: Any, parameters: Any, inputs: Any, targets: Any, outputs: Mapping[str, Any] | None, batch: Any
) -> Declaration:
    """Return the declaration of a model.

    Raises:
        ShapeError: if the loss is not a scalar.
        DerivationError: if the loss does not depend on a parameter.
        NameConflictError: if one name stands for two things.
        InputError: if a symbol of the loss or of an output is neither parameter nor data.
    """
    value = as_scalar(loss, "Model: the loss")
    results = {str(name): ingest(output) for name, output in (outputs or {}).items()}
    groups = [
        _symbols(kind, items) for kind, items in (("parameter", parameters), ("input", inputs), ("target", targets))
    ]
    if batch is not None and not isinstance(batch, Symbol):
        raise InputError(f"Model: batch must be a size symbol from sd.dims, found {batch!r}")
    found = Declaration(value, groups[0], groups[1], groups[2], results, batch)
    if not found.parameters:
        raise InputError("Model: parameters is empty: there is nothing to train; list the symbols to be learned")
    _check_names(found)
    _check_dependence(found)
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
    for kind, group in (("parameter", found.parameters), ("input", found.inputs), ("target", found.targets)):
        for symbol in group:
            if symbol.name in kinds:
                raise NameConflictError(
                    f"Model: {symbol.name} is listed as {kinds[symbol.name]} and as {kind}; each symbol has one place"
                )
            kinds[symbol.name] = kind
    for size in found.sizes:
        if size.name in kinds:
            raise NameConflictError(f"Model: {size.name} is a size and a {kinds[size.name]}; rename one of them")


def _check_dependence(found: Declaration) -> None:
    used = _tensors_and_scalars(found.loss)
    for parameter in found.parameters:
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
            f"Model: the loss does not depend on the parameter {parameter.name}; it depends on {known}; "
            f"use {parameter.name} in the loss or take it out of parameters"
        )
    allowed = {*found.by_name.values(), *found.sizes, found.batch, SEED, STEP}
    for what, value in (
        ("the loss", found.loss),
        *((f"the output {name}", item) for name, item in found.outputs.items()),
    ):
        for item in sorted(_tensors_and_scalars(value) - allowed, key=lambda symbol: symbol.name):
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
