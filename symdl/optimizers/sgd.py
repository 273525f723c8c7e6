"""Stochastic gradient descent, book §4.2."""

from dataclasses import dataclass
from typing import Any

from symdl.optimizers.optimizer import ALPHA, Optimizer, Rate


@dataclass(frozen=True)
class SGD(Optimizer):
    """θ ← θ − α g with g the gradient over a random mini-batch; book §4.2, entries 4.2-sgd and 4.2-minibatch.

    The equation is that of gradient descent; what makes it stochastic is ``batch_size`` in ``fit``.
    """

    alpha: Rate = 0.01

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − α g."""
        return theta - ALPHA * g, {}
