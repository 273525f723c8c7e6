"""ADAM with decoupled weight decay."""

from dataclasses import dataclass
from typing import Any

from symdl.ops.elementwise import divide, sqrt, square
from symdl.optimizers.optimizer import ALPHA, BETA, EPSILON, GAMMA, LAMBDA, Optimizer, Rate, let


@dataclass(frozen=True)
class AdamW(Optimizer):
    """θ ← (1−αλ)θ − α v̂ / (√ŝ + ε) with v̂ and ŝ as in ``Adam``; entry 4.5-adamw, Loshchilov and Hutter (2019)."""

    alpha: Rate = 0.001
    beta: float = 0.9
    gamma: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    states = ("v", "s")
    nonnegative = ("s",)

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return (1−αλ)θ − α v̂ / (√ŝ + ε) with the new v and s."""
        v = let("v", theta, BETA * state["v"] + (1 - BETA) * g)
        s = let("s", theta, GAMMA * state["s"] + (1 - GAMMA) * square(g))
        v_hat = let("v_hat", theta, v / (1 - BETA ** (t + 1)), r"\hat{v}")
        s_hat = let("s_hat", theta, s / (1 - GAMMA ** (t + 1)), r"\hat{s}")
        return (1 - ALPHA * LAMBDA) * theta - ALPHA * divide(v_hat, sqrt(s_hat) + EPSILON), {"v": v, "s": s}
