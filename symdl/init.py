"""Initial values of parameters: functions of a shape and a random generator. Book §5.5.

The fans of a matrix W with z = Wx are its last axis (in) and its first (out). From order 3 on, K[out, in, ...] is a
convolution kernel, whose window multiplies both.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from symdl.errors import InputError

Shape = tuple[int, ...]
Initializer = Callable[[Shape, np.random.Generator], np.ndarray]


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return (fan-in, fan-out) of a parameter's shape: 1 and n for a vector, the last and first axis of a matrix.

    From order 3 on the shape is that of a convolution kernel, (out, in, ...), the rest being its window.
    """
    if len(shape) < 2:
        return 1, int(math.prod(shape))
    window = math.prod(shape[2:])
    return int(shape[1] * window), int(shape[0] * window)


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of one parameter: it depends on the seed and the name, not on other parameters."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed: expected an integer of at least 0, found {seed!r}")
    return np.random.default_rng([int(seed), crc32(name.encode())])


def zeros() -> Initializer:
    """Return the initializer with all elements 0."""
    return lambda shape, _: np.zeros(shape)


def constant(value: float) -> Initializer:
    """Return the initializer with all elements ``value``. Equal rows of a weight matrix stay equal: book §5.5."""
    return lambda shape, _: np.full(shape, float(value))


def uniform(low: float = -0.05, high: float = 0.05) -> Initializer:
    """Return independent draws from the interval [low, high)."""
    _check(low < high, f"uniform: expected low < high, found {low} and {high}")
    return lambda shape, random: random.uniform(low, high, shape)


def normal(mean: float = 0.0, std: float = 0.01) -> Initializer:
    """Return independent draws from the normal distribution."""
    _check(std >= 0, f"normal: expected std of at least 0, found {std}")
    return lambda shape, random: random.normal(mean, std, shape)


def glorot_uniform() -> Initializer:
    """Return the uniform distribution of variance 2 / (fan-in + fan-out): the default for matrices. Book §5.5."""
    return _scaled(lambda inward, outward: 2 / (inward + outward), True)


def glorot_normal() -> Initializer:
    """Return the normal distribution of variance 2 / (fan-in + fan-out). Book §5.5."""
    return _scaled(lambda inward, outward: 2 / (inward + outward), False)


def he_uniform() -> Initializer:
    """Return the uniform distribution of variance 2 / fan-in, for ReLU units. Book §5.5."""
    return _scaled(lambda inward, _: 2 / inward, True)


def he_normal() -> Initializer:
    """Return the normal distribution of variance 2 / fan-in, for ReLU units. Book §5.5."""
    return _scaled(lambda inward, _: 2 / inward, False)


def lecun_uniform() -> Initializer:
    """Return the uniform distribution of variance 1 / fan-in. Book §5.5."""
    return _scaled(lambda inward, _: 1 / inward, True)


def lecun_normal() -> Initializer:
    """Return the normal distribution of variance 1 / fan-in. Book §5.5."""
    return _scaled(lambda inward, _: 1 / inward, False)


def orthogonal(gain: float = 1.0) -> Initializer:
    """Return ``gain`` times a random matrix with orthonormal rows or columns, whichever are fewer; order 2 or more."""

    def draw(shape: Shape, random: np.random.Generator) -> np.ndarray:
        _check(len(shape) >= 2, f"orthogonal: expected a matrix, found shape {shape}")
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diag(r))  # uniform over all orthogonal matrices
        return gain * (q if rows >= columns else q.T).reshape(shape)

    return draw


def default(shape: Shape) -> Initializer:
    """Return Glorot's uniform distribution for matrices and higher orders, zeros for vectors and scalars."""
    return glorot_uniform() if len(shape) >= 2 else zeros()


def _scaled(variance: Callable[[int, int], float], flat: bool) -> Initializer:
    def draw(shape: Shape, random: np.random.Generator) -> np.ndarray:
        std = math.sqrt(variance(*fans(shape)))
        bound = math.sqrt(3) * std
        return random.uniform(-bound, bound, shape) if flat else random.normal(0.0, std, shape)

    return draw


def _check(holds: Any, message: str) -> None:
    if not holds:
        raise InputError(message)
