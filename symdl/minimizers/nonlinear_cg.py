"""Non-linear conjugate gradients. Catalogue 4.5-nlcg; Nocedal and Wright (2006), section 5.2."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from symdl.compile import CompiledFunction, compile
from symdl.errors import InputError
from symdl.expr.declare import vector
from symdl.minimizers.line_search import LineSearch
from symdl.minimizers.method import Method, N, Point, equation
from symdl.minimizers.objective import Objective
from symdl.minimizers.wolfe import Wolfe

G0, G1, D = vector("g0", N, latex="g^{(t)}"), vector("g1", N, latex="g^{(t+1)}"), vector("d", N, latex="d^{(t)}")
COEFFICIENTS = {
    "fletcher-reeves": (G1.T @ G1) / (G0.T @ G0),
    "polak-ribiere": (G1.T @ (G1 - G0)) / (G0.T @ G0),
    "hestenes-stiefel": (G1.T @ (G1 - G0)) / (D.T @ (G1 - G0)),
}


@cache
def _coefficient(rule: str, target: str) -> CompiledFunction:
    return compile(COEFFICIENTS[rule], target)


@dataclass(frozen=True)
class NonlinearCG(Method):
    """d ← -∇C + βd with a β that makes it conjugate gradients on a quadratic function; a negative β counts as 0.

    Attributes:
        rule: ``polak-ribiere``, ``fletcher-reeves`` or ``hestenes-stiefel``.
        line_search: How far to go; a tight curvature condition, since conjugacy needs a good minimum along the line.
    """

    rule: str = "polak-ribiere"
    line_search: LineSearch = field(default_factory=lambda: Wolfe(c2=0.1))

    def __post_init__(self) -> None:
        if self.rule not in COEFFICIENTS:
            raise InputError(f"NonlinearCG: unknown rule {self.rule!r}; expected one of {', '.join(COEFFICIENTS)}")

    def begin(self, objective: Objective) -> dict[str, Any]:
        """Begin along the negative gradient."""
        return {"direction": None, "slope": None, "alpha": None}

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Search along d, then turn it; where it does not descend, begin anew."""
        d, slope = state["direction"], None if state["direction"] is None else float(at.gradient @ state["direction"])
        if d is None or slope is None or slope >= 0:
            d, slope = -at.gradient, -float(at.gradient @ at.gradient)
        size = float(np.linalg.norm(at.gradient, 1))
        first = min(1.0, 1.0 / size) if state["alpha"] is None else state["alpha"] * state["slope"] / slope
        found = self.line_search.search(objective, at, d, first)
        alpha = float(np.linalg.norm(found.x - at.x) / np.linalg.norm(d))
        given = {"g0": at.gradient, "g1": found.gradient, "d": d}
        function = _coefficient(self.rule, objective.target)
        beta = float(function({name: given[name] for name in function.inputs if name in given}))
        beta = max(beta, 0.0) if np.isfinite(beta) else 0.0
        state |= {"direction": -found.gradient + beta * d, "slope": slope, "alpha": alpha}
        return found

    def equations(self) -> list[str]:
        """The coefficient, the direction and the step."""
        return [
            equation(r"\beta", COEFFICIENTS[self.rule]),
            r"d^{(t+1)} &= -g^{(t+1)} + \beta d^{(t)}",
            r"\theta^{(t+1)} &= \theta^{(t)} + \alpha d^{(t)}",
            *self.line_search.equations(),
        ]
