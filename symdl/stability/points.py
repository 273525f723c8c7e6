"""Points at which accuracy is measured: of all magnitudes, both signs, up to the ends of a range."""

from collections.abc import Mapping
from typing import Any

import numpy as np

SMALLEST = 1e-8  # relative to the end of a range


def draw(shape: tuple[int, ...], low: float, high: float, rng: np.random.Generator, trial: int) -> np.ndarray:
    """Return an array of points in [low, high]: by turns log-spaced from 0, uniform, and its ends, 0 and 1 among them.

    The first trial of a vector has the log-spaced points in order, with the ends; later ones are random.
    """
    count = int(np.prod(shape))
    largest = max(abs(low), abs(high))
    sizes = largest * SMALLEST ** rng.uniform(0, 1, count)
    signs = np.where(rng.random(count) < 0.5, -1.0, 1.0)
    found = np.where(rng.random(count) < 0.6, signs * sizes, rng.uniform(low, high, count))
    if trial == 0:
        special = [low, high, *(point for point in (0.0, 1.0, -1.0, 0.5, -30.0, 30.0) if low < point < high)]
        found[: len(special)] = special[:count]
    if trial % 3 == 2:
        found = found * min(1.0, 3.0 / largest)  # moderate numbers, where most formulas change their form
    found = np.where(found < low, np.where(-found <= high, -found, low), found)
    found = np.where(found > high, np.where(-found >= low, -found, high), found)
    return np.asarray(np.clip(found, low, high).reshape(shape))


def ranges_of(ranges: Any, names: list[str]) -> dict[str, tuple[float, float]]:
    """Return a range by name: one pair stands for all variables."""
    if isinstance(ranges, Mapping):
        given = {str(getattr(key, "name", key)): value for key, value in ranges.items()}
    else:
        given = dict.fromkeys(names, ranges)
    return {name: (float(value[0]), float(value[1])) for name, value in given.items()}
