"""Momentum, book (4.1)-(4.2)."""

from dataclasses import dataclass
from typing import Any

from symdl.optimizers.optimizer import ALPHA, BETA, Optimizer, Rate, let


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← βv + (1−β)g, θ ← θ − αv; book (4.1)-(4.2).

    PyTorch leaves out the factor 1 − β: its path is the same with α = α_torch / (1 − β).
    """

    alpha: Rate = 0.01
    beta: float = 0.9
    states = ("v",)

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − αv with the new v."""
        v = let("v", theta, BETA * state["v"] + (1 - BETA) * g)
        return theta - ALPHA * v, {"v": v}
