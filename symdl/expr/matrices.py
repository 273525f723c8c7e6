"""SymPy's matrix expressions, converted to equations node by node, every size checked again."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import sympy
from sympy import Expr, Integer, KroneckerDelta
from sympy.matrices import expressions as mx
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.matrixbase import MatrixBase

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.calls import call
from symdl.expr.contract import kron, matmul, transpose
from symdl.expr.nodes import Array, Element, Tensor, TensorSymbol, axes_of, pointwise
from symdl.expr.sizes import same_size, shape_text

Ingest = Callable[[Any], Any]


def convert_matrix(value: Any, ingest: Ingest) -> Tensor:
    """Return the tensor of order 2 that a SymPy matrix expression means.

    Raises:
        ShapeError: if sizes are not provably equal, where SymPy would have accepted them.
        ExpressionError: for nodes without a meaning here.
    """
    for kind, rule in _RULES.items():
        if isinstance(value, kind):
            return rule(value, ingest)
    known = ", ".join(sorted(kind.__name__ for kind in _RULES))
    raise ExpressionError(f"unknown op {type(value).__name__} in {value}; known matrix expressions are {known}")


def _symbol(value: mx.MatrixSymbol, ingest: Ingest) -> Tensor:
    return TensorSymbol(value.name, value.shape)


def _explicit(value: MatrixBase, ingest: Ingest) -> Tensor:
    axes = axes_of(value.shape)
    (i, _), (j, _) = axes
    body = sum(
        (
            ingest(value[a, b]) * KroneckerDelta(i, a) * KroneckerDelta(j, b)
            for a in range(value.rows)
            for b in range(value.cols)
        ),
        Integer(0),
    )
    return Array(body, *axes)


def _sum(value: mx.MatAdd, ingest: Ingest) -> Tensor:
    terms = [ingest(term) for term in value.args]
    first = terms[0]
    for term in terms[1:]:
        if not all(map(same_size, first.shape, term.shape)):
            raise ShapeError(
                f"{value}: cannot add {value.args[0]} of shape {shape_text(first.shape)} and a term of "
                f"shape {shape_text(term.shape)}; the sizes must be provably equal"
            )
    return pointwise(lambda *elements: sum(elements, Integer(0)), *terms)


def _product(value: mx.MatMul, ingest: Ingest) -> Any:
    scalars: list[Expr] = []
    matrices: list[Any] = []
    for argument in value.args:
        if isinstance(argument, mx.MatrixExpr | MatrixBase):
            matrices.append(ingest(argument))
        elif isinstance(argument, sympy.Pow) and isinstance(argument.base, mx.MatrixExpr):
            raise ExpressionError(
                f"{value}: division by the matrix {argument.base} of shape {argument.base.shape}; "
                "use .inv() of a square matrix, or sd.divide for the element-wise quotient"
            )
        else:
            scalars.append(ingest(argument))
    product = reduce(_times, matrices)
    factor = sympy.Mul(*scalars)
    return product if factor == 1 else pointwise(lambda element: factor * element, product)


def _times(left: Tensor, right: Tensor) -> Any:
    if not same_size(left.shape[1], right.shape[0]):
        for one, other in ((left, right), (right, left)):  # a 1-by-1 matrix counts as a scalar
            if one.shape == (1, 1):
                scalar = Element(one, Integer(0), Integer(0))
                return pointwise(lambda element, factor=scalar: factor * element, other)
    return matmul(left, right)


def _transpose(value: mx.Transpose, ingest: Ingest) -> Tensor:
    return transpose(ingest(value.arg))


def _hadamard(value: mx.HadamardProduct, ingest: Ingest) -> Tensor:
    factors = [ingest(factor) for factor in value.args]
    for factor in factors[1:]:
        if not all(map(same_size, factors[0].shape, factor.shape)):
            raise ShapeError(
                f"{value}: shapes {shape_text(factors[0].shape)} and {shape_text(factor.shape)} differ; "
                "the Hadamard product takes equal shapes"
            )
    return pointwise(lambda *elements: sympy.Mul(*elements), *factors)


def _hadamard_power(value: Any, ingest: Ingest) -> Tensor:
    return pointwise(lambda base: base ** ingest(value.exp), ingest(value.base))


def _apply(value: Any, ingest: Ingest) -> Tensor:
    return pointwise(lambda element: ingest(value.function(element)), ingest(value.expr))


def _power(value: mx.MatPow, ingest: Ingest) -> Tensor:
    base, exponent = ingest(value.base), value.exp
    if not same_size(*base.shape):
        raise ShapeError(
            f"{value}: power of the non-square matrix {value.base} of shape {shape_text(base.shape)}; "
            "use sd.power for the element-wise power"
        )
    if not exponent.is_Integer:
        raise ExpressionError(f"{value}: only integer matrix powers are known, found exponent {exponent}")
    if exponent == 0:
        return _identity(mx.Identity(base.shape[0]), ingest)
    factor = call("inverse", 0, [base]) if exponent.is_negative else base
    return reduce(matmul, [factor] * abs(int(exponent)))


def _kron(value: mx.KroneckerProduct, ingest: Ingest) -> Tensor:
    return reduce(kron, map(ingest, value.args))


def _diagonal_of(value: mx.DiagonalOf, ingest: Ingest) -> Tensor:
    """The diagonal, as a column."""
    matrix = ingest(value.arg)
    (i, size), *rest = axes_of(value.shape)
    return Array(Element(matrix, i, i), (i, size), *rest)


def _diagonal_part(value: mx.DiagonalMatrix, ingest: Ingest) -> Tensor:
    """What is on the diagonal of a matrix, and zero elsewhere."""
    axes = axes_of(value.shape)
    (i, _), (j, _) = axes
    return Array(KroneckerDelta(i, j) * Element(ingest(value.arg), i, j), *axes)


def _identity(value: mx.Identity, ingest: Ingest) -> Tensor:
    axes = axes_of(value.shape)
    return Array(KroneckerDelta(axes[0][0], axes[1][0]), *axes)


def _ones(value: mx.OneMatrix, ingest: Ingest) -> Tensor:
    return Array(Integer(1), *axes_of(value.shape))


def _zeros(value: mx.ZeroMatrix, ingest: Ingest) -> Tensor:
    return Array(Integer(0), *axes_of(value.shape))


def _diagonal(value: Any, ingest: Ingest) -> Tensor:
    vector = ingest(value.args[0])
    if 1 not in vector.shape:
        raise ShapeError(f"{value}: expected a column or row, found shape {shape_text(vector.shape)}")
    size = vector.shape[0] if vector.shape[1] == 1 else vector.shape[1]
    axes = axes_of((size, size))
    (i, _), (j, _) = axes
    element = Element(vector, i, Integer(0)) if vector.shape[1] == 1 else Element(vector, Integer(0), i)
    return Array(KroneckerDelta(i, j) * element, *axes)


def _slice(value: mx.MatrixSlice, ingest: Ingest) -> Tensor:
    rows, columns = (slice(*part) for part in (value.rowslice, value.colslice))
    return ingest(value.parent)[rows, columns]


def _block(value: mx.BlockMatrix, ingest: Ingest) -> Tensor:
    from symdl.expr.stacking import concat

    return concat(
        [
            concat([ingest(value.blocks[i, j]) for j in range(value.blocks.cols)], axis=1)
            for i in range(value.blocks.rows)
        ],
        axis=0,
    )


_RULES: dict[Any, Callable[[Any, Ingest], Any]] = {
    mx.MatrixSymbol: _symbol,
    MatrixBase: _explicit,
    mx.MatAdd: _sum,
    mx.MatMul: _product,
    mx.Transpose: _transpose,
    mx.HadamardProduct: _hadamard,
    mx.HadamardPower: _hadamard_power,
    ElementwiseApplyFunction: _apply,
    mx.Identity: _identity,
    mx.OneMatrix: _ones,
    mx.ZeroMatrix: _zeros,
    mx.DiagMatrix: _diagonal,
    mx.MatrixSlice: _slice,
    mx.BlockMatrix: _block,
    mx.MatPow: _power,
    mx.Inverse: _power,
    mx.Adjoint: _transpose,
    mx.KroneckerProduct: _kron,
    mx.DiagonalOf: _diagonal_of,
    mx.DiagonalMatrix: _diagonal_part,
}
