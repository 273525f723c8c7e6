"""Nesterov momentum, book (4.4)-(4.5)."""

from dataclasses import dataclass
from typing import Any

from symdl.optimizers.optimizer import ALPHA, BETA, Optimizer, Rate, let


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """v ← βv + (1−β)∇C(θ − αβv), θ ← θ − αv; book (4.4)-(4.5).

    The gradient is that of the loss with θ − αβv put in the place of θ, and the loss that is recorded in training is
    the one at that point as well.
    """

    alpha: Rate = 0.01
    beta: float = 0.9
    states = ("v",)

    def point(self, theta: Any, state: dict[str, Any]) -> Any:
        """Return θ − αβv."""
        return theta - ALPHA * BETA * state["v"]

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − αv with the new v."""
        v = let("v", theta, BETA * state["v"] + (1 - BETA) * g)
        return theta - ALPHA * v, {"v": v}
