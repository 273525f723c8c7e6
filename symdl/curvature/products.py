"""Curvature other than the Hessian: Gauss-Newton and Fisher matrices, the Hessian's diagonal and trace. Book §4.5."""

from collections.abc import Callable
from typing import Any

from sympy import Expr

from symdl.calculus import hessian, jacobian, jvp, variables_of, vjp
from symdl.curvature.structure import structure
from symdl.curvature.structured import applied, elements
from symdl.errors import DerivationError, ShapeError
from symdl.expr.declare import tensor
from symdl.expr.index import Index
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Array, Element, Reduce, Tensor, axes_of, pointwise
from symdl.expr.replace import replaced
from symdl.expr.scalar import SCALAR_OPS
from symdl.simplify import simplify

OUTPUT = "gauss_newton.z"


def gauss_newton(loss: Callable[[Any], Any], z: Any, wrt: Any, v: Any = None) -> Any:
    """Return the Gauss-Newton matrix ``Jᵀ·∇²ℓ(z)·J`` of ℓ(z(θ)), J being the Jacobian of z. Book §4.6.

    It is the Hessian without the terms in second derivatives of z. Where ℓ is convex it is positive semidefinite; for
    the negative log-likelihood of an exponential family in its natural parameter z it is the Fisher matrix.

    Args:
        loss: ℓ, called with a tensor of the shape of z: ``lambda z: sd.losses.cross_entropy_logits(y, z)``.
        z: The output of the model, an expression in the variable.
        wrt: The variable θ, or several in a list.
        v: For one variable, a tensor of its shape; the product with it is returned, without the matrix.

    Returns:
        A tensor of shape ``wrt.shape + wrt.shape``, a nested tuple for a list; with ``v`` one of shape ``wrt.shape``.

    Raises:
        ShapeError: if ℓ(z) is not a scalar, or ``v`` has not the shape of the variable.
        DerivationError: if z does not depend on a variable, for ``v`` with several, or for a loss that is a formula.
    """
    if not callable(loss):
        raise DerivationError("gauss_newton: loss is to be a function of z, as lambda z: sd.losses.squared(y, z), and "
                              "not a formula")  # fmt: skip
    output = ingest(z)
    variables, several = variables_of(wrt, [output], "gauss_newton")
    shape = getattr(output, "shape", ())
    symbol = tensor(OUTPUT, shape)
    value = as_scalar(loss(symbol if shape else Element(symbol)), "gauss_newton: the loss")
    [inner] = replaced([hessian(value, symbol)], {symbol: output if shape else Array(output)})
    if v is not None:
        if several:
            raise DerivationError("gauss_newton: a product with v is for one variable; pass it without a list")
        along = jvp(output, {variables[0]: v})
        return vjp(output, variables[0], applied(inner, along) if shape else inner * along)
    slopes = jacobian(output, variables)

    def block(one: int, two: int) -> Any:
        rows, columns = (axes_of(getattr(variables[k], "shape", ())) for k in (one, two))
        first, second = axes_of(shape), axes_of(shape)
        left, right = _element(slopes[one], [*first, *rows]), _element(slopes[two], [*second, *columns])
        body = Reduce("add", _element(inner, [*first, *second]) * left * right, *first, *second)
        return Array(body, *rows, *columns) if rows or columns else body

    count = range(len(variables))
    found = simplify([block(one, two) for one in count for two in count]).values
    rows = tuple(tuple(found[one * len(variables) + two] for two in count) for one in count)
    return rows if several else rows[0][0]


def fisher(p: Any, wrt: Any) -> Any:
    """Return the Fisher matrix ``Σ_k p_k·∇log p_k·(∇log p_k)ᵀ`` of a distribution over the entries of a tensor.

    Args:
        p: The probabilities of all outcomes, such as ``sd.softmax(W @ x)``. For a distribution of numbers use
            ``gauss_newton`` with the negative log-likelihood.
        wrt: The variable.

    Returns:
        A tensor of shape ``wrt.shape + wrt.shape``.

    Raises:
        ShapeError: if ``p`` is a scalar.
        DerivationError: if it does not depend on the variable.
    """
    outcomes = ingest(p)
    if not isinstance(outcomes, Tensor):
        raise ShapeError("fisher: expected a tensor with the probability of each outcome, found a scalar")
    [variable], _ = variables_of([wrt], [outcomes], "fisher")
    score = jacobian(pointwise(SCALAR_OPS["log"], outcomes), variable)
    rows, columns, own = axes_of(variable.shape), axes_of(variable.shape), axes_of(outcomes.shape)
    body = elements(outcomes, own) * elements(score, [*own, *rows]) * elements(score, [*own, *columns])
    return simplify([Array(Reduce("add", body, *own), *rows, *columns)]).values[0]


def empirical_fisher(losses: Any, wrt: Any) -> Any:
    """Return ``Σ_i ∇C_i·∇C_iᵀ`` over the samples' losses: the uncentred covariance of their gradients, times n.

    Args:
        losses: A vector (n,) with the loss of each sample.
        wrt: The variable.

    Raises:
        ShapeError: if ``losses`` is no vector.
        DerivationError: if it does not depend on the variable.
    """
    each = ingest(losses)
    if getattr(each, "order", 0) != 1:
        raise ShapeError("empirical_fisher: expected a vector with the loss of each sample, shape (n,)")
    [variable], _ = variables_of([wrt], [each], "empirical_fisher")
    slope = jacobian(each, variable)
    rows, columns, own = axes_of(variable.shape), axes_of(variable.shape), axes_of(each.shape)
    body = elements(slope, [*own, *rows]) * elements(slope, [*own, *columns])
    return simplify([Array(Reduce("add", body, *own), *rows, *columns)]).values[0]


def hessian_diagonal(f: Any, wrt: Any) -> Any:
    """Return the diagonal ∂²f/∂w² of the Hessian, of the variable's shape; the other elements are never computed."""
    matrix = hessian(f, wrt)
    return simplify([structure(matrix).diagonal()]).values[0] if isinstance(matrix, Tensor) else matrix


def hessian_trace(f: Any, wrt: Any) -> Expr:
    """Return the trace of the Hessian, the Laplacian Δf: a scalar."""
    matrix = hessian(f, wrt)
    return simplify([structure(matrix).trace()]).values[0] if isinstance(matrix, Tensor) else matrix


def _element(value: Any, axes: list[tuple[Index, Expr]]) -> Expr:
    return elements(value, axes) if isinstance(value, Tensor) else value
