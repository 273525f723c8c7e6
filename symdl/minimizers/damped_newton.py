"""Damped Newton: a multiple of the identity makes the Hessian positive definite. Catalogue 4.6-damped."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.calculus import hessian
from symdl.compile import compile
from symdl.minimizers.method import HESSIAN, MU, THETA, G, Point, Stop, equation, point
from symdl.minimizers.objective import Objective, flattened
from symdl.minimizers.scaled import Scaled
from symdl.ops.linalg import solve
from symdl.ops.structure import eye


@dataclass(frozen=True)
class DampedNewton(Scaled):
    """θ ← θ - (∇²C + μI)⁻¹∇C; μ follows how well the quadratic model predicted the decrease.

    The ratio of the decrease to the predicted one is the gain: above 3/4 μ becomes a third, below 1/4 it doubles; a
    step that does not decrease C is not taken (Nielsen, 1999).

    Attributes:
        mu: The first μ > 0, relative to the largest diagonal element of the matrix.
        most: The number of times μ is raised in one step.
    """

    mu: float = 1e-3
    most: int = 60

    def blocks(self, objective: Objective) -> Any:
        """Return the Hessian."""
        return hessian(objective.value, objective.variables)

    def scale(self, b: np.ndarray) -> np.ndarray:
        """Return the diagonal D that μ multiplies."""
        return np.ones(len(b))

    def begin(self, objective: Objective) -> dict[str, Any]:
        """Compile the matrix."""
        return {"matrix": compile(flattened(self.blocks(objective)), objective.target), "mu": None}

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Raise μ until the step decreases C, then set the next μ."""
        b = self.matrix(objective, at, state)
        d = self.scale(b)
        mu = self.mu * float(np.abs(np.diag(b)).max() or 1.0) if state["mu"] is None else state["mu"]
        for _ in range(self.most):
            direction = self.solved(b, d, mu, at)
            if direction is not None:
                predicted = -float(at.gradient @ direction + direction @ b @ direction / 2)
                found = point(objective, at.x + direction)
                decrease = at.value - found.value
                if found.finite and predicted > 0 and decrease >= 0 and not np.array_equal(found.x, at.x):
                    gain = decrease / predicted
                    state["mu"] = mu / 3 if gain > 0.75 else 2 * mu if gain < 0.25 else mu
                    return found
            mu *= 4
        raise Stop(f"no decrease was found with μ up to {mu:.3g}: the gradient is as small as rounding allows")

    def solved(self, b: np.ndarray, d: np.ndarray, mu: float, at: Point) -> np.ndarray | None:
        """Return -(B + μD)⁻¹∇C, or None where B + μD is not positive definite."""
        import scipy.linalg

        try:
            factor = scipy.linalg.cho_factor(b + mu * np.diag(d))
        except np.linalg.LinAlgError:
            return None
        return np.asarray(-scipy.linalg.cho_solve(factor, at.gradient))

    def equations(self) -> list[str]:
        """The step."""
        return [equation(r"\theta^{(t+1)}", THETA - solve(HESSIAN + MU * eye(G.shape[0]), G))]
