"""Levenberg and Marquardt's method for least squares. Catalogue 4.6-damped."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.expr.declare import matrix, vector
from symdl.expr.sizes import dims
from symdl.minimizers.damped_newton import DampedNewton
from symdl.minimizers.gauss_newton import half_squares, matrix_of
from symdl.minimizers.method import MU, THETA, N, equation
from symdl.minimizers.objective import Objective
from symdl.ops.linalg import solve
from symdl.ops.structure import diag


@dataclass(frozen=True)
class LevenbergMarquardt(DampedNewton):
    """θ ← θ - (JᵀJ + μD)⁻¹Jᵀr with D the diagonal of JᵀJ (Marquardt's scaling), for C = ½‖r(θ)‖².

    Attributes:
        output: r, a tensor expression; for other losses the output z of a model.
        loss: ℓ with C = ℓ(z), called with a symbol for z; ½‖z‖² by default.
    """

    output: Any = None
    loss: Callable[[Any], Any] = half_squares

    def blocks(self, objective: Objective) -> Any:
        """Return Jᵀ∇²ℓJ."""
        return matrix_of(objective, self.output, self.loss, type(self).__name__)

    def scale(self, b: np.ndarray) -> np.ndarray:
        """Return the diagonal of B, with 1 where it is 0; the first μ is then relative to it."""
        found = np.diag(b).copy()
        found[found <= 0] = 1.0
        return found / found.max()

    def equations(self) -> list[str]:
        """The step."""
        m = dims("M")
        J, r, D = matrix("J", m, N), vector("r", m), vector("D", N, latex=r"\operatorname{diag}\left(J^{\top} J\right)")
        return [equation(r"\theta^{(t+1)}", THETA - solve(J.T @ J + MU * diag(D), J.T @ r))]
