"""Declarations: scalars, vectors, matrices and tensors with their properties, and named intermediates."""

from typing import Any

from sympy import Expr, Symbol

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.nodes import Array, Element, Named, Tensor, TensorSymbol
from symdl.expr.sizes import same_size, shape_text

PROPERTIES = (
    "symmetric",
    "positive_definite",
    "diagonal",
    "orthogonal",
    "simplex",
    "one_hot",
    "probability",
    "positive",
    "nonnegative",
    "integer",
)
_IMPLIES = {"positive_definite": ("symmetric",), "one_hot": ("simplex",), "diagonal": ("symmetric",)}
SQUARE = ("symmetric", "positive_definite", "diagonal", "orthogonal")


class ScalarSymbol(Symbol):
    """A scalar with its own LaTeX."""

    __slots__ = ("latex_name",)
    latex_name: str

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return self.latex_name if exp is None else f"{self.latex_name}^{{{exp}}}"


def scalar(
    name: str, *, positive: bool = False, nonnegative: bool = False, integer: bool = False, latex: str = ""
) -> Symbol:
    """Declare a real scalar: an ordinary SymPy symbol.

    Args:
        name: Its name in calls.
        positive: Declared greater than 0.
        nonnegative: Declared at least 0.
        integer: Declared integer.
        latex: How it prints; from the name by default (``lambda`` prints as λ).

    Raises:
        ExpressionError: for a name that is none.
    """
    _check_name(name)
    facts: dict[str, bool] = {"real": True}
    facts.update(
        {
            key: True
            for key, value in {"positive": positive, "nonnegative": nonnegative, "integer": integer}.items()
            if value
        }
    )
    if not latex:
        return Symbol(name, **facts)
    symbol = ScalarSymbol(name, **facts)
    symbol.latex_name = latex
    return symbol


def tensor(name: str, *shape: Any, latex: str = "", **properties: bool) -> TensorSymbol:
    """Declare a tensor of any order.

    Args:
        name: Its name in calls.
        *shape: Its sizes, integers or symbols from ``sd.dims``: one after the other, or as one tuple.
        latex: How it prints; from the name by default.
        **properties: Declared facts that simplification may use: ``symmetric``, ``positive_definite``, ``diagonal``,
            ``orthogonal`` (square matrices), ``simplex`` (the last axis sums to 1 and is non-negative), ``one_hot``,
            ``probability`` (in [0, 1]), ``positive``, ``nonnegative``, ``integer``.

    Raises:
        ExpressionError: for an unknown property, or a name that is none.
        ShapeError: for a property that needs a square matrix on another shape, or an order-0 shape.
    """
    _check_name(name)
    facts: set[str] = set()
    for key, value in properties.items():
        if key not in PROPERTIES:
            raise ExpressionError(f"{name}: unknown property {key!r}; expected one of {', '.join(PROPERTIES)}")
        if value:
            facts.update((key, *_IMPLIES.get(key, ())))
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    declared = TensorSymbol(name, tuple(sizes), tuple(facts), latex)
    if declared.order == 0:
        raise ShapeError(f"{name}: a tensor needs at least one axis; declare scalars with sd.scalar")
    square = declared.order == 2 and same_size(*declared.shape)
    for fact in sorted(facts):
        if fact in SQUARE and not square:
            raise ShapeError(f"{name}: {fact} needs a square matrix, found shape {shape_text(declared.shape)}")
    return declared


def matrix(name: str, rows: Any, columns: Any, *, latex: str = "", **properties: bool) -> TensorSymbol:
    """Declare a matrix of shape (rows, columns); properties as for ``sd.tensor``."""
    return tensor(name, rows, columns, latex=latex, **properties)


def vector(name: str, size: Any, *, latex: str = "", **properties: bool) -> TensorSymbol:
    """Declare a vector of shape (size,); properties as for ``sd.tensor``."""
    return tensor(name, (size,), latex=latex, **properties)


def named(name: str, expr: Any, *, latex: str = "") -> Any:
    """Name an intermediate, as a book does: the result equals ``expr``, prints as ``name`` and is kept when derived.

    Args:
        name: The name; derived quantities are named after it (δ for ``z``, ζ for ``a``).
        expr: A tensor or a scalar expression.
        latex: How it prints; from the name by default.

    Raises:
        ExpressionError: for a name that is none, or something else than a tensor or a scalar.
    """
    from symdl.expr.ingest import ingest

    _check_name(name)
    value = ingest(expr)
    if isinstance(value, Tensor):
        return Named(name, value, latex)
    if isinstance(value, Expr):
        return Element(Named(name, Array(value), latex))
    raise ExpressionError(f"{name}: expected a tensor or a scalar, found {value}")


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isprintable() or not name or name[0].isdigit():
        raise ExpressionError(f"expected a name, a string such as 'x' that begins with no digit, found {name!r}")
