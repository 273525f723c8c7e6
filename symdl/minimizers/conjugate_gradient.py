"""Newton's direction by conjugate gradients, with Hessian-vector products only. Catalogue 4.5-cg, 4.6-trust."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.minimizers.backtracking import Backtracking
from symdl.minimizers.line_search import LineSearch
from symdl.minimizers.method import Method, Point
from symdl.minimizers.objective import Objective


@dataclass(frozen=True)
class ConjugateGradient(Method):
    """∇²C·d = -∇C solved by linear conjugate gradients as far as it pays, then a line search (Newton-CG).

    The inner iteration ends at a residual of min(½, √‖∇C‖)·‖∇C‖ (superlinear convergence), after 2N steps, or at a
    direction of negative curvature, of which what was found before is used; Nocedal and Wright (2006), algorithm 7.1.

    Attributes:
        line_search: How far to go along the direction.
    """

    line_search: LineSearch = field(default_factory=Backtracking)

    def step(self, objective: Objective, at: Point, state: dict[str, Any]) -> Point:
        """Find the direction and search along it."""
        return self.line_search.search(objective, at, self.direction(objective, at))

    def direction(self, objective: Objective, at: Point) -> np.ndarray:
        """Return the direction of descent."""
        size = float(np.linalg.norm(at.gradient))
        enough = min(0.5, np.sqrt(size)) * size
        d, r = np.zeros_like(at.x), at.gradient.copy()
        p = -r
        for number in range(2 * len(at.x)):
            product = objective.hessp(at.x, p)
            curvature = float(p @ product)
            if curvature <= 0:
                return d if number else p
            rr = float(r @ r)
            alpha = rr / curvature
            d, r = d + alpha * p, r + alpha * product
            if np.linalg.norm(r) <= enough:
                break
            p = -r + float(r @ r) / rr * p
        return d

    def equations(self) -> list[str]:
        """The inner iteration, from d = 0, r = ∇C, p = -r, and the step."""
        curvature = r"p^{\top}\, \nabla^{2} C\left(\theta^{(t)}\right) p"
        return [
            rf"a &= \frac{{\left\Vert r \right\Vert^{{2}}}}{{{curvature}}}",
            r"d &\leftarrow d + a p",
            r"r^{+} &= r + a\, \nabla^{2} C\left(\theta^{(t)}\right) p",
            r"p &\leftarrow -r^{+} + \frac{\left\Vert r^{+} \right\Vert^{2}}{\left\Vert r \right\Vert^{2}} p",
            r"\theta^{(t+1)} &= \theta^{(t)} + \alpha d",
            *self.line_search.equations(),
        ]
