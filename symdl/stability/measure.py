"""The measurement of ``sd.stability``.

The error of a result is compared with what rounding of the inputs explains. With u the spacing of floating-point
numbers at 1, y the exact result at the inputs as they are, ŷ the computed one, and d the change of y when every input
changes by its relative fraction ±1 (signs at random, the largest of a few draws), the bits lost are

    log2( |ŷ - y| / (u (|y| + d)) ),   0 where that is negative.

A problem that is ill-conditioned, d large beside y, so loses bits only by what its formula adds. Exact results come
from the same formulas at so many digits that 50 are left after every cancellation in the range; results beyond the
range of the type do not count, and near its smallest normal number, where factors underflow, the error is absolute.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import mpmath
import numpy as np
from sympy import Basic, KroneckerDelta, Mul

from symdl.arrays import by_name, real_array, sizes_by_name
from symdl.calculus import grad, hessian, variables_of
from symdl.compile import CompiledFunction, check_dtype
from symdl.errors import InputError
from symdl.expr.index import axis_index, rebuild, substitute
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Array, Tensor, TensorSymbol
from symdl.expr.scalar import ScalarOp
from symdl.expr.system import Equation, System, trace
from symdl.freeze.stable import Firing, stabilise
from symdl.interpret import evaluate, sample
from symdl.interpret.samples import trial_sizes
from symdl.ops.reductions import sum as total
from symdl.stability.points import draw, ranges_of
from symdl.stability.report import StabilityReport, StabilityRow

LIMITS = {"float32": 200.0, "float64": 700.0}
SIZE = 10  # of axes whose size is not given
TRIALS = 4
SIGNS = 3  # draws of the signs of the inputs' changes
GRADUAL = 2**10  # times the smallest normal number: below that, factors of a result have lost digits to underflow
CHANGE = mpmath.mpf(10) ** -25


def stability(
    f: Any,
    wrt: Any = None,
    ranges: Any = None,
    sizes: Mapping[Any, int] | None = None,
    values: Mapping[Any, Any] | None = None,
    seed: int = 0,
    dtypes: Sequence[str] = ("float32", "float64"),
    target: str = "numpy",
    order: int = 2,
) -> StabilityReport:
    """Measure the bits that a formula, its gradient and its Hessian lose in floating point, before and after.

    Args:
        f: A scalar, or a tensor: then its entries are measured, and the derivatives of their sum.
        wrt: A variable or several; by default all that ``f`` depends on.
        ranges: A pair (low, high), or a mapping from variables to pairs; by default ±200 in float32, ±700 in float64.
        sizes: Sizes, by symbol or name; 10 where they are missing.
        values: Arrays of what is not drawn: targets, weights; by symbol or name.
        seed: Of the random points.
        dtypes: The floating-point types.
        target: Where the compiled formulas run.
        order: 0 for the value only, 1 with gradients, 2 with Hessians.

    Returns:
        A report that prints as a table: ``.rows``, ``.ok(bits=2)``, ``.rules``.

    Raises:
        InputError: for values, sizes or types that are none, and for ranges on which ``f`` has no value at all.
        DerivationError: if ``f`` does not depend on a variable.
    """
    value = ingest(f)
    scalar = as_scalar(total(value) if isinstance(value, Tensor) else value, "stability")
    symbols = sorted(scalar.free_symbols, key=lambda symbol: str(symbol.name))
    for dtype in dtypes:
        check_dtype(dtype)
    given = by_name(values or {}, "stability: values")
    fixed = {name: real_array(name, array).astype(float) for name, array in given.items()}
    known = {**_sizes_of(symbols, fixed), **sizes_by_name(sizes, "stability")}
    if wrt is None:
        wrt = [symbol for symbol in symbols if symbol.name not in {*known, *fixed}]
    variables, _ = variables_of(list(wrt) if isinstance(wrt, list | tuple) else [wrt], [scalar], "stability")
    formulas = {"value": value}
    for variable in variables if order > 0 else ():
        formulas[f"gradient {variable.name}"] = gradient = grad(scalar, variable)
        if order > 1 and variable in ingest(gradient).free_symbols:
            formulas[f"Hessian {variable.name}"] = _diagonal(hessian(scalar, variable))
    names = [variable.name for variable in variables]
    rows: list[StabilityRow] = []
    shown: dict[str, tuple[float, float]] = {}
    for dtype in dtypes:
        limit = LIMITS[dtype]
        limits = ranges_of((-limit, limit) if ranges is None else ranges, names)
        shown = {name: _wider(limits[name], shown.get(name)) for name in limits}
        trials = _points(symbols, limits, known, fixed, seed, dtype)
        for name, formula in formulas.items():
            rows.append(_measure(name, ingest(formula), trials, known, limits, dtype, target, seed))
    if not any(row.points for row in rows):
        raise InputError(f"stability: no finite result at any point of {shown}; pass ranges inside the domain")
    return StabilityReport(tuple(rows), shown)


def _diagonal(formula: Any) -> Any:
    """Return the diagonal of a matrix that is one by its formula, δ(i,j)·d(i); else the formula."""
    if not isinstance(formula, Array) or formula.order != 2 or not isinstance(formula.body, Mul):
        return formula
    (i, size), (j, _) = ((index, size) for index, size in zip(map(axis_index, range(2)), formula.shape, strict=True))
    if KroneckerDelta(i, j) not in formula.body.args:
        return formula
    return Array(substitute(formula.body / KroneckerDelta(i, j), {j: i}), (i, size))


def _wider(new: tuple[float, float], old: tuple[float, float] | None) -> tuple[float, float]:
    return new if old is None else (min(new[0], old[0]), max(new[1], old[1]))


def _sizes_of(symbols: Sequence[Any], fixed: Mapping[str, np.ndarray]) -> dict[str, int]:
    found: dict[str, int] = {}
    unknown: set[Basic] = set()
    for symbol in symbols:
        for axis, size in enumerate(symbol.shape if isinstance(symbol, TensorSymbol) else ()):
            if size.is_Symbol and symbol.name in fixed:
                found[size.name] = fixed[symbol.name].shape[axis]
            unknown |= size.free_symbols
    return {**{name: SIZE for name, _ in trial_sizes(unknown)}, **found}


def _points(
    symbols: Sequence[Any],
    limits: Mapping[str, tuple[float, float]],
    sizes: Mapping[str, int],
    fixed: Mapping[str, np.ndarray],
    seed: int,
    dtype: str,
) -> list[dict[str, np.ndarray]]:
    """Return arrays for each trial, rounded to the type."""
    trials = []
    for trial in range(TRIALS):
        rng = np.random.default_rng([seed, trial])
        arrays = {}
        for symbol in symbols:
            if symbol.name in sizes:
                continue
            array = fixed.get(symbol.name)
            if array is None:
                array = sample(symbol, sizes, rng)
                if symbol.name in limits:
                    array = draw(np.shape(array), *limits[symbol.name], rng, trial)
            arrays[symbol.name] = np.asarray(array, dtype=dtype).astype(float)
        trials.append(arrays)
    return trials


def _measure(
    name: str,
    formula: Any,
    trials: list[dict[str, np.ndarray]],
    sizes: Mapping[str, int],
    limits: Mapping[str, tuple[float, float]],
    dtype: str,
    target: str,
    seed: int,
) -> StabilityRow:
    fired: list[Firing] = []
    stabilise(trace([formula]), fired)
    rules = tuple(dict.fromkeys(firing.rule.name for firing in fired))
    forms = [
        CompiledFunction([_written_out(formula)], False, target, dtype, None, None, stable=False),
        CompiledFunction([formula], False, target, dtype, None, None),
    ]
    largest = max((abs(end) for pair in limits.values() for end in pair), default=1.0)
    digits = 60 + int(2.2 * largest / math.log(10))  # too few would show as a loss, not hide one
    lost = [0.0, 0.0]
    worst, points = "", 0
    for arrays in trials:
        exact, size = _reference(formula, arrays, sizes, limits, digits, seed)
        counts = np.array([_counts(y, dtype) for y in exact.ravel()], dtype=bool)
        points += int(counts.sum())
        for which, form in enumerate(forms):
            with np.errstate(all="ignore"):
                given = {key: array for key, array in arrays.items() if key in form.inputs}
                given |= {key: np.asarray(value) for key, value in sizes.items() if key in form.inputs}
                found = np.asarray(form(given), dtype=float).ravel()
            for place in np.flatnonzero(counts):
                error = _bits(found[place], exact.ravel()[place], size.ravel()[place], dtype)
                if error > lost[which]:
                    lost[which] = error
                    if which == 1:
                        worst = _where_text(arrays, limits, np.unravel_index(place, exact.shape))
    return StabilityRow(name, dtype, lost[0], lost[1], worst, rules, points)


def _reference(
    formula: Any,
    arrays: Mapping[str, np.ndarray],
    sizes: Mapping[str, int],
    limits: Mapping[str, tuple[float, float]],
    digits: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return exact results, and |y| + d."""
    rng = np.random.default_rng(seed)
    with mpmath.workdps(digits):
        exact = np.asarray(evaluate(formula, arrays, sizes, precision=digits), dtype=object)
        change = np.full(exact.shape, mpmath.mpf(0), dtype=object)
        for _ in range(SIGNS):
            moved = dict(arrays)
            for name in limits:
                signs = np.where(rng.random(np.shape(arrays[name])) < 0.5, -1, 1)
                moved[name] = _relative(arrays[name], signs)
            other = np.asarray(evaluate(formula, moved, sizes, precision=digits), dtype=object)
            for place in np.ndindex(*exact.shape):
                difference = abs(other[place] - exact[place]) / CHANGE
                if difference > change[place]:  # NaN is not larger
                    change[place] = difference
        return exact, np.asarray(np.frompyfunc(lambda y, d: abs(y) + d, 2, 1)(exact, change), dtype=object)


