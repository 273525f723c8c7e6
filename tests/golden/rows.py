"""What the chapters' tables of formulas share: sizes, and NumPy's names for what the book writes as a function."""

import math

import numpy as np

SIZES = {"n": 5, "p": 4, "m": 3, "q": 2, "K": 3, "T": 6, "h": 5, "w": 6, "k": 2, "l": 3, "o": 2, "c": 3, "d": 2, "E": 7,
         "S": 4, "A": 2, "V": 5, "g": 2, "B": 3}  # fmt: skip


def soft(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def corr(kernel, image, shape, s=1, d=1, p=0):
    """Evaluate Σ_k A_k B_{s u + d k - p}, zero outside, for the first ``shape`` places u."""
    found, padding = np.zeros(shape), np.broadcast_to(p, kernel.ndim)
    for place in np.ndindex(*shape):
        for tap in np.ndindex(*kernel.shape):
            at = tuple(s * u + d * q - e for u, q, e in zip(place, tap, padding, strict=True))
            if all(0 <= q < size for q, size in zip(at, image.shape, strict=True)):
                found[place] += kernel[tap] * image[at]
    return found


def up(delta, s):
    """Return an array with s - 1 zeros between its entries."""
    found = np.zeros([s * (size - 1) + 1 for size in delta.shape])
    found[tuple(slice(None, None, s) for _ in delta.shape)] = delta
    return found


NUMPY = {
    "np": np, "soft": soft, "corr": corr, "up": up, "inv": np.linalg.inv, "norm": np.linalg.norm,
    "sig": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.log1p(np.exp(x)),
    "erf": math.erf, "outer": np.outer, "diag": np.diag, "eye": np.eye,
}  # fmt: skip
