"""Look-ahead momentum, book (4.7)-(4.8)."""

from dataclasses import dataclass
from typing import Any

from symdl.optimizers.optimizer import ALPHA, BETA, Optimizer, Rate, let


@dataclass(frozen=True)
class Lookahead(Optimizer):
    """v ← βv + (1−β)g, θ ← θ − α(βv + (1−β)g); book (4.7)-(4.8).

    PyTorch's ``SGD(nesterov=True)`` with α = α_torch / (1 − β). Not the same as ``Nesterov``.
    """

    alpha: Rate = 0.01
    beta: float = 0.9
    states = ("v",)

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − α(βv + (1−β)g) with the new v."""
        v = let("v", theta, BETA * state["v"] + (1 - BETA) * g)
        return theta - ALPHA * (BETA * v + (1 - BETA) * g), {"v": v}
