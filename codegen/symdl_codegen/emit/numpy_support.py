"""The few functions that emitted NumPy text calls besides NumPy itself. They state the reference semantics."""

import math
from typing import Any

import numpy as np

from symdl_codegen.errors import ComputationError
from symdl_codegen.primitives import fault

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


def scatter(
    combine: np.ufunc, tensor: np.ndarray, indices: tuple[Any, ...], values: Any, domain: tuple[int, ...]
) -> None:
    """Combine ``tensor[indices]`` with ``values`` for every point of ``domain`` in row-major order.

    Points outside of the tensor are dropped.
    """
    positions = [np.broadcast_to(index, domain).ravel() for index in indices]
    values = np.broadcast_to(values, domain).ravel()
    inside = np.ones(values.shape, bool)
    for position, extent in zip(positions, tensor.shape, strict=True):
        inside &= (position >= 0) & (position < extent)
    combine.at(tensor, tuple(position[inside] for position in positions), values[inside])


def moment(tensor: np.ndarray, axis: int, index: int) -> np.ndarray:
    """The slice of ``tensor`` at ``index`` of ``axis``; outside, one of NaN (0 for integers, False for booleans)."""
    if 0 <= index < tensor.shape[axis]:
        return tensor[(slice(None),) * axis + (index,)]
    shape = tensor.shape[:axis] + tensor.shape[axis + 1 :]
    return np.full(shape, np.nan if tensor.dtype.kind == "f" else 0, tensor.dtype)


def along(extent: int, place: int, order: int) -> np.ndarray:
    """The integers below ``extent`` along axis ``place`` of ``order`` axes."""
    return np.arange(extent).reshape((1,) * place + (extent,) + (1,) * (order - place - 1))


def matrices(values: np.ndarray, leading: int, batch: tuple[int, ...], shape: tuple[int, int]) -> np.ndarray:
    """``values``, of which ``leading`` axes are those of a batch, as a ``batch`` of matrices; a vector is a column."""
    return np.broadcast_to(values.reshape(values.shape[:leading] + shape), batch + shape)


def linear_algebra(op: str, which: int, operand: str, note: str, *operands: np.ndarray) -> np.ndarray:
    """Result ``which`` of an operation on batches of matrices; ComputationError where one has none."""
    try:
        return _OPERATIONS[op](which, *operands)
    except np.linalg.LinAlgError:
        raise ComputationError(fault(op, operand, note)) from None


def _logdet(which: int, a: np.ndarray) -> np.ndarray:
    sign, value = np.linalg.slogdet(a)
    if np.any(sign <= 0):
        raise np.linalg.LinAlgError
    return value


def _eigh(which: int, a: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(a)
    return vectors * signs(vectors) if which else values


def _svd(which: int, a: np.ndarray) -> np.ndarray:
    left, values, right = np.linalg.svd(a, full_matrices=False)
    turned = signs(left)
    return (left * turned, values, np.swapaxes(right, -1, -2) * turned)[which]


def signs(vectors: np.ndarray) -> np.ndarray:
    """-1 or 1 for each column: the first entry that is at least 0.7 times the largest in magnitude becomes positive."""
    sizes = np.abs(vectors)
    first = np.argmax(sizes >= 0.7 * sizes.max(axis=-2, keepdims=True), axis=-2)
    chosen = np.take_along_axis(vectors, first[..., None, :], axis=-2)
    return np.where(chosen < 0, -1, 1).astype(vectors.dtype)


_OPERATIONS: dict[str, Any] = {
    "inverse": lambda which, a: np.linalg.inv(a),
    "solve": lambda which, a, b: np.linalg.solve(a, b),
    "determinant": lambda which, a: np.linalg.det(a),
    "logdet": _logdet,
    "cholesky": lambda which, a: np.linalg.cholesky(a),
    "eigh": _eigh,
    "svd": _svd,
}

__all__ = ["along", "erf", "erfc", "linear_algebra", "matrices", "moment", "scatter", "take"]
