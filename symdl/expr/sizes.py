"""Sizes: positive integer symbols and integers, and what can be proved about them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr, Symbol

from symdl.errors import ShapeError


def dims(names: str | Iterable[str]) -> Any:
    """Declare sizes: positive integer SymPy symbols.

    Args:
        names: One or several names, separated by spaces or commas, as in ``sympy.symbols``.

    Returns:
        One symbol, or a tuple of symbols.

    >>> n, p = dims("n p")
    >>> n.is_positive
    True
    """
    if not names or not all(isinstance(name, str) for name in (names if isinstance(names, Iterable) else [names])):
        raise ShapeError(f"dims: expected the names of sizes, as in sd.dims('n p'), found {names or 'none'}")
    return sympy.symbols(names, integer=True, positive=True)


def as_size(value: Any, what: str) -> Expr:
    """Return ``value`` as a SymPy size; raise ShapeError unless it is a non-negative integer or an integer symbol."""
    try:
        size = plain_size(sympy.sympify(value))
    except (sympy.SympifyError, TypeError) as error:
        raise ShapeError(f"{what}: expected a size (an integer or a symbol from sd.dims), found {value!r}") from error
    if isinstance(size, Symbol) and size.is_integer is None:
        return size  # a plain SymPy Symbol("n"), as in MatrixSymbol("X", n, p): a size by its place
    if not isinstance(size, Expr) or size.is_integer is False or size.is_negative:
        raise ShapeError(f"{what}: expected a non-negative integer size, found {value!r}; declare sizes with sd.dims")
    return size


_WIDTHS: dict[Symbol, sympy.Indexed] = {}


def plain_size(size: Any) -> Any:
    """Return a size with every width of a numbered layer, ``N[3]``, as an ordinary symbol, ``N3``."""
    if not isinstance(size, Expr) or not size.has(sympy.Indexed):
        return size
    mapping = {}
    for width in size.atoms(sympy.Indexed):
        if all(index.is_Integer for index in width.indices):
            symbol = Symbol(f"{width.base.label}{width.indices[0]}", integer=True, positive=True)
            _WIDTHS[symbol] = width
            mapping[width] = symbol
    return size.xreplace(mapping)


def width_of(size: Any) -> sympy.Indexed | None:
    """Return ``N[3]`` for the symbol ``N3`` that ``plain_size`` made of it; None for any other size."""
    return _WIDTHS.get(size)


@lru_cache(maxsize=10_000)
def same_size(left: Expr, right: Expr) -> bool:
    """Tell whether two sizes are provably equal for all values of their symbols."""
    return left == right or sympy.simplify(left - right) == 0


def axis_position(axis: Any, order: int, what: str) -> int:
    """Return an axis counted from the front; ShapeError unless it is an integer with -order <= axis < order."""
    if isinstance(axis, bool) or not isinstance(axis, int) or not -order <= axis < order:
        raise ShapeError(f"{what}: axis {axis!r} is out of range for order {order}")
    return axis % order


def shape_text(shape: Iterable[Expr]) -> str:
    """Return a shape as text, ``(n, p)``."""
    sizes = [str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
