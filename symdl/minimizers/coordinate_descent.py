"""Coordinate descent. Catalogue 4.5-coord and 2.5-lasso; Friedman, Hastie and Tibshirani (2010)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.minimizers.composite import ROUNDING, Composite, Parts
from symdl.minimizers.method import Point, Stop
from symdl.minimizers.objective import Objective


@dataclass(frozen=True)
class CoordinateDescent(Composite):
    """θ_j ← argmin of C over θ_j, for one entry after the other; a step is a sweep over all entries.

    The minimum over θ_j is that of f's quadratic model along j, with R: exact where f is quadratic, as least squares.
    Elsewhere the step is halved until C decreases. A sweep costs as many gradients and Hessian-vector products as
    there are entries.

    Attributes:
        most: The number of halvings for one entry.
    """

    most: int = 60

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Sweep over all entries."""
        parts, x = state["parts"], at.x
        for j in range(len(x)):
            x = self._along(parts, x, j)
        return Point(x, parts.value(x), parts.residual(x, parts.smooth.jac(x)))

    def _along(self, parts: Parts, x: np.ndarray, j: int) -> np.ndarray:
        """Return the point where the model along entry j is least, or one towards it where C is less."""
        unit = np.eye(1, len(x), j)[0]
        slope, curvature = float(parts.smooth.jac(x)[j]), float(parts.smooth.hessp(x, unit)[j])
        if not curvature > 0:
            raise Stop(
                f"the function is not convex along entry {j} of the variables (its second derivative is "
                f"{curvature:.3g}); use damped-newton or trust-region"
            )
        length = float(parts.prox(x - slope / curvature * unit, 1 / curvature)[j] - x[j])
        value = parts.value(x)
        value += ROUNDING * (1 + abs(value))
        for _ in range(self.most):
            found = x + length * unit
            if not length or parts.value(found) <= value:
                return found
            length /= 2
        return x

    def equations(self) -> list[str]:
        """The step of one entry."""
        model = r"f + \partial_j f \left(\theta_j - \theta_j^{(t)}\right) + \tfrac{1}{2} \partial_{jj} f "
        return [
            r"\theta_j &\leftarrow \operatorname*{arg\,min}_{\theta_j}\; "
            + model
            + r"\left(\theta_j - \theta_j^{(t)}\right)^{2} + R\left(\theta\right) \quad (j = 1, \dots, N)"
        ]
