"""ADAM, book §4.3."""

from dataclasses import dataclass
from typing import Any

from symdl.ops.elementwise import divide, sqrt, square
from symdl.optimizers.optimizer import ALPHA, BETA, EPSILON, GAMMA, Optimizer, Rate, let


@dataclass(frozen=True)
class Adam(Optimizer):
    """Momentum with coordinate-wise scaling, both corrected for their bias; book §4.3, algorithm ADAM.

    v ← βv + (1−β)g, s ← γs + (1−γ) g ⊙ g, v̂ ← v / (1−β^{t+1}), ŝ ← s / (1−γ^{t+1}), θ ← θ − α v̂ / (√ŝ + ε). The ε
    is outside the root, as in PyTorch. The powers are taken in double precision whatever the data's type.
    """

    alpha: Rate = 0.001
    beta: float = 0.9
    gamma: float = 0.999
    epsilon: float = 1e-8
    states = ("v", "s")
    nonnegative = ("s",)

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ − α v̂ / (√ŝ + ε) with the new v and s."""
        v = let("v", theta, BETA * state["v"] + (1 - BETA) * g)
        s = let("s", theta, GAMMA * state["s"] + (1 - GAMMA) * square(g))
        v_hat = let("v_hat", theta, v / (1 - BETA ** (t + 1)), r"\hat{v}")
        s_hat = let("s_hat", theta, s / (1 - GAMMA ** (t + 1)), r"\hat{s}")
        return theta - ALPHA * divide(v_hat, sqrt(s_hat) + EPSILON), {"v": v, "s": s}
