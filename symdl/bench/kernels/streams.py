"""Long vectors, where memory is the limit: a copy, a sum, Adam."""

from typing import Any

import numpy as np

from symdl.bench.case import Arrays, Case
from symdl.expr.declare import vector
from symdl.optimizers.adam import Adam
from symdl.optimizers.optimizer import STEP

NAME, TITLE = "streams", "long vectors: copies, sums, the update of Adam; the floor is memory's"
SIZES = (1 << 16, 1 << 20, 1 << 24)


def cases(sizes: Any = SIZES) -> list[Case]:
    """Return each for vectors of these lengths."""
    return [case for n in sizes for case in (_copy(n), _add(n), _adam(n))]


def _copy(n: int) -> Case:
    def arrays(random: np.random.Generator) -> Arrays:
        return {"x": random.normal(size=n), "y": np.zeros(n)}

    def numpy(given: Arrays) -> Any:
        def call() -> dict[str, np.ndarray]:
            np.copyto(given["y"], given["x"])
            return {"y": given["y"]}

        return call

    return Case(f"copy {n}", {"y": vector("x", n) + 0 * vector("x", n)}, arrays, {"numpy": numpy}, bytes=8 * n)


def _add(n: int) -> Case:
    def arrays(random: np.random.Generator) -> Arrays:
        return {"x": random.normal(size=n), "y": np.zeros(n)}

    def numpy(given: Arrays) -> Any:
        return lambda: {"y": np.add(given["y"], given["x"], out=given["y"])}

    x, y = vector("x", n), vector("y", n)
    return Case(f"y = y + x {n}", {"y": y + x}, arrays, {"numpy": numpy}, bytes=12 * n, in_place=True)


def _adam(n: int) -> Case:
    alpha, beta, gamma, epsilon = 1e-3, 0.9, 0.999, 1e-8
    p, g = vector("p", n), vector("g", n)
    v, s = vector("p.v", n), vector("p.s", n)
    optimizer = Adam(alpha)
    numbers = {
        STEP: 9,
        **{symbol: float(rate[0]) for symbol, rate in optimizer.rates(np.zeros(1)).items() if symbol != STEP},
    }
    after, following = optimizer.update(p, g, {"v": v, "s": s}, STEP)

    def arrays(random: np.random.Generator) -> Arrays:
        return {"p": random.normal(size=n), "g": random.normal(size=n), "p.v": np.zeros(n), "p.s": np.zeros(n)}

    def torch(given: Arrays) -> Any:
        import torch

        p, g, v, s = (torch.from_numpy(given[name]) for name in ("p", "g", "p.v", "p.s"))
        step = torch.tensor(9.0)

        def call() -> dict[str, Any]:
            step.fill_(9.0)
            torch._fused_adam_(
                [p], [g], [v], [s], [], [step], lr=alpha, beta1=beta, beta2=gamma, weight_decay=0.0, eps=epsilon,
                amsgrad=False, maximize=False,
            )  # fmt: skip
            return {"p": p, "p.v": v, "p.s": s}

        return call

    results = {"p": after, "p.v": following["v"], "p.s": following["s"]}
    results = {
        name: value.xreplace(numbers) if hasattr(value, "xreplace") else value for name, value in results.items()
    }
    return Case(f"Adam {n}", results, arrays, {"torch": torch}, bytes=28 * n, in_place=True)
