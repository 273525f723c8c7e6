"""Declared properties, checked on the arrays of a call: a formula that relies on one must not get another array."""

from collections.abc import Mapping

import numpy as np

from symdl.errors import InputError
from symdl.expr.declare import SQUARE
from symdl.expr.nodes import TensorSymbol

TOLERANCE = 1e-5  # relative: arrays may come from float32


def check_declared(symbols: Mapping[str, TensorSymbol], arrays: Mapping[str, np.ndarray]) -> None:
    """Raise InputError for an array that is not what its symbol was declared to be.

    Args:
        symbols: Tensor symbols with properties, by name.
        arrays: Arrays of numbers by name; those of other shapes are left to the check of shapes.
    """
    for name, symbol in symbols.items():
        array = arrays.get(name)
        if array is None or array.ndim != symbol.order or not array.size:
            continue
        for fact in sorted(symbol.properties):
            fault = _fault(fact, array.astype(float))
            if fault:
                remedy = (
                    "declare it simplex=True if it holds probabilities" if fact == "one_hot" else "drop the property"
                )
                raise InputError(f"{name}: declared {fact}=True, but {fault}; pass another array, or {remedy}")


def _fault(fact: str, array: np.ndarray) -> str:
    """Return what contradicts a property, or an empty string. NaN contradicts none: it shows in the result."""
    if fact == "one_hot" and np.any((array != 0) & (array != 1) & ~np.isnan(array)):
        return f"it holds {array[(array != 0) & (array != 1)][0]:g}"
    if fact in ("one_hot", "simplex"):
        sums = array.sum(axis=-1)
        if np.any(np.abs(sums - 1) > TOLERANCE * array.shape[-1]):
            return f"a row sums to {np.ravel(sums)[np.argmax(np.abs(np.ravel(sums) - 1))]:g}"
    if fact in ("simplex", "nonnegative", "probability") and np.any(array < 0):
        return f"it holds {array.min():g}"
    if fact == "positive" and np.any(array <= 0):
        return f"it holds {array.min():g}"
    if fact == "probability" and np.any(array > 1 + TOLERANCE):
        return f"it holds {array.max():g}"
    if fact in SQUARE and array.shape[0] != array.shape[1]:
        return ""
    if fact == "symmetric" and not np.allclose(array, array.T, rtol=TOLERANCE, atol=0, equal_nan=True):
        return "it differs from its transpose"
    if fact == "diagonal" and np.any(array[~np.eye(len(array), dtype=bool)] != 0):
        return "it holds entries off the diagonal"
    if fact == "orthogonal" and not np.allclose(array.T @ array, np.eye(len(array)), atol=1e-4, equal_nan=True):
        return "its transpose is not its inverse"
    return ""
