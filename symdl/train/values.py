"""The values of a model's parameters and states, and the sizes that are bound to numbers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from sympy import Basic, Symbol

from symdl import init as initial
from symdl.arrays import by_name, real_array
from symdl.errors import InputError
from symdl.expr.sizes import shape_text
from symdl.train.arrays import check_names
from symdl.train.declaration import Declaration, bound, shape_of


class Values:
    """Arrays by the names of parameters and states, drawn as soon as all sizes are known.

    Attributes:
        sizes: Values of symbolic sizes that are known.
        seed: Seed of the initial values.
        pristine: Whether the values are initial ones, which training may draw again from its own seed.
        names: Those of the parameters.
        carried: Those of the states.
    """

    def __init__(self, declared: Declaration, init: Mapping[Any, Any], sizes: Mapping[Any, int], seed: int) -> None:
        self.declared, self.seed, self.pristine = declared, seed, True
        self.names = [symbol.name for symbol in declared.parameters]
        self.carried = [state.name for state in declared.states]
        self.begun = False  # whether states have other values than initial ones
        self.init = by_name(init, "init")
        for name in self.init:
            if name not in (*self.names, *self.carried):
                known = ", ".join([*self.names, *self.carried])
                raise InputError(f"init: {name} is no parameter of the model; expected {known}")
        self.sizes: dict[Symbol, int] = self._given(sizes)
        self.free = declared.lengths - set(self.sizes)
        self.arrays: dict[str, np.ndarray] = {}
        for name, value in self.init.items():
            if not callable(value) and np.ndim(value):
                self._match(declared.by_name[name], real_array(f"init: {name}", value), "init: ")
        self.initialise(seed)

    @property
    def constant(self) -> dict[Symbol, int]:
        """The known sizes that stay; not among them: lengths of recurrences, which data may carry anew each time."""
        return {size: value for size, value in self.sizes.items() if size not in self.free}

    @property
    def dtype(self) -> str:
        """``float32`` where all arrays are, else ``float64``."""
        return "float32" if {array.dtype.name for array in self.arrays.values()} == {"float32"} else "float64"

    def shape(self, symbol: Any) -> tuple[Any, ...]:
        """Return a symbol's shape with the known sizes in it."""
        return bound(shape_of(symbol), self.sizes)

    def initialise(self, seed: int) -> None:
        """Draw initial values; while a size is unknown there are none."""
        self.seed, self.pristine, self.begun, self.arrays = seed, True, False, {}
        if self._complete():
            self.arrays = {symbol.name: _frozen(self._draw(symbol)) for symbol in self.declared.parameters}
            self._begin()

    def bind(self, sizes: Mapping[Symbol, int]) -> None:
        """Fix sizes that data carry, and draw the values that waited for them.

        Raises:
            InputError: if a size is still unknown.
        """
        self.sizes.update(sizes)
        if not self.arrays:
            self.initialise(self.seed)
            self.require()

    def require(self) -> None:
        """Raise InputError while there are no values."""
        if not self.arrays:
            unknown = [size.name for size in self.declared.sizes if size not in self.sizes]
            raise InputError(
                f"the parameters have no values: no array carries the size {', '.join(unknown)}; "
                f"pass sizes={{'{unknown[0]}': ...}} to Model, or declare it as an integer"
            )

    def put(self, values: Mapping[Any, Any]) -> None:
        """Set the values of some or all parameters, checked, as copies in float32 where given so, else float64."""
        self._put(values, self.names, "set_values")
        if not self.begun:
            self._begin()

    def put_states(self, values: Mapping[Any, Any]) -> None:
        """Set the values of some or all states in the same way."""
        self._put(values, self.carried, "set_states")
        self.begun = True

    def _put(self, values: Mapping[Any, Any], names: list[str], what: str) -> None:
        arrays = {name: real_array(name, value) for name, value in by_name(values, what).items()}
        check_names({**dict.fromkeys(names), **arrays}, names, what)
        for name, array in arrays.items():
            self._match(self.declared.by_name[name], array)
            if not np.isfinite(array).all():
                raise InputError(f"{name}: expected finite values, found {array[~np.isfinite(array)].flat[0]}")
        if not self.arrays:
            self.initialise(self.seed)
            self.require()
        for name, array in arrays.items():
            dtype = np.float32 if array.dtype == np.float32 else np.float64
            self.arrays[name] = _frozen(np.array(array, dtype, order="C"))
        self.pristine = False

    def store(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over trained values, which fit and need no check, as copies."""
        self.arrays |= {name: _frozen(array.copy()) for name, array in arrays.items()}
        self.pristine, self.begun = False, True

    def _begin(self) -> None:
        """Give the states their initial values: those at declaration of the model, or their own."""
        for state in self.declared.states:
            first = self.init.get(state.name, state.initial)
            if isinstance(first, Basic) and not first.is_Number:
                self.arrays[state.name] = _frozen(self.arrays[first.name].copy())
            else:
                self.arrays[state.name] = _frozen(
                    self._draw(state, float(first) if isinstance(first, Basic) else first)
                )

    def _given(self, sizes: Mapping[Any, int]) -> dict[Symbol, int]:
        known = {size.name: size for size in self.declared.sizes}
        found = {}
        for key, value in by_name(sizes, "sizes").items():
            if key not in known:
                raise InputError(f"sizes: {key} is no size of the model; expected {', '.join(known) or 'none'}")
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InputError(f"sizes: {key} must be a positive integer, found {value!r}")
            found[known[key]] = int(value)
        return found

    def _complete(self) -> bool:
        symbols = (*self.declared.parameters, *self.declared.states)
        return all(size.is_Integer for symbol in symbols for size in self.shape(symbol))

    def _match(self, symbol: Any, array: np.ndarray, what: str = "") -> None:
        if array.ndim == len(shape_of(symbol)):
            for size, length in zip(shape_of(symbol), array.shape, strict=True):
                if isinstance(size, Symbol):
                    self.sizes.setdefault(size, length)
        if self.shape(symbol) != array.shape:
            raise InputError(
                f"{what}{symbol.name}: expected shape {shape_text(self.shape(symbol))}, found {array.shape}"
            )

    def _draw(self, symbol: Any, given: Any = None) -> np.ndarray:
        shape = tuple(int(size) for size in self.shape(symbol))
        chosen = self.init.get(symbol.name, initial.default(shape)) if given is None else given
        if not callable(chosen):
            return np.array(np.broadcast_to(real_array(f"init: {symbol.name}", chosen).astype(np.float64), shape))
        array = np.array(chosen(shape, initial.generator(self.seed, symbol.name)), dtype=np.float64)
        if array.shape != shape:
            raise InputError(f"init: the initializer of {symbol.name} gave shape {array.shape}, expected {shape}")
        return array

    def view(self, names: list[str]) -> Mapping[str, np.ndarray]:
        """Return the arrays of those names, read-only."""
        self.require()
        return MappingProxyType({name: self.arrays[name] for name in names})


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
