"""Linear algebra for the interpreters, on batches of matrices: with NumPy, and with mpmath at its working precision."""

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np

from symdl.errors import NumericalError

NEAR_LARGEST = 0.7  # of the first entry that large, compared with the largest, the sign is positive
_FAULTS = {
    "inverse": "the matrix is singular",
    "solve": "the matrix is singular",
    "logdet": "the determinant is not positive",
    "cholesky": "the matrix is not positive definite",
    "eigh": "the eigenvalues do not converge",
    "svd": "the singular values do not converge",
}


def numeric(op: str, which: int, operands: Sequence[np.ndarray], where: str) -> np.ndarray:
    """Return a result of an operation for batches of matrices, real or complex (where the result is analytic).

    Raises:
        NumericalError: where there is none, naming the equation ``where``.
    """
    if any(operand.size == 0 for operand in operands[:1]):
        raise NumericalError(f"{where}: {op} of a matrix without entries")
    try:
        return _NUMERIC[op](which, *operands)
    except np.linalg.LinAlgError:
        raise NumericalError(f"{where}: {_FAULTS[op]}") from None


def precise(op: str, which: int, operands: Sequence[np.ndarray], where: str) -> np.ndarray:
    """Return the same for object arrays of mpmath numbers, as an object array."""
    batch = np.broadcast_shapes(*(operand.shape[:-2] for operand in operands))
    spread = [np.broadcast_to(operand, batch + operand.shape[-2:]) for operand in operands]
    results = []
    for place in np.ndindex(*batch):
        try:
            results.append(_PRECISE[op](which, *(_matrix(operand[place]) for operand in spread)))
        except (ZeroDivisionError, ValueError, np.linalg.LinAlgError):
            raise NumericalError(f"{where}: {_FAULTS[op]}") from None
    found = np.empty((len(results), *np.shape(results[0])), dtype=object)
    for position, result in enumerate(results):
        found[position] = result
    return found.reshape(batch + found.shape[1:])


def condition(op: str, a: np.ndarray) -> np.ndarray:
    """Return by how much an operation amplifies relative errors of its operand, roughly, for each matrix of a batch."""
    values = np.linalg.svd(a, compute_uv=False)
    if op in ("eigh", "svd"):
        together = np.linalg.eigvalsh(a) if op == "eigh" else values
        gaps = np.abs(np.diff(together, axis=-1))
        least = gaps.min(axis=-1, initial=np.inf)
        least = np.minimum(least, values[..., -1]) if op == "svd" else least
    else:
        least = values[..., -1]
    return a.shape[-1] * np.maximum(1.0, values[..., 0] / np.where(least == 0, np.finfo(float).tiny, least))


def oriented(vectors: np.ndarray) -> np.ndarray:
    """Return -1 or 1 for each column: what makes its first entry of nearly the largest magnitude positive."""
    sizes = np.abs(vectors)
    first = np.argmax(sizes >= NEAR_LARGEST * sizes.max(axis=-2, keepdims=True), axis=-2)
    chosen = np.take_along_axis(vectors, first[..., None, :], axis=-2)
    return np.where(np.real(chosen) < 0, -1.0, 1.0)


def _logdet(which: int, a: np.ndarray) -> np.ndarray:
    sign, value = np.linalg.slogdet(a)
    if np.any(np.real(sign) <= 0):
        raise np.linalg.LinAlgError
    return value + np.log(sign) if np.iscomplexobj(a) else value


def _cholesky(which: int, a: np.ndarray) -> np.ndarray:
    if not np.iscomplexobj(a):
        return np.linalg.cholesky(a)
    found = np.zeros_like(a)  # a complex step: L Lᵀ = A, without conjugates
    for j in range(a.shape[-1]):
        rest = a[..., j:, j] - np.sum(found[..., j:, :j] * found[..., j : j + 1, :j], axis=-1)
        found[..., j:, j] = rest / np.sqrt(rest[..., :1])
    return found


def _eigh(which: int, a: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(a)
    return vectors * oriented(vectors) if which else values


def _svd(which: int, a: np.ndarray) -> np.ndarray:
    left, values, right = np.linalg.svd(a, full_matrices=False)
    signs = oriented(left)
    return (left * signs, values, np.swapaxes(right, -1, -2) * signs)[which]


_NUMERIC: dict[str, Callable[..., np.ndarray]] = {
    "inverse": lambda which, a: np.linalg.inv(a),
    "solve": lambda which, a, b: np.linalg.solve(a, b),
    "determinant": lambda which, a: np.linalg.det(a),
    "logdet": _logdet,
    "cholesky": _cholesky,
    "eigh": _eigh,
    "svd": _svd,
}


def _matrix(array: np.ndarray) -> Any:
    return mpmath.matrix(array.tolist())


def _array(matrix: Any) -> np.ndarray:
    return np.array(matrix.tolist(), dtype=object)


def _precise_logdet(which: int, a: Any) -> Any:
    value = mpmath.det(a)
    if value <= 0:
        raise np.linalg.LinAlgError
    return mpmath.log(value)


def _precise_eigh(which: int, a: Any) -> np.ndarray:
    values, vectors = mpmath.eigsy(a)
    order = sorted(range(len(values)), key=lambda k: values[k])
    if which == 0:
        return np.array([values[k] for k in order], dtype=object)
    found = _array(vectors)[:, order]
    return found * _signs(found)


def _precise_svd(which: int, a: Any) -> np.ndarray:
    left, values, right = mpmath.svd_r(a)
    if which == 1:
        return np.array(list(values), dtype=object)
    signs = _signs(_array(left))
    return (_array(left), None, _array(right).T)[which] * signs


def _signs(vectors: np.ndarray) -> np.ndarray:
    return oriented(vectors.astype(float)).astype(int).astype(object)


_PRECISE: dict[str, Callable[..., Any]] = {
    "inverse": lambda which, a: _array(mpmath.inverse(a)),
    "solve": lambda which, a, b: np.stack([_array(mpmath.lu_solve(a, b[:, k]))[:, 0] for k in range(b.cols)], axis=-1),
    "determinant": lambda which, a: mpmath.det(a),
    "logdet": _precise_logdet,
    "cholesky": lambda which, a: _array(mpmath.cholesky(a)),
    "eigh": _precise_eigh,
    "svd": _precise_svd,
}
