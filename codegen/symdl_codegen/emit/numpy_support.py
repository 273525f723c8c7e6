"""The few functions that emitted NumPy text calls besides NumPy itself. They state the reference semantics."""

import math
from typing import Any

import numpy as np

try:
    from scipy.special import erf, erfc
except ImportError:  # scipy is optional here: the same functions, one element at a time
    erf, erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])


def take(tensor: np.ndarray, *indices: Any) -> np.ndarray:
    """``tensor[indices]`` with broadcasting; an index outside reads NaN (0 for integers, False for booleans)."""
    inside: Any = True
    clipped = []
    if tensor.size == 0:
        shape = np.broadcast_shapes(*(np.shape(index) for index in indices))
        return np.full(shape, np.nan if tensor.dtype.kind == "f" else 0, tensor.dtype)
    for index, extent in zip(indices, tensor.shape, strict=True):
        inside = inside & (index >= 0) & (index < extent)
        clipped.append(np.clip(index, 0, extent - 1))
    return np.where(inside, tensor[tuple(clipped)], tensor.dtype.type(np.nan if tensor.dtype.kind == "f" else 0))


def scatter_add(tensor: np.ndarray, indices: tuple[Any, ...], values: Any, domain: tuple[int, ...]) -> None:
    """``tensor[indices] += values`` for every point of ``domain`` in row-major order; points outside are dropped."""
    positions = [np.broadcast_to(index, domain).ravel() for index in indices]
    values = np.broadcast_to(values, domain).ravel()
    inside = np.ones(values.shape, bool)
    for position, extent in zip(positions, tensor.shape, strict=True):
        inside &= (position >= 0) & (position < extent)
    np.add.at(tensor, tuple(position[inside] for position in positions), values[inside])


def moment(tensor: np.ndarray, axis: int, index: int) -> np.ndarray:
    """The slice of ``tensor`` at ``index`` of ``axis``; outside, one of NaN (0 for integers, False for booleans)."""
    if 0 <= index < tensor.shape[axis]:
        return tensor[(slice(None),) * axis + (index,)]
    shape = tensor.shape[:axis] + tensor.shape[axis + 1 :]
    return np.full(shape, np.nan if tensor.dtype.kind == "f" else 0, tensor.dtype)


def along(extent: int, place: int, order: int) -> np.ndarray:
    """The integers below ``extent`` along axis ``place`` of ``order`` axes."""
    return np.arange(extent).reshape((1,) * place + (extent,) + (1,) * (order - place - 1))


__all__ = ["along", "erf", "erfc", "moment", "scatter_add", "take"]
