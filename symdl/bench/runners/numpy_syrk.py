"""NumPy: a closed form arranged so that BLAS computes one half of a symmetric product."""

from typing import Any, ClassVar

from symdl.bench.runners.numpy_closed import Numpy


class Symmetric(Numpy):
    """What somebody writes who knows that NumPy gives AᵀA to syrk."""

    name = "numpy-syrk"
    options: ClassVar[dict[str, Any]] = {"symmetric": True}


RUNNER = Symmetric
