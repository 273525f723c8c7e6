"""Python operators of tensors: what ``+ - * / ** @ .T []`` mean, and the error when they mean nothing."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sympy import Expr, Integer, MatrixExpr
from sympy.matrices.matrixbase import MatrixBase

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.numpy_calls import NumpyCalls
from symdl.expr.sizes import same_size, shape_text

if TYPE_CHECKING:
    from symdl.expr.nodes import Tensor


class TensorOperators(NumpyCalls):
    """Operators shared by every tensor. Shapes are checked here, where the user writes the expression."""

    shape: tuple[Expr, ...]
    is_row: bool
    derivative: tuple[int, int] | None
    marked: Callable[[tuple[int, int] | None], Any]
    _op_priority = 100.0  # above SymPy's matrices: mixed expressions become symdl tensors

    def __add__(self, other: Any) -> Any:
        return _combine("+", lambda a, b: a + b, self, other)

    def __radd__(self, other: Any) -> Any:
        return _combine("+", lambda a, b: a + b, other, self)

    def __sub__(self, other: Any) -> Any:
        return _combine("-", lambda a, b: a - b, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _combine("-", lambda a, b: a - b, other, self)

    def __neg__(self) -> Any:
        return _scale("*", Integer(-1), self)

    def __pos__(self) -> Any:
        return self

    def __mul__(self, other: Any) -> Any:
        return _scale("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        from symdl.expr.contract import matmul

        # SymPy's matrices have one product, which their * and @ both ask for.
        return matmul(other, self) if isinstance(other, MatrixExpr | MatrixBase) else _scale("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _scale("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        raise ExpressionError(
            f"{_name(other)} / {_name(self)}: division by a tensor of shape {shape_text(self.shape)} has no meaning; "
            "use sd.divide for the element-wise quotient of two tensors"
        )

    def __pow__(self, exponent: Any) -> Any:
        raise ExpressionError(
            f"{_name(self)} ** {exponent}: ambiguous for a tensor of shape {shape_text(self.shape)}; use sd.power for "
            "the element-wise power or sd.matrix_power for the matrix power"
        )

    def __rpow__(self, base: Any) -> Any:
        raise ExpressionError(
            f"{_name(base)} ** {_name(self)}: ambiguous for a tensor of shape {shape_text(self.shape)}; use sd.power "
            "for the element-wise power"
        )

    def __abs__(self) -> Any:
        raise ExpressionError(
            f"abs({_name(self)}): ambiguous for a tensor of shape {shape_text(self.shape)}; use sd.abs for absolute "
            "values, sd.norm or sd.det"
        )

    def __gt__(self, other: Any) -> Any:
        from symdl.expr.conditions import greater

        return greater(self, other)

    def __ge__(self, other: Any) -> Any:
        from symdl.expr.conditions import greater_equal

        return greater_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        from symdl.expr.conditions import less

        return less(self, other)

    def __le__(self, other: Any) -> Any:
        from symdl.expr.conditions import less_equal

        return less_equal(self, other)

    def __matmul__(self, other: Any) -> Any:
        from symdl.expr.contract import matmul

        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        from symdl.expr.contract import matmul

        return matmul(other, self)

    @property
    def T(self) -> "Tensor":
        """The transpose: a row for order 1 (``w.T @ x`` is a scalar), axes exchanged for order 2."""
        from symdl.expr.contract import transpose

        return transpose(self)

    def __getitem__(self, key: Any) -> Any:
        from symdl.expr.ingest import ingest
        from symdl.expr.slicing import get_item

        return get_item(ingest(self), key)

    def __iter__(self) -> Any:
        raise ExpressionError(f"{_name(self)} is symbolic and cannot be iterated over; index it instead")

    def __bool__(self) -> bool:
        raise ExpressionError(f"the truth value of the symbolic tensor {_name(self)} is not defined")

    def __float__(self) -> float:
        raise ExpressionError(f"{_name(self)} is symbolic; compile it with sd.compile to get numbers")

    if not TYPE_CHECKING:  # because a type checker would take every attribute to exist

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(
                f"a symbolic tensor has no attribute {name!r}; where a function of SymPy or NumPy asks for it, use "
                "symdl's, as sd.sin(x), which takes tensors element by element"
            )


def _name(value: Any) -> str:
    return getattr(value, "name", None) or (str(value) if len(str(value)) < 60 else type(value).__name__)


def operands(what: str, *values: Any) -> list[Any]:
    """Convert operands to tensors and scalars of one common shape, or raise ShapeError naming them.

    Scalars go with every shape, and a tensor whose sizes are all 1 counts as a scalar beside a larger one.
    """
    from symdl.expr.ingest import ingest
    from symdl.expr.nodes import Element, Tensor

    found = [ingest(value) for value in values]
    tensors = [value for value in found if isinstance(value, Tensor)]
    large = [value for value in tensors if any(size != 1 for size in value.shape)] or tensors
    if not large:
        return found
    shape = large[0].shape
    for tensor in large[1:]:
        if len(tensor.shape) != len(shape) or not all(map(same_size, tensor.shape, shape)):
            remedy = "the sizes must be provably equal; broadcast explicitly with sd.broadcast"
            if sorted(map(str, tensor.shape)) == sorted(map(str, shape)) and len(shape) == 2:
                remedy = "transpose one of them with .T"
            elif {len(tensor.shape), len(shape)} == {1, 2} and Integer(1) in (*shape, *tensor.shape):
                remedy = "a column has shape (n, 1) and a vector (n,): declare both alike, or use .T / sd.reshape"
            raise ShapeError(
                f"{_name(large[0])} {what} {_name(tensor)}: shapes {shape_text(shape)} and "
                f"{shape_text(tensor.shape)} differ; {remedy}"
            )
    for position, value in enumerate(found):
        if isinstance(value, Tensor) and value.shape != shape and all(size == 1 for size in value.shape):
            found[position] = Element(value, *[Integer(0)] * len(value.shape))
    return found


def _combine(what: str, function: Callable[..., Expr], *values: Any) -> Any:
    from symdl.expr.nodes import pointwise

    return _marked_like(values, pointwise(function, *operands(what, *values)))


def _marked_like(values: Sequence[Any], result: Any) -> Any:
    """Return a sum or multiple of derivatives marked as all of them are, for its layout in print."""
    marks = {value.derivative if isinstance(value, TensorOperators) else None for value in values}
    mark = marks.pop() if len(marks) == 1 else None
    return result if mark is None or not isinstance(result, TensorOperators) else result.marked(mark)


def _scale(what: str, left: Any, right: Any) -> Any:
    from symdl.expr.ingest import ingest
    from symdl.expr.nodes import Element, Tensor, pointwise

    found = [ingest(left), ingest(right)]
    if all(isinstance(value, Tensor) for value in found):
        for position, value in enumerate(found):
            if all(size == 1 for size in value.shape):
                found[position] = Element(value, *[Integer(0)] * len(value.shape))
                break
    if all(isinstance(value, Tensor) for value in found):
        raise ExpressionError(
            f"{_name(left)} {what} {_name(right)}: both are tensors, of shapes {shape_text(found[0].shape)} and "
            f"{shape_text(found[1].shape)}; write @ for the matrix product, sd.hadamard for the element-wise product, "
            "sd.divide for the element-wise quotient"
        )
    product = pointwise((lambda a, b: a / b) if what == "/" else (lambda a, b: a * b), *found)
    return _marked_like([value for value in (left, right) if isinstance(value, Tensor)], product)
