"""Gradient descent, book §4.1."""

from dataclasses import dataclass
from typing import Any

from symdl.optimizers.optimizer import ALPHA, Optimizer, Rate


@dataclass(frozen=True)
class GradientDescent(Optimizer):
    """θ ← θ − α g, the step of steepest descent; book §4.1, entry 4.1-gd. The same equation on mini-batches is SGD."""

    alpha: Rate = 0.01

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − α g."""
        return theta - ALPHA * g, {}
