"""Integer scalars evaluated at every point of a domain, in blocks: exact where intervals are too wide."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from symdl_codegen.errors import VerificationError
from symdl_codegen.program import Apply, Const, Index, Scalar, Size, walk

BLOCK = 2**20  # points evaluated at once

_FUNCTIONS: dict[str, Any] = {
    "add": np.add,
    "mul": np.multiply,
    "neg": np.negative,
    "abs": np.abs,
    "max": np.maximum,
    "min": np.minimum,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "where": np.where,
    "floordiv": lambda a, b: np.floor_divide(a, np.where(b == 0, 1, b)),
    "mod": lambda a, b: np.mod(a, np.where(b == 0, 1, b)),
    "real": lambda a: a,
}
_VARIADIC = {"add", "mul", "max", "min", "and", "or"}


def outside(
    index: Scalar,
    guards: Sequence[tuple[Scalar, bool]],
    extents: Mapping[str, int],
    sizes: Mapping[str, int],
    size: int,
) -> tuple[int, int] | None:
    """The smallest and largest value of ``index`` where ``guards`` hold, if one is not in [0, size); else None.

    ``index`` and ``guards`` hold indices (below their ``extents``), sizes and constants only.
    """
    names = sorted({n.name for part in (index, *(c for c, _ in guards)) for n in walk(part) if isinstance(n, Index)})
    low, high = 0, -1
    for points in _blocks([extents[name] for name in names]):
        known = dict(zip(names, points, strict=True))
        allowed: Any = True
        for condition, holds in guards:
            allowed = allowed & (np.asarray(_value(condition, known, sizes)) == holds)
        values = np.asarray(_value(index, known, sizes))
        values = np.broadcast_to(values, np.broadcast_shapes(values.shape, np.shape(allowed)))[
            np.broadcast_to(allowed, np.broadcast_shapes(values.shape, np.shape(allowed)))
        ]
        if values.size:
            bottom, top = int(values.min()), int(values.max())
            low, high = (bottom, top) if high < low else (min(low, bottom), max(high, top))
    return (low, high) if low < 0 or high >= size else None


def _blocks(extents: Sequence[int]) -> Iterator[list[np.ndarray]]:
    """Broadcastable index arrays that cover the domain, about BLOCK points at a time."""
    lengths: list[int] = []
    room = BLOCK
    for extent in reversed(extents):
        lengths.insert(0, max(1, min(extent, room)))
        room //= lengths[0]
    starts = [range(0, extent, length) for extent, length in zip(extents, lengths, strict=True)]
    for corner in product(*starts):
        ranges = [
            np.arange(start, min(start + length, extent), dtype=np.int64)
            for start, length, extent in zip(corner, lengths, extents, strict=True)
        ]
        yield list(np.ix_(*ranges)) if ranges else []


def _value(scalar: Scalar, indices: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> Any:
    match scalar:
        case Const(value):
            return np.asarray(value)
        case Index(name):
            return indices[name]
        case Size(name):
            return np.asarray(sizes[name])
        case Apply(primitive, arguments) if primitive in _FUNCTIONS:
            values = [_value(argument, indices, sizes) for argument in arguments]
            function = _FUNCTIONS[primitive]
            return reduce(function, values) if primitive in _VARIADIC else function(*values)
    raise VerificationError(f"an index may hold integer primitives only, found {scalar}")


__all__ = ["outside"]
