"""L-BFGS by the two-loop recursion. Catalogue 4.6-lbfgs; Nocedal (1980)."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.minimizers.line_search import LineSearch
from symdl.minimizers.method import Method, Point
from symdl.minimizers.objective import Objective
from symdl.minimizers.wolfe import Wolfe


@dataclass(frozen=True)
class LBFGS(Method):
    """BFGS with the last pairs (s, y) in the place of a matrix; the first H is yᵀs/yᵀy times the identity.

    Attributes:
        memory: The number of pairs.
        line_search: Wolfe's conditions keep yᵀs positive.
    """

    memory: int = 10
    line_search: LineSearch = field(default_factory=Wolfe)

    def begin(self, objective: Objective) -> dict[str, Any]:
        """No pairs yet."""
        return {"pairs": deque(maxlen=self.memory)}

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Search along the direction and remember the pair."""
        pairs = state["pairs"]
        first = 1.0 if pairs else min(1.0, 1.0 / float(np.linalg.norm(at.gradient, 1)))
        found = self.line_search.search(objective, at, -two_loops(at.gradient, list(pairs)), first)
        s, y = found.x - at.x, found.gradient - at.gradient
        if y @ s > 1e-12 * float(np.linalg.norm(y) * np.linalg.norm(s)):
            pairs.append((s, y, 1.0 / float(y @ s)))
        return found

    def remaining(self, objective: Objective, at: Point, state: dict[str, Any]) -> float:
        """Return the length of H∇C."""
        return float(np.linalg.norm(two_loops(at.gradient, list(state["pairs"])))) if state["pairs"] else 0.0

    def equations(self) -> list[str]:
        """The two loops, over the newest pair to the oldest and back, and the step."""
        return [
            r"q &= \nabla C\left(\theta^{(t)}\right)",
            r"a_i &= \rho_i\, s_i^{\top} q, \quad q \leftarrow q - a_i y_i \quad (i = t-1, \dots, t-m)",
            r"r &= \frac{s^{\top} y}{y^{\top} y}\, q",
            r"b &= \rho_i\, y_i^{\top} r, \quad r \leftarrow r + s_i \left(a_i - b\right) \quad (i = t-m, \dots, t-1)",
            r"\theta^{(t+1)} &= \theta^{(t)} - \alpha r",
            *self.line_search.equations(),
        ]


def two_loops(gradient: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """Return H∇C for pairs (s, y, 1/yᵀs), the oldest first."""
    q, coefficients = gradient.copy(), []
    for s, y, rho in reversed(pairs):
        coefficients.append(rho * float(s @ q))
        q = q - coefficients[-1] * y
    if pairs:
        s, y, rho = pairs[-1]
        q = q / (rho * float(y @ y))
    for s, y, rho in pairs:
        q = q + s * (coefficients.pop() - rho * float(y @ q))
    return q
