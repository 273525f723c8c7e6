"""A witness against silent zeros: whether a value changes with a variable on which its derivative does not depend."""

from typing import Any

import mpmath
import numpy as np
from sympy import Symbol

from symdl.errors import ExpressionError, InputError, InternalError, NumericalError
from symdl.expr.nodes import TensorSymbol
from symdl.expr.stop_gradient import StopGradient
from symdl.expr.system import trace
from symdl.interpret.evaluate import evaluate
from symdl.interpret.samples import sample_inputs, trial_sizes

DIGITS = 40
STEP = mpmath.mpf(10) ** -12
NOISE = mpmath.mpf(10) ** -20
TIED = frozenset({"simplex", "orthogonal", "one_hot", "integer", "symmetric", "diagonal", "positive_definite"})


def refuse_silent_zero(value: Any, variable: Any, what: str) -> None:
    """Raise InternalError if a value, whose derivative was found to be 0, changes at a random point with the variable.

    What cannot be evaluated at small sizes and random numbers, sees no gradient on purpose, or moves only together with
    declared facts about the variable, is passed over.
    """
    if getattr(variable, "properties", frozenset()) & TIED or getattr(variable, "is_integer", False):
        return
    try:
        system = trace([value])
        if any(equation.body.has(StopGradient) for equation in system.equations):
            return
        tensors = [*system.inputs, *system.by_target]
        sizes = dict(trial_sizes(symbol for tensor in tensors for size in tensor.shape for symbol in size.free_symbols))
        symbols = [symbol for symbol in value.free_symbols if isinstance(symbol, TensorSymbol | Symbol)]
        arrays = sample_inputs(symbols, sizes, seed=7)
        direction = np.random.default_rng(11).standard_normal(np.shape(arrays[variable.name]))
        with mpmath.workdps(DIGITS):
            ends = []
            for sign in (1, -1):
                move = np.frompyfunc(lambda x, d, sign=sign: mpmath.mpf(float(x)) + sign * STEP * mpmath.mpf(d), 2, 1)
                moved = np.asarray(move(arrays[variable.name], direction), dtype=object)
                found = evaluate(value, {**arrays, variable.name: moved}, sizes, precision=DIGITS)
                ends.append(np.atleast_1d(np.asarray(found, dtype=object)).ravel())
            slopes = [(a - b) / (2 * STEP) for a, b in zip(*ends, strict=True)]
            sizes_of = [1 + abs(a) for a in ends[0]]
    except (ExpressionError, InputError, NumericalError):
        return
    for slope, size in zip(slopes, sizes_of, strict=True):
        if isinstance(slope, mpmath.mpf) and mpmath.isfinite(slope) and abs(slope) > NOISE * size:
            raise InternalError(
                f"{what}: the derivative with respect to {variable.name} simplifies to 0, but differences at "
                f"{DIGITS} digits give {mpmath.nstr(slope, 3)}; this is a defect of symdl: please report {value}"
            )
