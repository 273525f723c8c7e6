"""BFGS. Catalogue 4.6-bfgs; Nocedal and Wright (2006), section 6.1."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from symdl.compile import CompiledFunction, compile
from symdl.expr.declare import matrix, named, vector
from symdl.minimizers.line_search import LineSearch
from symdl.minimizers.method import Method, N, Point, equation
from symdl.minimizers.objective import Objective
from symdl.minimizers.wolfe import Wolfe
from symdl.ops.structure import eye, outer

S, Y = vector("s", N), vector("y", N)
H = matrix("H", N, N, symmetric=True)
RHO = 1 / (Y.T @ S)
UPDATE = (eye(N) - named("rho", RHO, latex=r"\rho") * outer(S, Y)) @ H @ (
    eye(N) - named("rho", RHO, latex=r"\rho") * outer(Y, S)
) + named("rho", RHO, latex=r"\rho") * outer(S, S)


@cache
def _update(target: str) -> CompiledFunction:
    return compile(UPDATE, target)


@dataclass(frozen=True)
class BFGS(Method):
    """d = -H∇C, where H follows the inverse Hessian: H⁺ = (I - ρsyᵀ)H(I - ρysᵀ) + ρssᵀ, ρ = 1/(yᵀs).

    s is the step, y the change of the gradient. The first H is the identity, scaled by yᵀs/yᵀy after the first step; a
    pair without positive yᵀs is left out.

    Attributes:
        line_search: Wolfe's conditions keep yᵀs positive.
    """

    line_search: LineSearch = field(default_factory=Wolfe)

    def begin(self, objective: Objective) -> dict[str, Any]:
        """No H yet."""
        return {"H": None}

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Search along -H∇C and update H."""
        h = state["H"]
        first = 1.0 if h is not None else min(1.0, 1.0 / float(np.linalg.norm(at.gradient, 1)))
        found = self.line_search.search(objective, at, -at.gradient if h is None else -h @ at.gradient, first)
        s, y = found.x - at.x, found.gradient - at.gradient
        if y @ s > 1e-12 * float(np.linalg.norm(y) * np.linalg.norm(s)):
            h = np.eye(len(s)) * (y @ s) / (y @ y) if h is None else h
            h = np.asarray(_update(objective.target)(H=h, s=s, y=y))
            state["H"] = (h + h.T) / 2
        return found

    def remaining(self, objective: Objective, at: Point, state: dict[str, Any]) -> float:
        """Return the length of H∇C."""
        return 0.0 if state["H"] is None else float(np.linalg.norm(state["H"] @ at.gradient))

    def equations(self) -> list[str]:
        """The update and the step."""
        return [
            r"\theta^{(t+1)} &= \theta^{(t)} - \alpha H\, \nabla C\left(\theta^{(t)}\right)",
            equation(r"\rho", RHO),
            equation("H^{+}", UPDATE),
            *self.line_search.equations(),
        ]
