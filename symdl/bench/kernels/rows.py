"""Softmax and layer normalisation of the rows of a matrix, beside PyTorch."""

from typing import Any

import numpy as np

from symdl.bench.case import Arrays, Case
from symdl.expr.declare import matrix, vector
from symdl.ops.normalisation import layer_norm
from symdl.ops.softmax import softmax

NAME, TITLE = "rows", "softmax and layer normalisation of rows"
SHAPES = ((768, 64), (4096, 128), (4096, 1024), (1 << 16, 512))


def cases(shapes: Any = SHAPES) -> list[Case]:
    """Return both for each shape."""
    return [case for shape in shapes for case in (_softmax(*shape), _layer_norm(*shape))]


def _softmax(n: int, p: int) -> Case:
    def arrays(random: np.random.Generator) -> Arrays:
        return {"x": random.normal(size=(n, p)), "y": np.zeros((n, p))}

    def torch(given: Arrays) -> Any:
        import torch

        x, y = (torch.from_numpy(given[name]) for name in "xy")
        return lambda: {"y": torch.softmax(x, 1, out=y)}

    results = {"y": softmax(matrix("x", n, p), axis=1)}
    return Case(f"softmax {n}×{p}", results, arrays, {"torch": torch}, bytes=8 * n * p)


def _layer_norm(n: int, p: int) -> Case:
    def arrays(random: np.random.Generator) -> Arrays:
        gamma, beta = random.normal(size=(2, p))
        return {"x": random.normal(size=(n, p)), "gamma": gamma, "beta": beta, "y": np.zeros((n, p))}

    def torch(given: Arrays) -> Any:
        import torch

        x, gamma, beta = (torch.from_numpy(given[name]) for name in ("x", "gamma", "beta"))
        return lambda: {"y": torch.nn.functional.layer_norm(x, (p,), gamma, beta)}

    results = {"y": layer_norm(matrix("x", n, p), vector("gamma", p), vector("beta", p), axis=1)}
    return Case(f"layer norm {n}×{p}", results, arrays, {"torch": torch}, bytes=8 * n * p)
