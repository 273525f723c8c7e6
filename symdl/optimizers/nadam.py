"""Nadam, book §4.5."""

from dataclasses import dataclass
from typing import Any

from symdl.ops.elementwise import divide, sqrt, square
from symdl.optimizers.optimizer import ALPHA, BETA, EPSILON, GAMMA, Optimizer, Rate, let


@dataclass(frozen=True)
class Nadam(Optimizer):
    """ADAM that looks ahead: θ ← θ − α/(√ŝ + ε) (βv / (1−β^{t+2}) + (1−β)g / (1−β^{t+1})); entry 4.5-nadam."""

    alpha: Rate = 0.001
    beta: float = 0.9
    gamma: float = 0.999
    epsilon: float = 1e-8
    states = ("v", "s")
    nonnegative = ("s",)

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return the step along the momentum of the step to come."""
        v = let("v", theta, BETA * state["v"] + (1 - BETA) * g)
        s = let("s", theta, GAMMA * state["s"] + (1 - GAMMA) * square(g))
        ahead = BETA / (1 - BETA ** (t + 2)) * v + (1 - BETA) / (1 - BETA ** (t + 1)) * g
        v_hat = let("v_hat", theta, ahead, r"\hat{v}")
        s_hat = let("s_hat", theta, s / (1 - GAMMA ** (t + 1)), r"\hat{s}")
        return theta - ALPHA * divide(v_hat, sqrt(s_hat) + EPSILON), {"v": v, "s": s}
