"""Formulas that lose their digits in other libraries as one writes them there, in symdl, PyTorch and JAX."""

from dataclasses import dataclass
from typing import Any

import numpy as np

import symdl as sd

(n,) = sd.dims("n,")
x, y = sd.vector("x", n), sd.vector("y", n, one_hot=True)
CROSS_ENTROPY = -sd.sum(sd.hadamard(y, sd.log(sd.softmax(x))))
HOT = np.eye(3)[2]


@dataclass(frozen=True)
class Case:
    """A formula, whether its gradient is meant, the point, and the same as text for torch or jax.numpy ``m``."""

    formula: Any
    gradient: bool
    point: tuple[float, ...]
    peer: str


CASES = {
    "log(1 + eˣ), gradient at 200": Case(sd.sum(sd.log(1 + sd.exp(x))), True, (200.0,), "m.log(1 + m.exp(x)).sum()"),
    "eˣ - 1 at 1e-6": Case(sd.exp(x) - 1, False, (1e-6,), "m.exp(x) - 1"),
    "1 - σ(x) at 30": Case(1 - sd.sigmoid(x), False, (30.0,), "1 - sigmoid(x)"),
    "1 - tanh(x)² at 15": Case(1 - sd.square(sd.tanh(x)), False, (15.0,), "1 - m.tanh(x) ** 2"),
    "log(1 - eˣ) at -1e-9": Case(sd.log(1 - sd.exp(x)), False, (-1e-9,), "m.log(1 - m.exp(x))"),
    "log(x + 1) - log(x) at 1e10": Case(sd.log(x + 1) - sd.log(x), False, (1e10,), "m.log(x + 1) - m.log(x)"),
    "√(x² + 1) - x at 1e5": Case(sd.sqrt(sd.square(x) + 1) - x, False, (1e5,), "m.sqrt(x**2 + 1) - x"),
    "sin(x)/x, gradient at 1e-6": Case(
        sd.sum(sd.divide(sd.sin(x), x)), True, (1e-6,), "(m.sin(x) / x).sum()"
    ),
    "‖x‖, gradient at 0": Case(sd.norm(x), True, (0.0, 0.0), "m.sqrt((x**2).sum())"),
    "where(x > 0, √x, 0), gradient at 0": Case(
        sd.sum(sd.where(sd.greater(x, 0), sd.sqrt(x), 0)), True, (0.0,), "m.where(x > 0, m.sqrt(x), 0 * x).sum()"
    ),
    "softmax, cross-entropy, value at a margin of 30": Case(
        CROSS_ENTROPY, False, (-30.0, 0.0, 30.0), "-(y * log_softmax(x)).sum()"
    ),
    "softmax, cross-entropy, gradient at a margin of 30": Case(
        CROSS_ENTROPY, True, (-30.0, 0.0, 30.0), "-(y * log_softmax(x)).sum()"
    ),
}  # fmt: skip


def formula_of(case):
    """Return what is measured."""
    return sd.grad(case.formula, x) if case.gradient else case.formula


def by_symdl(case, dtype):
    """Return the compiled result."""
    function = sd.compile(formula_of(case), target="numpy", dtype=dtype)
    return function({"x": np.asarray(case.point), **({"y": HOT} if "y" in function.inputs else {})})


def by_torch(case, dtype):
    """Return the result of PyTorch and its autograd."""
    import torch

    point = torch.tensor(case.point, dtype=getattr(torch, dtype), requires_grad=True)
    names = {"sigmoid": torch.sigmoid, "log_softmax": lambda u: torch.log_softmax(u, 0)}
    value = eval(case.peer, {"m": torch, "x": point, "y": torch.tensor(HOT, dtype=point.dtype), **names})
    if case.gradient:
        value.backward()
        return point.grad.numpy()
    return value.detach().numpy()


def by_jax(case, dtype):
    """Return the result of JAX and its autograd."""
    import jax

    with jax.enable_x64(True):
        names = {"m": jax.numpy, "sigmoid": jax.nn.sigmoid, "log_softmax": jax.nn.log_softmax}
        names["y"] = jax.numpy.asarray(HOT, dtype=dtype)

        def value(point):
            return eval(case.peer, {"x": point, **names})

        return np.asarray((jax.grad(value) if case.gradient else value)(jax.numpy.asarray(case.point, dtype=dtype)))


def bits_lost(found, exact, dtype):
    """Return log2 of the largest error in units of the spacing of numbers; inf for NaN."""
    eps, tiny = np.finfo(dtype).eps, np.finfo(dtype).tiny
    worst = 0.0
    for a, b in zip(np.ravel(found), np.ravel(exact), strict=True):
        if not np.isfinite(a):
            return np.inf
        scale = eps * max(abs(float(b)), 2**10 * float(tiny))
        worst = max(worst, float(abs(float(a) - b)) / scale)
    return float(np.log2(worst)) if worst > 1 else 0.0
