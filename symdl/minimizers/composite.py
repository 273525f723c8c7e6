"""Methods for C = f + R with a smooth f and a penalty R that has kinks, whose proximal operator is derived."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.compile import CompiledFunction, compile
from symdl.curvature import prox
from symdl.errors import InputError
from symdl.expr.declare import scalar, tensor
from symdl.expr.ingest import as_scalar
from symdl.expr.nodes import TensorSymbol
from symdl.expr.scalar import ScalarOp
from symdl.expr.system import trace
from symdl.minimizers.method import Method
from symdl.minimizers.objective import Objective
from symdl.simplify import simplify

STEP = scalar("proximal.step", positive=True)
POINT = "proximal.point."
ROUNDING = 8 * np.finfo(np.float64).eps  # of values, relative: what is no increase


class Parts:
    """The two parts of an objective.

    Attributes:
        smooth: f = C - R.
    """

    def __init__(self, objective: Objective, penalty: Any) -> None:
        self.objective, self.smooth = objective, objective
        self._penalty: CompiledFunction | None = None
        self._prox: dict[str, CompiledFunction] = {}
        if penalty is None:
            return
        value = as_scalar(penalty, "penalty")
        [rest] = simplify([objective.value - value]).values
        kept = _kinks(rest) & _kinks(value)
        if kept:
            raise InputError(
                f"penalty: the objective without it still has {', '.join(sorted(kept))}; pass the very term that the "
                "objective has, with its weight"
            )
        self.smooth = Objective(rest, objective.variables, objective.data, objective.sizes, objective.target)
        self._penalty = compile(value, objective.target)
        for variable in objective.variables:
            if variable in value.free_symbols:
                at = _point_of(variable)
                self._prox[variable.name] = compile(prox(value, variable, at, STEP), objective.target)

    def value(self, x: np.ndarray) -> float:
        """Return C."""
        return self.smooth.fun(x) + self.penalty(x)

    def penalty(self, x: np.ndarray) -> float:
        """Return R."""
        return 0.0 if self._penalty is None else float(self.objective.call(self._penalty, x))

    def prox(self, v: np.ndarray, alpha: float) -> np.ndarray:
        """Return the proximal operator of αR at v."""
        parts = self.objective.unpack(v)
        for name, function in self._prox.items():
            more = {f"{POINT}{name}": parts[name], STEP.name: alpha}
            parts[name] = np.asarray(self.objective.call(function, v, more))
        return self.objective.pack(parts)

    def residual(self, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return x - prox(x - ∇f(x)), which is 0 where C is least, and ∇C without a penalty."""
        return gradient if self._penalty is None else x - self.prox(x - gradient, 1.0)


def _point_of(variable: Any) -> Any:
    name = f"{POINT}{variable.name}"
    return tensor(name, variable.shape) if isinstance(variable, TensorSymbol) and variable.order else scalar(name)


def _kinks(value: Any) -> set[str]:
    """Return the names of the functions in a value that have a kink."""
    found: set[str] = set()
    for equation in trace([value]).equations:
        found |= {node.name for node in equation.body.atoms(ScalarOp) if not node.analytic}
    return found


@dataclass(frozen=True)
class Composite(Method):
    """A method that takes C apart; ``Minimum.gradient_norm`` is that of a residual that is 0 at the minimum.

    Attributes:
        penalty: R, a term of C that is a sum over the entries of variables, such as λ‖θ‖₁; see ``sd.prox``.
    """

    penalty: Any = None

    def begin(self, objective: Objective) -> dict[str, Any]:
        """Derive and compile both parts."""
        return {"parts": Parts(objective, self.penalty)}