def _relative(array: np.ndarray, signs: np.ndarray) -> np.ndarray:
    move = np.frompyfunc(lambda x, sign: mpmath.mpf(float(x)) * (1 + int(sign) * CHANGE), 2, 1)
    return np.asarray(move(array, signs), dtype=object)


def _counts(exact: Any, dtype: str) -> bool:
    """Tell whether a result is a number that the type can hold."""
    return isinstance(exact, mpmath.mpf) and bool(mpmath.isfinite(exact)) and abs(exact) <= float(np.finfo(dtype).max)


def _bits(found: float, exact: Any, size: Any, dtype: str) -> float:
    if not np.isfinite(found):
        return math.inf
    info = np.finfo(dtype)
    scale = max(size, GRADUAL * mpmath.mpf(float(info.tiny))) * mpmath.mpf(float(info.eps))
    error = abs(mpmath.mpf(found) - exact) / scale
    return max(0.0, float(mpmath.log(error, 2))) if error > 0 else 0.0


def _where_text(arrays: Mapping[str, np.ndarray], limits: Mapping[str, Any], place: tuple[Any, ...]) -> str:
    """Return the entries of variables that stand at the place of a result, as far as they do."""
    parts = []
    for name in limits:
        array = np.asarray(arrays[name])
        index = tuple(place[: array.ndim])
        inside = len(index) == array.ndim and all(k < n for k, n in zip(index, array.shape, strict=True))
        if array.ndim == 0 or inside:
            parts.append(f"{name} = {array[index]:.3g}")
    return ", ".join(parts)


def _written_out(formula: Any) -> Any:
    """Return a formula with every op replaced by its definition, as one would write it."""

    def visit(node: Basic) -> Basic | None:
        if not isinstance(node, ScalarOp):
            return None
        plain = node.func(*(rebuild(argument, visit) for argument in node.args))
        if not isinstance(plain, ScalarOp) or plain.name in ELEMENTARY:
            return plain
        definition = plain.definition()
        return plain if definition == plain else rebuild(definition, visit)

    system = trace([formula])
    equations = tuple(
        Equation(equation.target, rebuild(equation.body, visit), equation.named, equation.loop)
        for equation in system.equations
    )
    written = System(equations, system.outputs)
    found = written.tensor(written.outputs[0])
    return found if isinstance(found, Tensor) else formula


ELEMENTARY = frozenset({"tanh", "sinh", "cosh", "tan", "expm1", "log1p", "erf", "erfc", "abs", "sign", "where"})
