"""What a system is made of, as far as it decides which witnesses make sense."""

import sympy

from symdl.expr.nodes import Call
from symdl.expr.scalar import ScalarOp
from symdl.expr.system import System


class OpsOf:
    """The scalar ops of a system."""

    def __init__(self, system: System) -> None:
        self.found: set[type[ScalarOp]] = set()
        self.extrema = False
        self.sorted_values = False
        for equation in system.equations:
            for node in sympy.preorder_traversal(equation.body):
                if isinstance(node, ScalarOp):
                    self.found.add(type(node))
                self.sorted_values |= isinstance(node, Call) and node.op in ("eigh", "svd")
                self.extrema |= getattr(node, "op", "") in ("max", "min")

    @property
    def analytic(self) -> bool:
        """Whether a complex step makes sense; a choice by a condition on indices is no obstacle, but counts as one."""
        return not self.extrema and not self.sorted_values and all(op.analytic for op in self.found)

    @property
    def has_stop(self) -> bool:
        """Whether a gradient is stopped somewhere."""
        return any(op.__name__ == "StopGradient" for op in self.found)
