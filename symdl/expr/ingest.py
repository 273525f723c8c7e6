"""What a user wrote, checked and turned into symdl's nodes: SymPy matrix expressions, indexed notation, numbers.

SymPy accepts nonsense with symbolic sizes, so every public function passes its arguments through ``ingest`` first:
sizes that are not provably equal, powers of non-square matrices, scalar functions of tensors, sums that leave an axis,
and ops without a meaning here raise with the symbol, both shapes and the remedy.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from sympy import Basic, Expr, Integer, KroneckerDelta, MatrixExpr, Symbol
from sympy.logic.boolalg import Boolean
from sympy.matrices.matrixbase import MatrixBase

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.calls import call
from symdl.expr.index import Index, rebuild
from symdl.expr.indexed import convert_indexed, convert_sum, declare_base
from symdl.expr.matrices import convert_matrix
from symdl.expr.nodes import Call, Element, Reduce, Tensor
from symdl.expr.ranges import check_ranges
from symdl.expr.scalar import FROM_SYMPY, ScalarOp

_PLAIN = (
    sympy.Add,
    sympy.Mul,
    sympy.Pow,
    sympy.Number,
    sympy.NumberSymbol,
    Symbol,
    KroneckerDelta,
    ScalarOp,
    Reduce,
    Call,
    Element,
    Boolean,
    sympy.Rel,
    sympy.floor,
    sympy.ceiling,
    sympy.Mod,
    sympy.Tuple,
    sympy.core.symbol.Str,
)


def ingest(value: Any) -> Any:
    """Return ``value`` as a symdl tensor or a scalar SymPy expression over symdl nodes.

    Args:
        value: A symdl tensor, a SymPy matrix expression or explicit matrix, an ``IndexedBase`` with a shape, a scalar
            SymPy expression (``Sum`` and ``Indexed`` included), or a number.

    Raises:
        ExpressionError: for arrays, booleans, ops without a meaning here and scalar functions of tensors.
        ShapeError: for sizes that do not fit.
    """
    if isinstance(value, Tensor):
        return value.marked(None)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | np.ndarray | list | tuple | str) or (callable(value) and not isinstance(value, Basic)):
        raise ExpressionError(
            f"expected a symbolic expression or a number, found {type(value).__name__}; "
            "declare a tensor with sd.matrix or sd.vector and pass its array at the call"
        )
    if isinstance(value, complex):
        raise ExpressionError(f"expected a real number, found {value}")
    if isinstance(value, int | float):
        return sympy.sympify(value)
    if isinstance(value, MatrixBase):
        value = value.as_immutable()
    if not isinstance(value, Basic | MatrixBase):
        raise ExpressionError(f"expected a symbolic expression or a number, found {type(value).__name__}")
    if isinstance(value, Expr) and not isinstance(value, MatrixExpr | sympy.IndexedBase) and value.is_Atom:
        return _scalar_node(value) or value
    return _ingest(value)


@lru_cache(maxsize=50_000)
def _ingest(value: Any) -> Any:
    if isinstance(value, MatrixExpr | MatrixBase):
        return convert_matrix(value, ingest)
    if isinstance(value, sympy.IndexedBase):
        return declare_base(value)
    check_ranges(value)
    return _convert(value)


def _convert(value: Basic) -> Basic:
    """Convert a scalar tree whose ranges were checked."""
    return rebuild(value, _scalar_node)


def _scalar_node(node: Basic) -> Basic | None:
    """Convert one node of a scalar tree; None keeps it and converts its arguments."""
    if isinstance(node, Tensor | Index | sympy.Tuple):  # a tuple here is an axis of a reduction: its extent is a size
        return node
    if isinstance(node, sympy.Number) and (node.is_finite is False or node.is_real is False):
        raise ExpressionError(f"expected finite real numbers, found {node}")
    if node is sympy.I:
        raise ExpressionError("expected a real expression, found the imaginary unit")
    if isinstance(node, sympy.Indexed):
        return convert_indexed(node, ingest)
    if isinstance(node, sympy.Sum | sympy.Product):
        return convert_sum(node, _convert)
    if isinstance(node, sympy.Trace):
        matrix = ingest(node.arg)
        index = Index("_trace")
        return Reduce("add", Element(matrix, index, index), (index, matrix.shape[0]))
    if isinstance(node, sympy.Determinant):
        matrix = ingest(node.arg)
        return call("determinant", 0, [matrix])
    if isinstance(node, sympy.matrices.expressions.matexpr.MatrixElement):
        matrix = ingest(node.parent)
        return Element(matrix, *(rebuild(index, _scalar_node) for index in node.indices))
    if isinstance(node, sympy.matrices.expressions.dotproduct.DotProduct):
        left, right = (ingest(argument) for argument in node.args)
        from symdl.expr.contract import matmul, transpose

        row = left if left.shape[0] == 1 else transpose(left)
        column = right if right.shape[-1] == 1 else transpose(right)
        return Element(matmul(row, column), Integer(0), Integer(0))
    if isinstance(node, sympy.Derivative | sympy.Integral | sympy.Limit):
        raise ExpressionError(f"{node}: unevaluated {type(node).__name__}; use sd.grad and its family for derivatives")
    if isinstance(node, sympy.Piecewise):
        return _piecewise(node)
    if isinstance(node, sympy.ITE | sympy.Xor | sympy.Implies | sympy.Equivalent):  # SymPy nests pieces by ITE
        return rebuild(node.to_nnf(simplify=False), _scalar_node)
    function = FROM_SYMPY.get(type(node))
    if function is not None:
        return _apply(node, function)
    if isinstance(node, Tensor | MatrixExpr | MatrixBase):
        raise ExpressionError(f"{node}: a tensor where a scalar is due")
    if not isinstance(node, _PLAIN):
        known = ", ".join(sorted(function.__name__ for function in FROM_SYMPY))
        raise ExpressionError(f"unknown op {type(node).__name__} in {node}; known SymPy functions are {known}")
    for argument in node.args:
        if isinstance(argument, MatrixExpr | MatrixBase):
            raise ExpressionError(
                f"{node}: a scalar operation on {argument} of shape {argument.shape}; element-wise functions of a "
                "matrix are sd.exp(A), sd.power(A, k) ... or A.applyfunc(f)"
            )
    return None


def _apply(node: Basic, function: Any) -> Expr:
    for argument in node.args:
        if isinstance(argument, MatrixExpr | MatrixBase | Tensor):
            raise ExpressionError(
                f"{type(node).__name__}({argument}): a scalar function of a tensor of shape {argument.shape}; "
                f"write sd.{type(node).__name__.lower()}({argument}) for the element-wise function"
            )
    return function(*(rebuild(argument, _scalar_node) for argument in node.args))


def _piecewise(node: sympy.Piecewise) -> Expr:
    from symdl.expr.scalar import SCALAR_OPS

    where = SCALAR_OPS["where"]
    *branches, last = node.args
    if last.cond is not sympy.true:
        raise ExpressionError(f"{node}: the last branch of a Piecewise must hold otherwise (condition True)")
    result = rebuild(last.expr, _scalar_node)
    for branch in reversed(branches):
        result = where(rebuild(branch.cond, _scalar_node), rebuild(branch.expr, _scalar_node), result)
    return result


def as_scalar(value: Any, what: str) -> Expr:
    """Return ``value`` as a scalar expression; a tensor whose sizes are all 1 counts as one. ShapeError otherwise."""
    from symdl.expr.sizes import shape_text

    found = ingest(value)
    if isinstance(found, Tensor):
        if any(size != 1 for size in found.shape):
            raise ShapeError(
                f"{what}: expected a scalar, found a tensor of shape {shape_text(found.shape)}; "
                "reduce it with sd.sum or sd.mean, or use sd.jacobian"
            )
        return Element(found, *[Integer(0)] * found.order)
    if not isinstance(found, Expr):
        raise ExpressionError(f"{what}: expected a scalar expression, found {found}")
    return found
