"""What a model of the library minimises, as the command line derives, prints and checks it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symdl.errors import InputError
from symdl.train import Model
from symdl.train.equations import equations_latex
from symdl.train.objective import objective


@dataclass(frozen=True)
class Objective:
    """A scalar, and the symbols that it is derived by.

    Attributes:
        loss: The scalar.
        variables: The symbols it is derived by.
        values: Arrays by name: of all variables, and of the other symbols at which derivatives are to be tested.
        inputs: Other symbols of the equations.
        targets: Symbols that are data to be met.
        outputs: Expressions by name that are shown with it.
        name: What it belongs to, where a model has several: "critic".
        symbol: What it is called in LaTeX.
    """

    loss: Any
    variables: tuple[Any, ...]
    values: Mapping[str, Any]
    inputs: tuple[Any, ...] = ()
    targets: tuple[Any, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    symbol: str = "C"

    def __post_init__(self) -> None:
        missing = [symbol.name for symbol in self.variables if symbol.name not in self.values]
        if missing:
            raise InputError(f"Objective: no value for the variable {missing[0]}; add it to values")

    @classmethod
    def of(cls, model: Model, values: Mapping[str, Any], name: str = "") -> "Objective":
        """Return the loss of a model with its parameters; ``values`` are those of its data."""
        declared = model.declared
        return cls(
            loss=declared.loss,
            variables=declared.parameters,
            values={**model.values, **values},
            inputs=declared.inputs,
            targets=declared.targets,
            outputs=declared.outputs,
            name=name,
            symbol="C" if declared.batch is not None else "C_i",
        )

    @classmethod
    def of_batch(cls, model: Model, values: Mapping[str, Any]) -> "Objective":
        """Return the cost of a batch, whose axis stands first in all data; ``values`` are those of the data."""
        declared = model.declared
        (cost,) = objective(declared).costs.values()
        named = {symbol.name: symbol for symbol in cost.value.free_symbols}
        return cls(
            loss=cost.value,
            variables=declared.parameters,
            values={**model.values, **values},
            inputs=tuple(named[symbol.name] for symbol in declared.inputs),
            targets=tuple(named[symbol.name] for symbol in declared.targets),
        )

    def latex(self) -> str:
        """Return the equations as aligned LaTeX: named intermediates, the scalar, outputs."""
        return equations_latex({self.symbol: self.loss}, self.outputs)
