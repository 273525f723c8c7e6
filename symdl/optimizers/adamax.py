"""Adamax, book §4.5."""

from dataclasses import dataclass
from typing import Any

from symdl.ops.elementwise import abs, divide, maximum
from symdl.optimizers.optimizer import ALPHA, BETA, EPSILON, GAMMA, Optimizer, Rate, let


@dataclass(frozen=True)
class Adamax(Optimizer):
    """v ← βv + (1−β)g, s ← max(γs, |g| + ε), θ ← θ − α/(1−β^{t+1}) v / s; entry 4.5-adamax.

    The ε guards s = 0 where PyTorch has it.
    """

    alpha: Rate = 0.002
    beta: float = 0.9
    gamma: float = 0.999
    epsilon: float = 1e-8
    states = ("v", "s")
    nonnegative = ("s",)

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − α/(1−β^{t+1}) v / s with the new v and s."""
        v = let("v", theta, BETA * state["v"] + (1 - BETA) * g)
        s = let("s", theta, maximum(GAMMA * state["s"], abs(g) + EPSILON))
        return theta - ALPHA / (1 - BETA ** (t + 1)) * divide(v, s), {"v": v, "s": s}
