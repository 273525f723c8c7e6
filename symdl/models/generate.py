"""Samples of what a generative model has learned: equations of one sample, compiled for any number of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl.compile import compile
from symdl.errors import InputError
from symdl.expr.batch import batched
from symdl.expr.nodes import Tensor
from symdl.expr.random import SEED, STEP
from symdl.expr.sizes import dims


class Generator:
    """A compiled expression in parameters and random draws; each sample has draws of its own.

    Args:
        value: A tensor that depends on random draws, such as f_θ(z*) with z* drawn from its prior.
        target: ``cpu``, ``numpy`` or ``cuda``.
        dtype: ``float32`` or ``float64``.

    Raises:
        InputError: for something without draws, of which all samples would be the same.
    """

    def __init__(self, value: Any, target: str = "cpu", dtype: str = "float32") -> None:
        if not isinstance(value, Tensor) or SEED not in value.free_symbols:
            raise InputError("Generator: expected a tensor with random draws (sd.random), by which samples differ")
        count = dims("samples")
        self.function = compile(batched([value], [], count)[0], target, dtype)

    def __call__(self, values: Mapping[str, Any], count: int, seed: int = 0) -> np.ndarray:
        """Return ``count`` samples, as rows.

        Args:
            values: The parameters by name; others are passed over.
            count: Their number.
            seed: Of the draws: the k-th sample of a seed is the same for every count.
        """
        given = {**values, SEED.name: seed % 2**31, STEP.name: 0, "samples": count}
        found: np.ndarray = self.function({name: given[name] for name in self.function.inputs if name in given})
        return found


def drawing(images: np.ndarray, columns: int = 8) -> str:
    """Return square grey images as text, ``columns`` beside each other.

    Args:
        images: One image for each row, of side² values; 0 is the ground and 1 the darkest, beyond which all is cut.
        columns: How many stand in a line.
    """
    side = round(images.shape[1] ** 0.5)
    marks = np.array(list(" .:-=+*#%@"))
    grey = np.clip(np.round(images * 9), 0, 9).astype(int).reshape(-1, side, side)
    lines = []
    for first in range(0, len(grey), columns):
        rows = np.repeat(np.concatenate(list(grey[first : first + columns]), axis=1), 2, axis=1)
        lines += ["".join(marks[row]).rstrip() for row in rows]
    return "\n".join(lines)
