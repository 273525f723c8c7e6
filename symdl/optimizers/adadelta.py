"""Adadelta, book (4.20)."""

from dataclasses import dataclass
from typing import Any, ClassVar

from symdl.ops.elementwise import divide, hadamard, sqrt, square
from symdl.optimizers.optimizer import ALPHA, EPSILON, GAMMA, RHO, Optimizer, Rate, let


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """s ← γs + (1−γ) g ⊙ g, d ← −(√Δ + ε) / (√s + ε) ⊙ g, θ ← θ + αd, Δ ← ρΔ + (1−ρ) d ⊙ d; book (4.20).

    The book has α = 1. With its ε outside the roots the first step has the length of ε, so ε is not tiny here.
    """

    alpha: Rate = 1.0
    gamma: float = 0.9
    rho: float = 0.9
    epsilon: float = 1e-3
    states = ("s", "delta")
    nonnegative = ("s", "delta")
    state_latex: ClassVar[dict[str, str]] = {"delta": r"\Delta\theta"}

    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return θ + αd with the new s and Δ."""
        s = let("s", theta, GAMMA * state["s"] + (1 - GAMMA) * square(g))
        ratio = divide(sqrt(state["delta"]) + EPSILON, sqrt(s) + EPSILON)
        d = let("d", theta, -hadamard(ratio, g))
        delta = let("delta", theta, RHO * state["delta"] + (1 - RHO) * square(d), r"\Delta\theta")
        return theta + ALPHA * d, {"s": s, "delta": delta}
