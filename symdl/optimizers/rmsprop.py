"""RMSprop, book §4.3."""

from dataclasses import dataclass
from typing import Any

from symdl.ops.elementwise import divide, sqrt, square
from symdl.optimizers.optimizer import ALPHA, EPSILON, GAMMA, Optimizer, Rate, let


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """s ← γs + (1−γ) g ⊙ g, θ ← θ − α g / (√s + ε); book §4.3, entry 4.3-rmsprop.

    There is no bias correction: the first step has the length α / √(1−γ), 31.6 α with the book's γ = 0.999.
    """

    alpha: Rate = 0.001
    gamma: float = 0.999
    epsilon: float = 1e-8
    states = ("s",)
    nonnegative = ("s",)

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − α g / (√s + ε) with the new s."""
        s = let("s", theta, GAMMA * state["s"] + (1 - GAMMA) * square(g))
        return theta - ALPHA * divide(g, sqrt(s) + EPSILON), {"s": s}
