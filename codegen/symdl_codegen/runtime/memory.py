"""Memory for arrays that kernels run over."""

from math import prod
from typing import Any

import numpy as np

from symdl_codegen.runtime.arena import ALIGNMENT


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Zeros in C order that begin with a line of the cache: NumPy's own may begin anywhere in one.

    Where they do, every second of the widest vectors is in two lines.
    """
    kind = np.dtype(dtype)
    length = prod(shape) * kind.itemsize
    memory = np.zeros(length + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + length].view(kind).reshape(shape)


__all__ = ["aligned"]
