"""Data given to a model, checked: names, dtypes, shapes, labels. Messages name the symbol and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sympy import Symbol

from symdl.arrays import by_name, real_array
from symdl.errors import InputError
from symdl.expr.sizes import shape_text
from symdl.train.declaration import bound, shape_of

_LOOK = 2**20  # elements


def check_names(given: Mapping[str, Any], expected: Sequence[str], what: str) -> None:
    """Raise InputError for missing and surplus names."""
    missing = [name for name in expected if name not in given]
    surplus = [name for name in given if name not in expected]
    wanted = ", ".join(expected) or "no arrays"
    if missing:
        raise InputError(f"{what}: the array for {', '.join(missing)} is missing; expected {wanted}")
    if surplus:
        raise InputError(f"{what}: the array {', '.join(surplus)} belongs to nothing in the model; expected {wanted}")


def check_data(
    given: Any, symbols: Sequence[Any], sizes: Mapping[Symbol, int], batch: Symbol | None, what: str = "data"
) -> tuple[dict[str, np.ndarray], int, dict[Symbol, int]]:
    """Return the arrays by name, the number of samples and the sizes they carry, after all checks.

    Args:
        given: Arrays by name or symbol.
        symbols: Those of ``symbols`` that must be given, and no others.
        sizes: Sizes that are known already.
        batch: The symbol of an axis in the shapes that is the batch; None where a batch axis comes in front.
        what: What the arrays are, for messages.
    """
    arrays = by_name(given, what)
    check_names(arrays, [symbol.name for symbol in symbols], what)
    known = dict(sizes)
    found: dict[str, np.ndarray] = {}
    for symbol in symbols:
        array = real_array(symbol.name, arrays[symbol.name])
        properties: frozenset[str] = getattr(symbol, "properties", frozenset())
        if "one_hot" in properties and array.ndim == len(shape_of(symbol)) - (batch is not None):
            array = one_hot(symbol.name, array, symbol, known)
        elif "integer" in properties or getattr(symbol, "is_integer", False):
            check_integers(symbol.name, array)
        elif "one_hot" in properties:
            _check_rows(symbol.name, array)
        found[symbol.name] = array
    count = _match_shapes(found, symbols, known, batch)
    return found, count, known


def cast(array: np.ndarray, symbol: Any, dtype: str) -> np.ndarray:
    """Return a checked array as kernels take it: contiguous, in the floating type, or int64 for integer tensors."""
    whole = getattr(symbol, "is_integer", False) or "integer" in getattr(symbol, "properties", ())
    with np.errstate(over="ignore"):
        return np.require(array, dtype=np.int64 if whole else dtype, requirements=["C", "A"]).view(np.ndarray)


def finite(name: str, array: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return an array to train on; InputError if it has NaN or infinities, or got them by its cast from ``given``."""
    if array.dtype.kind == "f" and not _all_finite(array):
        bad = ~np.isfinite(array)
        if bad.any():
            place = tuple(map(int, np.argwhere(bad)[0]))
            value, at = given[place], ", ".join(map(str, place)) or "()"
            if np.isfinite(value):
                raise InputError(f"{name}: {value:g} at [{at}] is too large for {array.dtype}; scale {name}, or use "
                                 "dtype='float64'")  # fmt: skip
            raise InputError(
                f"{name}: the data to train on hold {value} at [{at}], one of {int(bad.sum())}; drop or fill them"
            )
    return array


def _all_finite(array: np.ndarray) -> bool:
    """Look at some megabytes at a time: data on disk may be larger than memory."""
    rows = max(1, _LOOK // max(1, array[:1].size)) if array.ndim else 1
    parts = (array[start : start + rows] for start in range(0, len(array), rows)) if array.ndim else [array]
    return all(bool(np.isfinite(part).all()) for part in parts)


def check_integers(name: str, labels: np.ndarray) -> None:
    """Raise InputError for NaN, infinities and fractions where integers are due."""
    if labels.dtype.kind != "f":
        return
    bad = ~np.isfinite(labels)
    if bad.any():
        raise InputError(
            f"{name}: expected integer labels, found {labels[bad][0]} at position {int(np.argmax(bad))}; "
            "drop or fill the missing values"
        )
    bad = labels != np.floor(labels)
    if bad.any():
        raise InputError(f"{name}: expected integer labels, found {labels[bad][0]} at position {int(np.argmax(bad))}")


def one_hot(name: str, labels: np.ndarray, symbol: Any, sizes: Mapping[Symbol, int]) -> np.ndarray:
    """Return one-hot rows for integer labels in 0, ..., K - 1."""
    check_integers(name, labels)
    [classes] = bound(shape_of(symbol)[-1:], sizes)
    if not classes.is_Integer:
        raise InputError(
            f"{name}: the number of classes {classes} is not known; declare {name} with an integer size, "
            f"pass sizes={{{classes}: ...}} to Model, or give one-hot rows"
        )
    count = int(classes)
    outside = (labels < 0) | (labels >= count)
    if outside.any():
        raise InputError(
            f"{name}: label {int(labels[outside][0])} at position {int(np.argmax(outside))} is out of range; "
            f"expected integers 0 to {count - 1} (labels are zero-based)"
        )
    return np.eye(count)[labels.astype(np.int64)]


def _check_rows(name: str, rows: np.ndarray) -> None:
    if rows.size and not (((rows == 0) | (rows == 1)).all() and (rows.sum(axis=-1) == 1).all()):
        raise InputError(
            f"{name}: declared one_hot, but its rows are not zeros with a single 1; "
            "give integer labels, or declare it simplex=True for probabilities"
        )


def _match_shapes(
    arrays: Mapping[str, np.ndarray], symbols: Sequence[Any], known: dict[Symbol, int], batch: Symbol | None
) -> int:
    count: int | None = None
    first = ""
    for symbol in symbols:
        array = arrays[symbol.name]
        shape = shape_of(symbol)
        lead = () if batch is not None else (Symbol("n"),)
        if array.ndim != len(lead) + len(shape):
            raise InputError(_shape_message(symbol, lead, shape, array.shape))
        if lead:
            if count is not None and len(array) != count:
                raise InputError(
                    f"{symbol.name}: {len(array)} samples, but {first} has {count}; "
                    "every array needs one row for each sample"
                )
            count, first = len(array), first or symbol.name
        for size, length in zip(shape, array.shape[len(lead) :], strict=True):
            if isinstance(size, Symbol):
                known.setdefault(size, length)
        if bound(shape, known) != array.shape[len(lead) :]:
            raise InputError(_shape_message(symbol, lead, shape, array.shape, known))
    if batch is not None:
        count = known.pop(batch, None)
    if count == 0:
        raise InputError(f"{', '.join(arrays)}: no samples (length 0); give at least one")
    return 1 if count is None else count


def _shape_message(
    symbol: Any,
    lead: tuple[Any, ...],
    shape: tuple[Any, ...],
    found: tuple[int, ...],
    known: Mapping[Symbol, int] | None = None,
) -> str:
    values = bound(shape, known or {})
    expected = shape_text((*lead, *values))
    declared = f" (declared {shape_text(shape)})" if values != tuple(shape) else ""
    rows = "; the first axis is the sample" if lead else ""
    return f"{symbol.name}: expected shape {expected}{declared}, found {found}{rows}"
