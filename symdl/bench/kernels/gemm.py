"""Products of square matrices, each operand as it is or transposed, beside NumPy's BLAS."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdl.bench.case import Arrays, Case
from symdl.expr.declare import matrix

NAME, TITLE = "gemm", "C = A B of order 32 to 2048, operands as they are (n) or transposed (t)"
SIZES = (32, 64, 128, 256, 512, 1024, 2048)
ORIENTATIONS = ("nn", "tn", "nt", "tt")


def cases(sizes: Sequence[int] = SIZES, dtypes: Sequence[str] = ("float32", "float64")) -> list[Case]:
    """Return one case for each size, orientation and floating type."""
    return [_case(n, kind, dtype) for dtype in dtypes for n in sizes for kind in ORIENTATIONS]


def _case(n: int, kind: str, dtype: str) -> Case:
    A, B = matrix("A", n, n), matrix("B", n, n)
    left, right = (matrix if part == "n" else matrix.T for matrix, part in zip((A, B), kind, strict=True))

    def arrays(random: np.random.Generator) -> Arrays:
        return {"A": random.normal(size=(n, n)), "B": random.normal(size=(n, n)), "C": np.zeros((n, n))}

    def numpy(given: Arrays) -> Any:
        a, b = (given[name] if part == "n" else given[name].T for name, part in zip("AB", kind, strict=True))
        out = given["C"]
        return lambda: {"C": np.matmul(a, b, out=out)}

    bits = "" if dtype == "float32" else " float64"
    return Case(f"{n} {kind}{bits}", {"C": left @ right}, arrays, {"numpy": numpy}, flops=2 * n**3, dtype=dtype)
