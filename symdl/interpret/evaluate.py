"""What the interpreters offer: values, values with their sums of absolute terms, and distances from kinks."""

from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from symdl.errors import ExpressionError
from symdl.expr.ingest import ingest
from symdl.expr.system import System, trace
from symdl.interpret.binding import Binding, bind
from symdl.interpret.grids import GridInterpreter
from symdl.interpret.precise import PreciseInterpreter
from symdl.interpret.scales import ScaledInterpreter, kink_distance
from symdl.interpret.unroll import unroll


def evaluate(
    values: Any,
    arrays: Mapping[Any, Any],
    sizes: Mapping[Any, int] | None = None,
    precision: int | None = None,
    dtype: Any = np.float64,
) -> Any:
    """Evaluate expressions without compiling them.

    Args:
        values: An expression of any of the three notations, or a list of them, or a traced ``System``.
        arrays: The arrays and numbers, by name or by declared symbol; what is not needed is ignored.
        sizes: Sizes that follow from no array.
        precision: None for NumPy in ``dtype``; a number of decimal digits for mpmath.
        dtype: ``float64``, or ``complex128`` for a complex step.

    Returns:
        An array, 0-d for a scalar; a tuple for a list or a system. With ``precision``, arrays of mpmath numbers.

    Raises:
        InputError: for a missing array, a shape or a size that does not fit.
        InternalError: if the system reads outside a tensor, or holds what has no meaning there.
    """
    several = isinstance(values, list | tuple | System)
    system, binding = _prepare(values, arrays, sizes)
    found: Mapping[Any, np.ndarray]
    if precision is None:
        plain = GridInterpreter(system, binding, dtype)
        plain.run()
        found = plain.values
    else:
        with mpmath.workdps(precision):
            exact = PreciseInterpreter(system, binding)
            exact.run()
            found = exact.values
    results = tuple(found[output] for output in system.outputs)
    return results if several else results[0]


def evaluate_with_scale(values: Any, arrays: Mapping[Any, Any], sizes: Mapping[Any, int] | None = None) -> Any:
    """Return (value, scale) in float64, or a tuple of such pairs; the scale is the sum of the absolute terms.

    The scale bounds rounding errors: a backward-stable evaluation errs by a small multiple of epsilon times the scale.
    Arguments and errors as for ``evaluate``.
    """
    several = isinstance(values, list | tuple | System)
    system, binding = _prepare(values, arrays, sizes)
    interpreter = ScaledInterpreter(system, binding)
    interpreter.run()
    results = tuple((interpreter.values[output], interpreter.scales[output]) for output in system.outputs)
    return results if several else results[0]


def kink_distances(values: Any, arrays: Mapping[Any, Any], sizes: Mapping[Any, int] | None = None) -> dict[str, float]:
    """Return, by kind, how near the evaluation comes to a kink, a jump or a tie; empty where there is none."""
    system, binding = _prepare(values, arrays, sizes)
    interpreter = GridInterpreter(system, binding)
    interpreter.run()
    return kink_distance(interpreter)


def _prepare(values: Any, arrays: Mapping[Any, Any], sizes: Mapping[Any, int] | None) -> tuple[System, Binding]:
    if isinstance(values, System):
        system = values
    else:
        chosen: Sequence[Any] = values if isinstance(values, list | tuple) else [values]
        system = trace([ingest(value) for value in chosen])
    for name, array in arrays.items():
        if isinstance(array, str) or (
            hasattr(array, "dtype")
            and array.dtype.kind in "OSUV"
            and array.size
            and not isinstance(array.flat[0], mpmath.mpf)
        ):
            raise ExpressionError(f"{name}: expected an array of numbers, found {type(array).__name__}")
    binding = bind(system, arrays, sizes)
    return unroll(system, binding.extent), binding
