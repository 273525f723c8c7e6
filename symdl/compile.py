"""``sd.compile``: expressions to a function on arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sympy import Symbol

from symdl.arrays import by_name, name_of, real_array
from symdl.collector import paused
from symdl.declared import check_declared
from symdl.errors import ExpressionError, InputError
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Tensor, TensorSymbol
from symdl.expr.walk import wholes_first
from symdl.freeze import freeze
from symdl.refusals import REFUSALS
from symdl_codegen.program import Size
from symdl_codegen.runtime.workers import thread_count

TARGETS = ("cpu", "numpy", "cuda")
DTYPES = ("float32", "float64")


class CompiledFunction:
    """A compiled expression, or several; made by ``sd.compile``.

    Attributes:
        inputs: The names it needs, in order; a size that no array carries is among them.
        target: Where it runs.
        dtype: The floating type of inputs and outputs.
    """

    def __init__(
        self,
        values: Sequence[Any],
        several: bool,
        target: str,
        dtype: str,
        dynamic: set[str] | None,
        threads: int | None,
        stable: bool = True,
    ) -> None:
        self._stable = stable
        self._values, self._several = list(values), several
        self._names = [f"out{k}" for k in range(len(values))]
        taken = {symbol.name for value in values for symbol in value.free_symbols}
        self._names = [name if name not in taken else f"{name}_" for name in self._names]
        self.target, self.dtype, self.threads = target, dtype, threads
        symbols = {symbol for value in values for symbol in value.free_symbols if isinstance(symbol, TensorSymbol)}
        self._declared = {symbol.name: symbol for symbol in sorted(symbols, key=str) if symbol.properties}
        self._executables: dict[tuple[tuple[str, int], ...], Any] = {}
        self._program = freeze(dict(zip(self._names, self._values, strict=True)), name="function", stable=stable)
        self._static = tuple(sorted(set(self._program.sizes) - dynamic)) if dynamic is not None else ()
        unknown = (dynamic or set()) - set(self._program.sizes)
        if unknown:
            raise InputError(
                f"dynamic={sorted(unknown)}: no such size in the expression; its sizes are "
                f"{', '.join(self._program.sizes) or 'all fixed'}"
            )
        self._sizes = {symbol.name: symbol for value in self._values for symbol in _size_symbols(value)}
        if not self._static:
            self._executable({})

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names it needs, in order."""
        carried = {
            node.name
            for name in self._program.inputs
            for extent in self._program.tensors[name].shape
            for node in _sizes_in(extent)
        }
        return (*self._program.inputs, *(name for name in self._program.sizes if name not in carried))

    @property
    def source(self) -> str:
        """The emitted text (with static sizes: of the specialisation compiled last)."""
        if not self._executables:
            raise InputError(
                "nothing is compiled yet: this function is specialised for its static sizes at the first "
                f"call ({', '.join(self._static)})"
            )
        return list(self._executables.values())[-1].source

    @property
    def ir_text(self) -> str:
        """The loop IR that ``source`` was emitted from."""
        return list(self._executables.values())[-1].ir_text if self._executables else ""

    @property
    def kernels(self) -> tuple[Any, ...]:
        """The emitted kernels: name, equation and source of each."""
        return list(self._executables.values())[-1].kernels if self._executables else ()

    @property
    def timings(self) -> dict[str, Any]:
        """Seconds spent in each stage of the last compilation."""
        return list(self._executables.values())[-1].timings if self._executables else {}

    @property
    def planned_bytes(self) -> int:
        """Bytes of the arena, which holds all intermediates, for the sizes of the last call; 0 before the first."""
        return int(list(self._executables.values())[-1].planned_bytes) if self._executables else 0

    @property
    def planned_rooms(self) -> tuple[int, int]:
        """How many threads have room of their own in those bytes, and how many bytes each; 0 before the first call."""
        return list(self._executables.values())[-1].planned_rooms if self._executables else (0, 0)

    def __call__(self, /, *mappings: Mapping[Any, Any], **arrays: Any) -> Any:
        """Evaluate.

        Args:
            *mappings: At most one mapping from names or symbols to arrays.
            **arrays: Arrays by name. Real, integer and boolean array-likes are cast to ``dtype``.

        Returns:
            One array, or a tuple where a list was compiled; order 0 for scalars.

        Raises:
            InputError: for missing or surplus names and arrays that do not fit; names the array and the remedy.
            NumericalError: where linear algebra has no result, as for a singular matrix.
        """
        if len(mappings) > 1:
            raise InputError(f"expected one mapping of arrays, found {len(mappings)}")
        given = by_name(mappings[0], "arguments") if mappings else {}
        for name, value in arrays.items():
            if name in given:
                raise InputError(f"{name}: given twice, in the mapping and by keyword")
            given[name] = value
        sizes = {name: given.pop(name) for name in list(given) if name in self._program.sizes}
        for name, value in sizes.items():
            if isinstance(value, bool) or (not isinstance(value, int) and not hasattr(value, "__index__")):
                raise InputError(f"{name}: expected an integer size, found {value!r}")
        given = {name: real_array(name, value) for name, value in given.items()}
        check_declared(self._declared, given)
        executable = self._executable(self._static_sizes(given, sizes))
        known = {name: int(value) for name, value in sizes.items() if name in executable.program.sizes}
        with REFUSALS:
            results = executable(given, known)
        found = tuple(results[name] for name in self._names)
        return found if self._several else found[0]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the expressions: kernels are read from the cache, or compiled anew."""
        dynamic = set(self._program.sizes) - set(self._static) if self._static else None
        options = self.target, self.dtype, dynamic, self.threads, self._stable
        return type(self), (self._values, self._several, *options)

    def _static_sizes(self, arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> dict[str, int]:
        found = {name: int(value) for name, value in sizes.items() if name in self._static}
        for name in self._program.inputs:
            if name in arrays:
                for extent, length in zip(self._program.tensors[name].shape, arrays[name].shape, strict=False):
                    if isinstance(extent, Size) and extent.name in self._static:
                        found.setdefault(extent.name, length)
        missing = set(self._static) - set(found)
        if missing:
            raise InputError(
                f"the size {sorted(missing)[0]} is needed: pass an array that carries it, or {sorted(missing)[0]}=..."
            )
        return found

    @paused()
    def _executable(self, static: Mapping[str, int]) -> Any:
        key = tuple(sorted(static.items()))
        found = self._executables.get(key)
        if found is None:
            from symdl_codegen.pipeline import build

            program = self._program
            if static:
                program = freeze(
                    dict(zip(self._names, self._values, strict=True)),
                    name="function",
                    sizes={self._sizes[name]: value for name, value in static.items()},
                    stable=self._stable,
                )
            with REFUSALS:
                found = build(program, self.target, self.dtype)
            found.threads = self.threads
            self._executables[key] = found
        return found

    def _repr_latex_(self) -> str:
        from symdl.latex import latex

        return "$\\displaystyle " + r",\quad ".join(latex(value) for value in self._values) + "$"


@paused()
def compile(
    value: Any,
    target: str = "cpu",
    dtype: str = "float64",
    *,
    dynamic: Any = None,
    threads: int | None = None,
) -> CompiledFunction:
    """Compile an expression, or a list of them, to a function on arrays.

    Args:
        value: A tensor, a scalar expression, a SymPy matrix expression, or a list of them.
        target: ``cpu`` (generated Numba kernels), ``numpy`` (plain readable NumPy) or ``cuda``.
        dtype: ``float64`` or ``float32``, for all inputs and outputs.
        dynamic: A size, or several, that stay run-time integers. By default every symbolic size does; naming some makes
            the others static: kernels are specialised for their values, at the first call with them.
        threads: How many threads work together, for ``cpu``; by default SYMDL_NUM_THREADS, or else as many as there
            are processors for this process. A call that is short has one. Results do not depend on it, to the bit.
            NumPy and CUDA divide work in their own ways, and ignore it.

    Returns:
        A function of arrays by name; see ``CompiledFunction``.

    Raises:
        InputError: for an unknown target, dtype or size.
        ExpressionError: for an expression without a kernel form.
    """
    check_target(target)
    check_dtype(dtype)
    check_threads(threads)
    several = isinstance(value, list | tuple)
    values = [ingest(item) for item in (value if several else [value])]
    if not values:
        raise ExpressionError("compile: an empty list has nothing to compute")
    listed = [dynamic] if isinstance(dynamic, str | Symbol) else dynamic
    names = None if listed is None else {name_of(size) for size in listed}
    return CompiledFunction(values, several, target, dtype, names, threads)


def check_threads(threads: Any) -> None:
    """Raise InputError unless ``threads``, or SYMDL_NUM_THREADS where it is None, is a number of threads or unset."""
    with REFUSALS:
        thread_count(threads)


def check_target(target: Any) -> None:
    """Raise InputError for an unknown target."""
    if target not in TARGETS:
        raise InputError(f"unknown target {target!r}; expected one of {', '.join(TARGETS)}")


def check_dtype(dtype: Any) -> None:
    """Raise InputError for something else than the name of a floating type that kernels have."""
    if not isinstance(dtype, str) or dtype not in DTYPES:  # NumPy's types equal their names, but are none
        raise InputError(f"unknown dtype {dtype!r}; expected one of {', '.join(DTYPES)}")


def _sizes_in(extent: Any) -> list[Any]:
    return [extent] if isinstance(extent, Size) else []


def _size_symbols(value: Any) -> set[Symbol]:
    nodes = list(wholes_first([value]))
    sizes = [size for node in nodes if isinstance(node, Tensor) for size in node.shape]
    found = {symbol for size in sizes for symbol in size.free_symbols if isinstance(symbol, Symbol)}
    return found | {node for node in nodes if isinstance(node, Symbol) and node.is_integer}


__all__ = ["CompiledFunction", "compile"]
