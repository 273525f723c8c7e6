"""Static sizes: symbols of sizes replaced by numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
from sympy import Basic, Expr, Symbol

from symdl.expr.recurrence import Recurrence
from symdl.expr.walk import wholes_first


def with_sizes(values: Sequence[Any], sizes: Mapping[Expr, Any]) -> list[Any]:
    """Return values with sizes replaced, each shared part once: SymPy's ``xreplace`` walks the graph as a tree.

    Args:
        values: Tensors or scalar expressions.
        sizes: Numbers by size.
    """
    memo: dict[Basic, Basic] = {size: sympy.Integer(int(value)) for size, value in sizes.items()}

    def go(node: Basic) -> Basic:
        found = memo.get(node)
        if found is None:
            arguments = [go(argument) for argument in node.args]
            same = all(new is old for new, old in zip(arguments, node.args, strict=True))
            found = memo[node] = node if same else node.func(*arguments)
        return found

    return [go(value) for value in values]


def time_sizes(values: Sequence[Any]) -> set[Symbol]:
    """Return the symbols in the lengths of the recurrences that ``values`` are made of."""
    recurrences = [node for node in wholes_first(values) if isinstance(node, Recurrence)]
    lengths = [node.shape[node.axis] for node in recurrences]
    return {symbol for length in lengths for symbol in length.free_symbols if isinstance(symbol, Symbol)}
