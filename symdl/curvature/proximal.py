r"""Where a convex function with a kink at 0 is least, as a formula; proximal operators. Book §4.5; catalogue 4.5-prox.

Parikh and Boyd (2014), Proximal algorithms, Foundations and Trends in Optimization 1(3).
"""

from typing import Any

from sympy import Basic, Integer

from symdl.calculus import grad, hessian, variables_of
from symdl.curvature.diagonal import Diagonal
from symdl.curvature.signs import nonnegative
from symdl.curvature.smooth import obstacle
from symdl.curvature.structure import structure
from symdl.errors import DerivationError
from symdl.expr.declare import scalar, tensor
from symdl.expr.ingest import as_scalar
from symdl.expr.nodes import Array, Tensor, TensorSymbol
from symdl.expr.replace import replaced
from symdl.ops.elementwise import abs as absolute
from symdl.ops.elementwise import divide, hadamard, maximum, sign, square
from symdl.ops.reductions import sum as total
from symdl.ops.structure import zeros
from symdl.simplify import simplify


def prox(penalty: Any, wrt: Any, at: Any, alpha: Any = 1) -> Any:
    r"""Return the proximal operator of αR at v, where ½‖θ - v‖² + αR(θ) is least, as a formula in v.

    For R(θ) = λ‖θ‖₁ it is the soft threshold sign(v)·max(|v| - αλ, 0), derived from R as any other.

    Args:
        penalty: R, a sum over the entries of θ, each term a convex quadratic on either side of 0.
        wrt: θ, the variable of R.
        at: v, of the shape of θ.
        alpha: α > 0, a number or a symbol declared ``positive``.

    Raises:
        DerivationError: for another penalty, or one that is not certain to be convex: declare its weights
            ``nonnegative=True``.
        ShapeError: if v has not the shape of θ.
    """
    value = as_scalar(penalty, "prox")
    [variable], _ = variables_of([wrt], [value], "prox")
    theta: Any = variable
    distance = square(theta - at)
    return minimizer_of((total(distance) if isinstance(distance, Tensor) else distance) / 2 + alpha * value, theta)


def minimizer_of(f: Any, wrt: Any) -> Any:
    r"""Return where a function of a number is least, as a formula; for a tensor, where a sum over its entries is.

    f is a convex quadratic on either side of 0, with slopes -u ± λ and curvature a there; its minimum is at
    sign(u)·max(|u| - λ, 0) / a. Where the curvatures differ, it is a difference of two such parts.

    Args:
        f: A scalar expression.
        wrt: The variable.

    Raises:
        DerivationError: for another function, or one that is not certain to be convex.
    """
    value = as_scalar(f, "minimizer_of")
    [variable], _ = variables_of([wrt], [value], "minimizer_of")
    (bend, slope), (bend_left, slope_left) = (_side(value, variable, direction) for direction in (1, -1))
    u, jump = simplify([(slope_left - slope) / 2, (slope_left + slope) / 2]).values
    if not all(nonnegative(_element(part)) for part in (bend, bend_left, jump)):
        raise DerivationError(
            f"minimizer_of: the function is not certain to be convex in {variable}; declare its weights "
            "nonnegative=True"
        )
    if bend != bend_left:
        sides = (divide(maximum(-slope, 0), bend), divide(maximum(-slope_left, 0), bend_left))
        return simplify([sides[0] - sides[1]]).values[0]
    threshold = u if _element(jump) == 0 else hadamard(sign(u), maximum(absolute(u) - jump, 0))
    return simplify([divide(threshold, bend)]).values[0]


def _side(value: Any, variable: Basic, direction: int) -> tuple[Any, Any]:
    """Return the curvature on one side of 0, and the slope at 0 away from it."""
    name, shape = f"{getattr(variable, 'name', '')}.side", getattr(variable, "shape", ())
    away: Any = (
        tensor(name, shape, positive=True) if isinstance(variable, TensorSymbol) else scalar(name, positive=True)
    )
    [moved] = simplify(replaced([value], {variable: direction * away})).values
    why = obstacle(moved, [away])
    if why:
        raise DerivationError(f"minimizer_of: away from 0, {why}")
    slope, bend = grad(moved, away), hessian(moved, away)
    if isinstance(bend, Tensor):
        found = structure(bend)
        if not isinstance(found, Diagonal):
            raise DerivationError(
                f"minimizer_of: the function is no sum over the entries of {variable}; its Hessian is {found.kind}"
            )
        [bend] = simplify([found.diagonal()]).values
    if away in bend.free_symbols:
        raise DerivationError(
            f"minimizer_of: the function is no quadratic of {variable} on either side of 0: its second derivative "
            "changes there"
        )
    origin: Any = zeros(*shape) if shape else Integer(0)
    [at_zero] = simplify(replaced([slope], {away: origin})).values
    return bend, at_zero


def _element(value: Any) -> Any:
    return value.body if isinstance(value, Array) else value
