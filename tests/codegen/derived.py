"""A training step from symbols: a network's gradients derived by symdl, with gradient descent as its updates."""

import numpy as np

import symdl as sd
from symdl.calculus import adjoints
from symdl.expr.batch import batched
from symdl.freeze import freeze
from symdl.simplify import simplify
from symdl_codegen.program import Program, Size

LENGTHS = {"K": 3, "p": 5, "h": 4, "N": 6}


def derived_step() -> Program:
    """One hidden layer of ReLU, softmax and cross-entropy: the mean loss of N samples, its gradients, new weights."""
    K, p, h, N = sd.dims("K p h N")
    x, y = sd.vector("x", p), sd.vector("y", K, one_hot=True)
    W1, b1, W2, b2 = sd.matrix("W1", h, p), sd.vector("b1", h), sd.matrix("W2", K, h), sd.vector("b2", K)
    a1 = sd.named("a1", sd.relu(sd.named("z1", W1 @ x + b1)))
    probabilities = sd.named("y_hat", sd.softmax(sd.named("z2", W2 @ a1 + b2)))
    [losses] = batched([-sd.sum(sd.hadamard(y, sd.log(probabilities)))], [x, y], N)
    loss, *gradients = simplify([sd.mean(losses), *adjoints(sd.mean(losses), [W1, b1, W2, b2])], keep=True).values
    states = (W1, b1, W2, b2)
    outputs = {"loss": loss} | {f"g{w.name}": g for w, g in zip(states, gradients, strict=True)}
    alpha = sd.scalar("alpha")
    outputs |= {f"{w.name}_next": w - alpha * g for w, g in zip(states, gradients, strict=True)}
    roles = {"x": "batch", "y": "batch", "alpha": "step"} | {w.name: "state" for w in states}
    updates = [(w.name, f"{w.name}_next") for w in states]
    return freeze(outputs, roles=roles, updates=updates, guard="loss", batch=N)


def data_of(program: Program, dtype: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs and states for ``program``."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for name in program.inputs:
        shape = tuple(LENGTHS[e.name] for e in program.tensors[name].shape if isinstance(e, Size))
        arrays[name] = rng.normal(size=shape).astype(dtype)
    arrays["y"] = np.eye(LENGTHS["K"], dtype=dtype)[rng.integers(0, LENGTHS["K"], LENGTHS["N"])]
    states = {name: arrays.pop(name) for name in list(arrays) if program.tensors[name].role == "state"}
    return arrays, states


__all__ = ["data_of", "derived_step"]
