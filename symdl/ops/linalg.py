"""Linear algebra of matrices, batches of matrices included: inverse, solve, determinant, Cholesky, eigenvalues, SVD.

Operands are matrices, or tensors of matrices in the last two axes. Each operation is one node, ``symdl.expr.calls``;
derivatives hold the same operations again.
"""

from typing import Any

import sympy
from sympy import Rational

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.calls import call, is_symmetric
from symdl.expr.contract import reduce_axes
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Tensor, axes_of, pointwise
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import same_size, shape_text
from symdl.ops.reductions import max as largest
from symdl.ops.reductions import norm as euclidean
from symdl.ops.reductions import sum as total


def inv(a: Any) -> Tensor:
    """Inverse of a square matrix, shape (..., n, n).

    Where it is multiplied with something, kernels solve the equations instead of forming it.

    Raises:
        ShapeError: if the matrix is not provably square. At a call, ``sd.NumericalError`` for a singular matrix.
    """
    value = _square(a, "inv")
    return call("inverse", 0, [value], value.shape[:-2])


def solve(a: Any, b: Any) -> Tensor:
    """The solution x of ``a @ x = b``: shape (n,) for a vector b, (..., n, k) for a matrix. Prints as A⁻¹ b.

    Raises:
        ShapeError: if ``a`` is not provably square or ``b`` has not as many rows. At a call, ``sd.NumericalError`` for
            a singular matrix.
    """
    matrix, right = _square(a, "solve"), _tensor(b, "solve")
    if right.order == 1 and not right.is_row and same_size(matrix.shape[-1], right.shape[0]):
        rows = axes_of(right.shape)
        column = Array(Element(right, rows[0][0]), *rows, *axes_of([1]))
        found = call("solve", 0, [matrix, column], matrix.shape[:-2])
        rest = axes_of(found.shape[:-1])
        return Array(Element(found, *(index for index, _ in rest), 0), *rest)
    if right.order < 2 or not same_size(matrix.shape[-1], right.shape[-2]):
        raise ShapeError(
            f"solve: expected a right side with {matrix.shape[-1]} rows for a matrix of shape "
            f"{shape_text(matrix.shape)}, found shape {shape_text(right.shape)}"
        )
    batch = matrix.shape[:-2] if matrix.order >= right.order else right.shape[:-2]
    for part in (matrix.shape[:-2], right.shape[:-2]):
        if not all(map(same_size, reversed(part), reversed(batch))):
            raise ShapeError(
                f"solve: the leading (batch) axes of {shape_text(matrix.shape)} and {shape_text(right.shape)} differ; "
                "broadcast explicitly with sd.broadcast"
            )
    return call("solve", 0, [matrix, right], batch)


def det(a: Any) -> Any:
    """Determinant of a square matrix; a scalar, or one for each matrix of a batch.

    Its derivative is det(A) A⁻ᵀ and so needs a matrix that is not singular.
    """
    value = _square(a, "det")
    return call("determinant", 0, [value], value.shape[:-2])


def logdet(a: Any) -> Any:
    """Logarithm of the determinant of a square matrix whose determinant is positive; it does not overflow.

    At a call, ``sd.NumericalError`` if the determinant is zero or negative.
    """
    value = _square(a, "logdet")
    return call("logdet", 0, [value], value.shape[:-2])


def cholesky(a: Any) -> Tensor:
    """The lower triangular L with L Lᵀ = A and a positive diagonal, for a positive definite A; shape (..., n, n).

    A matrix that is neither declared nor seen to be symmetric counts by its symmetric part, (A + Aᵀ)/2: so derivatives
    are symmetric. At a call, ``sd.NumericalError`` if the matrix is not positive definite.
    """
    value = _symmetric(a, "cholesky")
    return call("cholesky", 0, [value], value.shape[:-2])


