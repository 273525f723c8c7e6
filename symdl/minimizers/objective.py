"""A scalar expression as a function of one flat vector, with its derivatives compiled: what solvers of SciPy take."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from symdl.arrays import by_name, check_names, real_array, sizes_by_name
from symdl.calculus import grad, hessian, hvp, variables_of
from symdl.compile import CompiledFunction, compile
from symdl.curvature import colouring, sparsity
from symdl.errors import InputError
from symdl.expr.declare import scalar, tensor
from symdl.expr.ingest import as_scalar
from symdl.expr.nodes import Tensor, TensorSymbol
from symdl.expr.sizes import shape_text
from symdl.interpret import evaluate
from symdl.interpret.binding import Binding


class Objective:
    """A function of the variables' entries in one vector x: of all variables in order, each row by row.

    ``fun``, ``jac``, ``hess`` and ``hessp`` are what ``scipy.optimize.minimize`` takes.
    """

    def __init__(
        self,
        f: Any,
        wrt: Any,
        data: Mapping[Any, Any] | None = None,
        sizes: Mapping[Any, int] | None = None,
        target: str = "cpu",
    ) -> None:
        self.value = as_scalar(f, "scipy_objective")
        self.variables, _ = variables_of(wrt, [self.value], "scipy_objective")
        given = by_name(data or {}, "scipy_objective: data")
        self.data = {name: real_array(name, value) for name, value in given.items()}
        self.names = [variable.name for variable in self.variables]
        twice = set(self.names) & set(self.data)
        if twice:
            raise InputError(
                f"scipy_objective: {sorted(twice)[0]} is a variable and among the data; leave it out there"
            )
        self.target = target
        self.sizes = sizes_by_name(sizes, "scipy_objective")
        self._learn({symbol: self.data[symbol.name] for symbol in self._symbols() if symbol.name in self.data})
        self._patterns: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        self._last: tuple[bytes, float, np.ndarray] | None = None

    def _symbols(self) -> list[TensorSymbol]:
        free = {*self.value.free_symbols, *self.variables}
        return sorted((s for s in free if isinstance(s, TensorSymbol)), key=lambda symbol: symbol.name)

    def check_data(self, what: str) -> "Objective":
        """Return it; InputError for data and sizes that the function does not depend on."""
        symbols = {*self.value.free_symbols, *self.variables}
        check_names(self.data, {symbol.name for symbol in symbols} - set(self.names), f"{what}: data")
        sizes = {size.name for symbol in self._symbols() for extent in symbol.shape for size in extent.free_symbols}
        check_names(self.sizes, sizes | set(self._gradient.inputs), f"{what}: sizes")
        return self

    def _learn(self, arrays: Mapping[TensorSymbol, np.ndarray]) -> None:
        """Note the sizes that arrays carry."""
        for symbol, array in arrays.items():
            for size, length in zip(symbol.shape, np.shape(array), strict=False):
                if size.is_Symbol:
                    self.sizes.setdefault(size.name, int(length))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each variable as integers.

        Raises:
            InputError: if a size is not known: from the data, from ``pack`` or from ``sizes``.
        """
        binding = Binding(sizes=self.sizes)
        return [binding.shape(v) if isinstance(v, TensorSymbol) else () for v in self.variables]

    def pack(self, values: Mapping[Any, Any] | None = None) -> np.ndarray:
        """Return values by name or symbol as one vector; zeros for None.

        Raises:
            InputError: for a missing or unknown name, or an array that does not fit.
        """
        if values is None:
            return np.zeros(sum(int(np.prod(shape)) for shape in self.shapes))
        named = by_name(values, "start")
        given = {name: real_array(name, value).astype(np.float64) for name, value in named.items()}
        if set(given) != set(self.names):
            raise InputError(f"start: expected values of {', '.join(self.names)}, found {', '.join(given) or 'none'}")
        self._learn({v: given[v.name] for v in self.variables if isinstance(v, TensorSymbol)})
        for variable, shape in zip(self.variables, self.shapes, strict=True):
            if given[variable.name].shape != shape:
                raise InputError(
                    f"start: {variable.name} has shape {shape_text(getattr(variable, 'shape', ()))} = {shape}, "
                    f"found {given[variable.name].shape}"
                )
        return np.concatenate([given[name].ravel() for name in self.names])

    def unpack(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return a vector's parts by the variables' names, in their shapes."""
        lengths = [int(np.prod(shape)) for shape in self.shapes]
        if np.shape(x) != (sum(lengths),):
            raise InputError(f"expected a vector of {sum(lengths)} entries, found shape {np.shape(x)}")
        parts = np.split(np.asarray(x, dtype=np.float64), np.cumsum(lengths)[:-1])
        return {name: part.reshape(shape) for name, part, shape in zip(self.names, parts, self.shapes, strict=True)}

    def fun(self, x: np.ndarray) -> float:
        """Return the value."""
        return self.value_and_gradient(x)[0]

    def jac(self, x: np.ndarray) -> np.ndarray:
        """Return the gradient, a vector."""
        return self.value_and_gradient(x)[1].copy()

    def hess(self, x: np.ndarray) -> np.ndarray:
        """Return the Hessian, a matrix."""
        return self.matrix(self._hessian, x)

    def hessp(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the Hessian's product with a vector, without the Hessian."""
        along = {f"{DIRECTION}{name}": part for name, part in self.unpack(v).items()}
        return self._flat(self.call(self._product, x, along))

    def sparse_hessian(self, x: np.ndarray) -> Any:
        """Return the Hessian as a ``scipy.sparse.csr_array``, by one product for each colour of its pattern.

        The pattern is that of the equations, the colours are those of ``sd.colouring``: a chain of any length takes
        three products.
        """
        from scipy.sparse import csr_array

        pattern, colours = self._pattern()
        rows, columns = np.nonzero(pattern)
        values = np.zeros(len(rows))
        for colour in range(colours.max(initial=-1) + 1):
            product = self.hessp(x, (colours == colour).astype(np.float64))
            own = colours[columns] == colour
            values[own] = product[rows[own]]
        return csr_array((values, (rows, columns)), shape=pattern.shape)

    def _pattern(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the Hessian's pattern for the sizes at hand, and its colours."""
        key = tuple(sorted(self.sizes.items()))
        if key not in self._patterns:
            lengths = [int(np.prod(shape)) for shape in self.shapes]
            second = hessian(self.value, self.variables)
            blocks = [
                [self._support(block).reshape(one, two) for block, two in zip(row, lengths, strict=True)]
                for row, one in zip(second, lengths, strict=True)
            ]
            pattern = np.block(blocks)
            self._patterns[key] = pattern, colouring(pattern)
        return self._patterns[key]

    def _support(self, block: Any) -> np.ndarray:
        return sparsity(block, self.sizes) if isinstance(block, Tensor) else np.ones((), dtype=bool)

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return both from one call; the last point is remembered, as solvers ask for them one by one."""
        key = np.ascontiguousarray(x, dtype=np.float64).tobytes()
        if self._last is None or self._last[0] != key:
            value, *gradients = self.call(self._gradient, x)
            self._last = key, float(value), self._flat(gradients)
        return self._last[1], self._last[2]

    def call(self, function: CompiledFunction, x: np.ndarray, more: Mapping[str, Any] | None = None) -> Any:
        """Return what a compiled function of variables and data gives at x."""
        given = {**self.data, **self.unpack(x), **(more or {})}
        sizes = {name: size for name, size in self.sizes.items() if name in function.inputs}
        return function({**{name: given[name] for name in function.inputs if name in given}, **sizes})

    def matrix(self, function: CompiledFunction, x: np.ndarray) -> np.ndarray:
        """Return the blocks that a compiled function gives, row by row, as one matrix."""
        found, count = self.call(function, x), len(self.variables)
        lengths = [int(np.prod(shape)) for shape in self.shapes]
        blocks = [np.reshape(part, (lengths[k // count], lengths[k % count])) for k, part in enumerate(found)]
        return np.block([blocks[row * count : (row + 1) * count] for row in range(count)])

    def same(self, other: Any, what: str) -> None:
        """Check that another expression is this objective, at three random points; constants do not count.

        Raises:
            InputError: if it is not.
        """
        rng = np.random.default_rng(0)
        points = [self.unpack(rng.standard_normal(self.pack().size)) for _ in range(3)]
        found = [evaluate([self.value, other], {**self.data, **at}, self.sizes) for at in points]
        gaps = [one - two for one, two in found]
        size = max(abs(float(value)) for pair in found for value in pair) + 1.0
        if not np.ptp(gaps) <= 1e-8 * size:
            raise InputError(
                f"{what}: loss(output) is {found[0][1]:.6g} where the function to be minimised is {found[0][0]:.6g}; "
                "pass the output and the loss that it is made of"
            )

    @cached_property
    def gradients(self) -> tuple[Any, ...]:
        """The gradients as expressions."""
        return tuple(grad(self.value, self.variables))

    @cached_property
    def _gradient(self) -> CompiledFunction:
        return compile([self.value, *self.gradients], self.target)

    @cached_property
    def _hessian(self) -> CompiledFunction:
        return compile(flattened(hessian(self.value, self.variables)), self.target)

    @cached_property
    def _product(self) -> CompiledFunction:
        along = [
            tensor(f"{DIRECTION}{v.name}", v.shape) if isinstance(v, TensorSymbol) else scalar(f"{DIRECTION}{v.name}")
            for v in self.variables
        ]
        return compile(list(hvp(self.value, self.variables, along)), self.target)

    def _flat(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.ravel(part) for part in parts])


DIRECTION = "direction."


def flattened(blocks: Sequence[Sequence[Any]]) -> list[Any]:
    """Return a nested tuple's entries row by row."""
    return [block for row in blocks for block in row]


def scipy_objective(
    f: Any,
    wrt: Any,
    data: Mapping[Any, Any] | None = None,
    sizes: Mapping[Any, int] | None = None,
    target: str = "cpu",
) -> Objective:
    """Return a scalar expression as a function of one vector, for the solvers of ``scipy.optimize``.

    ``o = sd.scipy_objective(f, w, {"X": X, "y": y})``, then
    ``scipy.optimize.minimize(o.fun, o.pack({"w": start}), jac=o.jac, hess=o.hess, method="trust-exact")`` and
    ``o.unpack(result.x)``. All in double precision.

    Args:
        f: A scalar expression.
        wrt: The variable, or several in a list.
        data: The arrays of all other symbols, by name or symbol.
        sizes: Values of sizes that no array carries.
        target: ``cpu`` or ``numpy``.

    Raises:
        ShapeError: if ``f`` is not a scalar.
        DerivationError: if it does not depend on a variable.
        InputError: if a variable is among the data, or data that ``f`` does not depend on.
    """
    return Objective(f, wrt, data, sizes, target).check_data("scipy_objective")
