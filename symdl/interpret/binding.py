"""Arrays and sizes bound to the inputs of a system: names looked up, sizes inferred from shapes, everything checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from sympy import Expr, Symbol

from symdl.arrays import name_of, plain_array, sizes_by_name
from symdl.errors import InputError
from symdl.expr.nodes import TensorSymbol
from symdl.expr.sizes import shape_text
from symdl.expr.system import System, scalars_of


@dataclass
class Binding:
    """The arrays of tensors, the numbers of scalars, and the integers of sizes, by name.

    Raises:
        InputError: for what is missing or does not fit, with the name, what was expected and what was found.
    """

    arrays: dict[TensorSymbol, np.ndarray] = field(default_factory=dict)
    scalars: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def extent(self, size: Expr, where: str = "a tensor", empty: bool = False) -> int:
        """Return a size as an integer; InputError if a symbol is unknown or the result is negative.

        With ``empty``, for reductions, a negative extent means an empty range, as in a sum from 2 to n - 1 for n = 1.
        """
        found = size.xreplace(
            {
                symbol: sympy.Integer(self.sizes[symbol.name])
                for symbol in size.free_symbols
                if symbol.name in self.sizes
            }
        )
        if found.free_symbols:
            names = ", ".join(sorted(str(symbol) for symbol in found.free_symbols))
            raise InputError(
                f"{where}: size {size} is not known; no array carries {names}, so give sizes={{{names}: ...}}"
            )
        if empty and found.is_Integer:
            return max(int(found), 0)
        if not found.is_Integer or found < 0:
            raise InputError(f"{where}: size {size} = {found} is no non-negative integer for {self._given()}")
        return int(found)

    def shape(self, tensor: TensorSymbol) -> tuple[int, ...]:
        """Return a tensor's sizes as integers."""
        return tuple(self.extent(size, tensor.name) for size in tensor.shape)

    def number(self, symbol: Symbol) -> Any:
        """Return the value of a scalar or of a size."""
        for found in (self.scalars, self.sizes):
            if symbol.name in found:
                return found[symbol.name]
        raise InputError(f"{symbol}: a number is missing; give {symbol}=...")

    def _given(self) -> str:
        return ", ".join(f"{name} = {size}" for name, size in sorted(self.sizes.items())) or "no sizes"


def bind(system: System, arrays: Mapping[Any, Any], sizes: Mapping[Any, int] | None = None) -> Binding:
    """Return arrays and sizes bound to a system's inputs; arrays it does not read are ignored, their sizes are used.

    Args:
        system: The system.
        arrays: Arrays and numbers, by name or by declared symbol.
        sizes: Sizes that follow from no array, by name or by symbol.

    Raises:
        InputError: for a missing array, a wrong number of axes, sizes that contradict each other.
    """
    given = {name_of(key): value for key, value in arrays.items()}
    binding = Binding(sizes=sizes_by_name(sizes, "evaluate"))
    pending: list[tuple[TensorSymbol, Expr, int]] = []
    for tensor in system.inputs:
        if tensor.name not in given:
            raise InputError(f"{tensor.name}: the array of shape {shape_text(tensor.shape)} is missing")
        array = plain_array(tensor.name, given[tensor.name])
        if array.ndim != tensor.order:
            raise InputError(f"{tensor.name}: expected shape {shape_text(tensor.shape)}, found {array.shape}")
        binding.arrays[tensor] = array
        pending += [(tensor, size, found) for size, found in zip(tensor.shape, array.shape, strict=True)]
    _infer(binding, pending)
    for symbol in _scalars(system):
        if symbol.name in given:
            number = np.asarray(given[symbol.name])
            if number.ndim:
                raise InputError(f"{symbol.name}: expected a number, found shape {number.shape}")
            binding.scalars[symbol.name] = number[()]
        elif symbol.name not in binding.sizes:
            raise InputError(f"{symbol.name}: a number is missing")
    return binding


def _scalars(system: System) -> list[Symbol]:
    found: set[Symbol] = set()
    for equation in system.equations:
        found |= scalars_of(equation.body)
    return sorted(found, key=lambda symbol: symbol.name)


def _infer(binding: Binding, pending: list[tuple[TensorSymbol, Expr, int]]) -> None:
    """Solve the sizes for their symbols, simple ones first, and check all of them."""
    waiting = sorted(pending, key=lambda item: not item[1].is_Symbol)
    for tensor, size, found in waiting:
        unknown = [symbol for symbol in size.free_symbols if symbol.name not in binding.sizes]
        if len(unknown) == 1:
            known = size.xreplace(
                {
                    symbol: sympy.Integer(binding.sizes[symbol.name])
                    for symbol in size.free_symbols
                    if symbol.name in binding.sizes
                }
            )
            solutions = [value for value in sympy.solve(known - found, unknown[0]) if value.is_Integer]
            if len(solutions) == 1:
                binding.sizes[unknown[0].name] = int(solutions[0])
        expected = binding.extent(size, tensor.name)
        if expected != found:
            raise InputError(
                f"{tensor.name}: expected size {size} = {expected}, found {found} in shape "
                f"{binding.arrays[tensor].shape}"
            )