def eigh(a: Any) -> tuple[Tensor, Tensor]:
    """Eigenvalues (..., n), ascending, and eigenvectors (..., n, n) as columns, of a symmetric matrix.

    Of each eigenvector the entry that is largest in magnitude is positive (the first of equal ones). A matrix counts by
    its symmetric part, as in ``cholesky``. Derivatives of eigenvectors hold 1/(λ_i - λ_j): where two eigenvalues are
    equal they do not exist, and come out as infinities or NaN. Derivatives of eigenvalues are those of v vᵀ; at equal
    eigenvalues only those of symmetric functions of them, such as their sum, have a meaning.
    """
    value = _symmetric(a, "eigh")
    values, vectors = (call("eigh", which, [value], value.shape[:-2]) for which in range(2))
    return values, vectors


def svd(a: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Thin singular value decomposition (U, s, V) with ``A = U diag(s) Vᵀ``.

    Shapes (..., m, k), (..., k), (..., n, k) with k = min(m, n); s descends. V holds the right singular vectors as
    columns: it is the transpose of what NumPy returns. Of each column of U the entry that is largest in magnitude is
    positive. Derivatives of U and V hold 1/(s_i² - s_j²) and 1/s_i: where singular values are equal or zero they do not
    exist, and come out as infinities or NaN.
    """
    value = _tensor(a, "svd")
    if value.order < 2:
        raise ShapeError(f"svd: expected a matrix, found shape {shape_text(value.shape)}")
    left, values, right = (call("svd", which, [value], value.shape[:-2]) for which in range(3))
    return left, values, right


def norm(x: Any, axis: Any = None, ord: Any = None) -> Any:
    """Euclidean norm of a vector, Frobenius norm of a matrix, or norms along ``axis``. Derivative at 0: 0/0.

    Args:
        x: A tensor.
        axis: An axis, or several; all of them by default.
        ord: Of a matrix: ``"fro"`` (the default), ``"nuc"``, the sum of the singular values, or ``2``, the largest
            one. Of anything, element by element: ``1``, the sum of absolute values, or ``"inf"``, the largest one.

    Raises:
        ExpressionError: for another ``ord``.
        ShapeError: for ``"nuc"`` or ``2`` with an axis, or of a tensor of order 3 and more.
    """
    if ord is None or ord == "fro":
        return euclidean(x, axis)
    value = _tensor(x, "norm")
    if ord == 2 and value.order == 1:
        return euclidean(value, axis)
    if ord in (1, "inf"):
        if value.order != 1 and axis is None:
            raise ExpressionError(f'norm: ord={ord!r} of a matrix has two meanings; give an axis, or "nuc", 2 or "fro"')
        sizes = pointwise(SCALAR_OPS["abs"], value)
        return total(sizes, axis) if ord == 1 else largest(sizes, axis)
    if ord not in ("nuc", 2):
        raise ExpressionError(f'norm: unknown ord {ord!r}; expected "fro", "nuc", 2, 1 or "inf"')
    if axis is not None or value.order != 2:
        raise ShapeError(f"norm: ord={ord!r} is for one matrix, found shape {shape_text(value.shape)}, axis {axis}")
    singular = svd(value)[1]
    return reduce_axes("add", singular, [0]) if ord == "nuc" else Element(singular, 0)


def _tensor(x: Any, what: str) -> Tensor:
    value = ingest(x)
    if not isinstance(value, Tensor):
        raise ExpressionError(f"{what}: expected a matrix, found the scalar {sympy.sstr(value)}")
    return value


def _square(a: Any, what: str) -> Tensor:
    value = _tensor(a, what)
    if value.order < 2 or not same_size(*value.shape[-2:]):
        name = getattr(value, "name", "")
        raise ShapeError(
            f"{what}: expected a square matrix, found {f'{name} of ' if name else ''}shape {shape_text(value.shape)}"
        )
    return value


def _symmetric(a: Any, what: str) -> Tensor:
    """Return a matrix that is certain to be symmetric: itself, or its symmetric part."""
    value = _square(a, what)
    axes = axes_of(value.shape)
    *front, i, j = [index for index, _ in axes]
    if "symmetric" in value.properties or is_symmetric(Element(value, *front, i, j), *axes[-2:]):
        return value
    half = Rational(1, 2)
    return Array(half * Element(value, *front, i, j) + half * Element(value, *front, j, i), *axes)
