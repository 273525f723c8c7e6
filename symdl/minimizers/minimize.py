"""``minimize``: a scalar expression to its minimum by a method of second order. Book §4.5 and §4.6."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.errors import InputError, NumericalError
from symdl.minimizers.method import Method, Point, Stop, point
from symdl.minimizers.methods import METHODS
from symdl.minimizers.objective import Objective

FAR = 1e-2  # a next step of this length, relative to the point, shows that the last point is none to end at


@dataclass
class Minimum:
    """Where a minimisation ended.

    Attributes:
        values: The variables' values by name, the best that were found.
        value: C there.
        gradient_norm: The largest absolute entry of ∇C there.
        steps: The number of steps taken.
        converged: Whether the gradient is as small as asked for.
        message: Why it ended.
        history: C at the start and after each step.
    """

    values: dict[str, np.ndarray]
    value: float
    gradient_norm: float
    steps: int
    converged: bool
    message: str
    history: list[float]
    objective: Objective = field(repr=False)

    @property
    def hessian(self) -> np.ndarray:
        """The Hessian at the end, over all variables in one vector."""
        return self.objective.hess(self.objective.pack(self.values))

    @property
    def covariance(self) -> np.ndarray:
        """The inverse of the Hessian: where C is a negative log-likelihood (a sum, no mean), that of the estimates.

        Raises:
            NumericalError: if the Hessian is not positive definite.
        """
        import scipy.linalg

        try:
            factor = scipy.linalg.cho_factor(self.hessian)
        except np.linalg.LinAlgError:
            raise NumericalError(
                "covariance: the Hessian is not positive definite here, so that this is no isolated minimum"
            ) from None
        return np.asarray(scipy.linalg.cho_solve(factor, np.eye(len(self.hessian))))

    @property
    def standard_errors(self) -> dict[str, np.ndarray]:
        """The square roots of the covariance's diagonal, by variable, where C is a negative log-likelihood."""
        return self.objective.unpack(np.sqrt(np.diag(self.covariance)))


def minimize(
    f: Any,
    wrt: Any,
    data: Mapping[Any, Any] | None = None,
    start: Mapping[Any, Any] | None = None,
    method: str | Method = "newton",
    *,
    tolerance: float = 1e-8,
    max_steps: int = 200,
    sizes: Mapping[Any, int] | None = None,
    target: str = "cpu",
    callback: Callable[[dict[str, np.ndarray], float], Any] | None = None,
) -> Minimum:
    """Minimise a scalar expression in double precision.

    Args:
        f: The scalar C. A sum over samples where standard errors are wanted.
        wrt: The variable, or several in a list.
        data: The arrays of all other symbols, by name or symbol.
        start: Where to begin, by name or symbol; zeros by default.
        method: A name (newton, damped-newton, conjugate-gradient, trust-region, bfgs, lbfgs, nonlinear-cg,
            steepest-descent, coordinate-descent), or an object of ``sd.minimizers`` with options:
            ``sd.minimizers.GaussNewton(output=r)``; a C with kinks needs ``ProximalGradient(penalty=R)`` or
            ``CoordinateDescent(penalty=R)``.
        tolerance: Ends when no entry of ∇C is larger in absolute value.
        max_steps: Ends after as many steps.
        sizes: Values of sizes that no array carries.
        target: ``cpu`` or ``numpy``.
        callback: Called after each step with the values by name and C.

    Returns:
        The best point found, and why it ended there. A minimisation that cannot go on says so, and raises nothing.

    Raises:
        InputError: for an unknown method, options out of range, data that do not fit, or a start where C or its
            gradient is not finite.
        DerivationError: if C does not depend on a variable.
    """
    chosen = _method(method)
    if not tolerance >= 0 or isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 0:
        raise InputError(
            "minimize: expected a tolerance of at least 0 and an integer of at least 0 as max_steps, found "
            f"{tolerance!r} and {max_steps!r}"
        )
    objective = Objective(f, wrt, data, sizes, target).check_data("minimize")
    at = point(objective, objective.pack(start))
    if not at.finite:
        raise InputError(f"minimize: C = {at.value} or its gradient is not finite at the start; give another start=")
    state = chosen.begin(objective)
    best, history, message = at, [at.value], ""
    while _largest(at) > tolerance and not message:
        if len(history) > max_steps:
            message = f"not converged after {max_steps} steps; raise max_steps, or begin elsewhere"
            break
        try:
            following = chosen.step(objective, at, state)
        except Stop as reason:
            message = str(reason)
            break
        if np.array_equal(following.x, at.x):
            message = "the last step changed nothing: the gradient is as small as rounding allows"
        at = following
        history.append(at.value)
        best = at if at.value <= best.value or _largest(at) <= tolerance else best
        if callback is not None:
            callback(objective.unpack(at.x), at.value)
    best = at if _largest(at) <= tolerance else best
    converged = _largest(best) <= tolerance
    if converged and best is at:
        message = message or _doubt(chosen, objective, at, state) or chosen.fault(objective, at, state)
        converged = not message
    return Minimum(
        objective.unpack(best.x),
        best.value,
        _largest(best),
        len(history) - 1,
        converged,
        message or f"the gradient is below {tolerance:g}",
        history,
        objective,
    )


def _method(given: Any) -> Method:
    if isinstance(given, str) and given in METHODS:
        return METHODS[given]()
    if not isinstance(given, Method):
        raise InputError(
            f"minimize: unknown method {given!r}; expected one of {', '.join(METHODS)}, or an object, as "
            "sd.minimizers.Newton()"
        )
    return given


def _doubt(method: Method, objective: Objective, at: Point, state: dict[str, Any]) -> str:
    """Return why a point with a small gradient is no minimum, or an empty string.

    Where a function falls for ever, as the likelihood of separable classes does, its gradient vanishes but the steps of
    the method stay long.
    """
    length = method.remaining(objective, at, state)
    size = 1.0 + float(np.linalg.norm(at.x))
    if length <= FAR * size:
        return ""
    return (
        f"the gradient is small, but the next step would still be {length:.3g} long, at a point of norm "
        f"{size - 1:.3g}: the function seems to fall for ever (separable classes have no maximum-likelihood estimate); "
        "add a penalty, or lower the tolerance"
    )


def _largest(at: Point) -> float:
    return float(np.abs(at.gradient).max(initial=0.0))
