"""Gradient descent with a line search: the method of steepest descent. Catalogue 4.5-ls-exact."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.minimizers.backtracking import Backtracking
from symdl.minimizers.line_search import LineSearch
from symdl.minimizers.method import Method, Point
from symdl.minimizers.objective import Objective


@dataclass(frozen=True)
class SteepestDescent(Method):
    """θ ← θ - α∇C, the first trial of α being twice the last one.

    Attributes:
        line_search: How far to go.
    """

    line_search: LineSearch = field(default_factory=Backtracking)

    def begin(self, objective: Objective) -> dict[str, Any]:
        """Begin with α = 1."""
        return {"alpha": 1.0}

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Search along -∇C."""
        found = self.line_search.search(objective, at, -at.gradient, state["alpha"])
        state["alpha"] = 2 * float(np.linalg.norm(found.x - at.x) / np.linalg.norm(at.gradient))
        return found

    def equations(self) -> list[str]:
        """The step."""
        return [
            r"\theta^{(t+1)} &= \theta^{(t)} - \alpha\, \nabla C\left(\theta^{(t)}\right)",
            *self.line_search.equations(),
        ]
