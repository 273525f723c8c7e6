"""What users give as arrays, and the names they give them by: read without a loss, or refused by name."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from symdl.errors import InputError
from symdl.expr.nodes import Element


def name_of(key: Any) -> str:
    """Return the name under which something is given: a string, or that of a declared symbol.

    Raises:
        InputError: for anything else.
    """
    if isinstance(key, str):
        return key
    symbol = key.tensor if isinstance(key, Element) and not key.indices else key  # a scalar state
    name = getattr(symbol, "name", None) or getattr(symbol, "label", None)
    if name is None:
        raise InputError(f"expected a name or a declared symbol as a key, found {key!r}")
    return str(name)


def by_name(given: Any, what: str) -> dict[str, Any]:
    """Return a mapping keyed by name from one keyed by names or symbols; InputError for what is no mapping."""
    if not isinstance(given, Mapping):
        raise InputError(f"{what}: expected a mapping from names to arrays, found {type(given).__name__}")
    return {name_of(key): value for key, value in given.items()}


def sizes_by_name(given: Any, what: str) -> dict[str, int]:
    """Return integers keyed by name from a mapping of sizes, or none for None.

    Raises:
        InputError: for what is no mapping, and for a size that is no integer of at least 0.
    """
    if not isinstance(given, Mapping | None):
        raise InputError(f"{what}: sizes: expected a mapping from names to integers, found {type(given).__name__}")
    found = {name_of(key): size for key, size in (given or {}).items()}
    for name, size in found.items():
        if isinstance(size, bool) or not hasattr(size, "__index__") or int(size) < 0:
            raise InputError(f"{what}: size {name}: expected an integer of at least 0, found {size!r}")
    return {name: int(size) for name, size in found.items()}


def check_names(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise InputError for a name that nothing has, which would be a mistake that nobody sees."""
    names = sorted(set(known))
    for name in given:
        if name not in names:
            raise InputError(f"{what}: {name} does not occur in the expression; expected some of {', '.join(names)}")


def plain_array(name: str, value: Any) -> np.ndarray:
    """Return ``value`` as a NumPy array, of any dtype, a view where possible.

    Raises:
        InputError: for rows of different lengths, and for masked values, whose masks would be lost.
    """
    if type(value) is np.ndarray:
        return value
    hidden = int(np.ma.count_masked(value)) if isinstance(value, np.ma.MaskedArray) else 0
    if hidden:
        raise InputError(
            f"{name}: expected an array without a mask, found {hidden} of {value.size} values masked; drop them, or "
            f"give them numbers with .filled(...)"
        )
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name}: expected a rectangular array of numbers, found rows of different lengths") from error


def real_array(name: str, value: Any) -> np.ndarray:
    """Return ``value`` as a real, integer or boolean array, a view where possible.

    Raises:
        InputError: as for ``plain_array``, and for complex numbers, strings and other objects.
    """
    array = plain_array(name, value)
    if array.dtype.kind == "c":
        raise InputError(f"{name}: expected real numbers, found dtype {array.dtype}; take .real, or two real arrays")
    if array.dtype.kind not in "biuf":
        raise InputError(
            f"{name}: expected real numbers, found dtype {array.dtype}; convert it with np.asarray(..., dtype=float)"
        )
    return array
