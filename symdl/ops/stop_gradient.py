"""Values that count as constants when derivatives are taken."""

from typing import Any

from symdl.expr.nodes import pointwise
from symdl.expr.operators import operands
from symdl.expr.stop_gradient import StopGradient


def stop_gradient(x: Any) -> Any:
    """Return ``x`` as a constant: the same value, element by element, and a derivative of 0."""
    return pointwise(StopGradient, *operands("stop_gradient", x))
