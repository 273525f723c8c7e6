"""Names in LaTeX as symbols carry them, with superscripts and subscripts added; letters for indices."""

from collections.abc import Iterable, Iterator
from typing import Any

from sympy import Basic, Expr, KroneckerDelta, Symbol

from symdl.errors import NameConflictError
from symdl.expr.nodes import Named, Tensor, TensorSymbol
from symdl.expr.walk import wholes_first
from symdl.notation import name_latex

LETTERS = ("i", "j", "k", "l", "m", "r", "s", "t", "u", "v", "a", "b", "c", "d", "h", "p", "q")


def symbol_latex(symbol: Any) -> str:
    """Return the LaTeX of a tensor, named intermediate or scalar symbol: as declared, else from its name."""
    return getattr(symbol, "latex_name", "") or name_latex(symbol.name)


def with_superscript(tex: str, mark: str) -> str:
    r"""Return a name with a superscript, merged with the one it has: ``W^{[1]}`` becomes ``W^{[1]\top}``.

    >>> print(with_superscript("W^{[1]}", r"\top"), with_superscript("x_{1}", r"\top"))
    W^{[1]\top} x_{1}^{\top}
    """
    start = _group_at_end(tex, "^")
    if start is not None:
        return f"{tex[:-1]}{mark}}}"
    return f"{tex}^{{{mark}}}" if not _has_mark(tex, "^") else rf"\left({tex}\right)^{{{mark}}}"


def with_subscript(tex: str, mark: str) -> str:
    """Return a name with a subscript, merged with the one it has.

    >>> with_subscript("x_{1}", "i"), with_subscript("z^{[1]}", "i")
    ('x_{1,i}', 'z^{[1]}_{i}')
    """
    start = _group_at_end(tex, "_")
    if start is not None:
        return f"{tex[:-1]},{mark}}}"
    return f"{tex}_{{{mark}}}" if not _has_mark(tex, "_") else rf"\left({tex}\right)_{{{mark}}}"


def is_marked(tex: str) -> bool:
    """Tell whether a name has a superscript of its own."""
    return _has_mark(tex, "^")


def _group_at_end(tex: str, mark: str) -> int | None:
    """Return where the group ``mark{...}`` that ends the text starts, or None."""
    if not tex.endswith("}"):
        return None
    depth = 0
    for position in range(len(tex) - 1, -1, -1):
        depth += (tex[position] == "}") - (tex[position] == "{")
        if depth == 0:
            return position if position > 0 and tex[position - 1] == mark else None
    return None


def _has_mark(tex: str, mark: str) -> bool:
    depth = 0
    for character in tex:
        depth += (character == "{") - (character == "}")
        if depth == 0 and character == mark:
            return True
    return False


def refuse_one_name_for_two(expr: Basic) -> None:
    """Refuse a formula in which two different intermediates, or an intermediate and an input, print alike.

    Raises:
        NameConflictError: naming both, and the remedy.
    """
    found: dict[str, TensorSymbol | Named] = {}
    for node in names_in(expr):
        other = found.setdefault(symbol_latex(node), node)
        if other != node and Named in (type(other), type(node)):
            kinds = "two intermediates print" if type(other) is type(node) else "an input and an intermediate print"
            raise NameConflictError(
                f"{node.name}: {kinds} as {symbol_latex(node)} and differ; give one of them another name or latex"
            )


def refuse_two_deltas(expr: Basic, content: str) -> None:
    r"""Refuse a formula that prints as ``content``, with Kronecker's delta \delta_{i, j} beside a symbol of that name.

    Raises:
        NameConflictError: naming the symbol, and the remedy.
    """
    if r"\delta_{" not in content or not any(isinstance(node, KroneckerDelta) for node in wholes_first([expr])):
        return
    for node in names_in(expr):
        if symbol_latex(node) == r"\delta":
            raise NameConflictError(rf"{node.name}: prints as \delta, as Kronecker's delta does; give another latex=")


def names_in(expr: Basic) -> list[TensorSymbol | Named]:
    """Return the tensors that print by name in an expression; what a name stands for is not looked into."""
    return [node for node in _printed(expr) if isinstance(node, TensorSymbol | Named)]


def used_names(expr: Basic) -> set[str]:
    """Return the names that index letters must avoid: of tensors, scalars and sizes in an expression."""
    found: set[str] = set()
    for node in _printed(expr):
        if isinstance(node, TensorSymbol | Named | Symbol):
            found.add(node.name)
        if isinstance(node, Tensor):
            found.update(_size_names(node.shape))
    return found


def _printed(expr: Basic) -> Iterator[Basic]:
    return wholes_first([expr], lambda node: () if isinstance(node, TensorSymbol | Named) else node.args)


def _size_names(sizes: Iterable[Expr]) -> set[str]:
    return {symbol.name for size in sizes for symbol in size.free_symbols}
