"""Adagrad, book §4.3."""

from dataclasses import dataclass
from typing import Any

from symdl.ops.elementwise import divide, sqrt, square
from symdl.optimizers.optimizer import ALPHA, EPSILON, Optimizer, Rate, let


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """s ← s + g ⊙ g, θ ← θ − α g / (√s + ε); book §4.3, entry 4.3-adagrad. ε is outside the root, as in PyTorch."""

    alpha: Rate = 0.01
    epsilon: float = 1e-8
    states = ("s",)
    nonnegative = ("s",)

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − α g / (√s + ε) with the new s."""
        s = let("s", theta, state["s"] + square(g))
        return theta - ALPHA * divide(g, sqrt(s) + EPSILON), {"s": s}
