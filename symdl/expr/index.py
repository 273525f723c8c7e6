"""Index symbols, and substitution of indices in scalar bodies.

Indices are zero-based integer symbols. A closed expression uses canonical names only: ``i0, i1, ...`` for the axes of
an array, and ``r0, r1, ...`` for reductions, numbered by nesting height, so that equal formulas are equal objects. Code
that takes expressions apart opens them with fresh indices first.
"""

import itertools
from collections.abc import Mapping
from functools import cache, lru_cache, partial
from typing import Any

import sympy
from sympy import Basic, Expr, Pow, Symbol

from symdl.errors import InternalError

_fresh = itertools.count()

# What SymPy cannot evaluate it cannot evaluate with other names either, and to ask it again is what costs most.
_UNCHANGED_BY_NAMES = (sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge, sympy.floor, sympy.Mod, Pow)


class Index(Symbol):
    """A bound index: a non-negative integer symbol that is never an input of a model."""

    __slots__ = ()

    def __new__(cls, name: str) -> "Index":
        """Return the index of that name."""
        return Symbol.__xnew__(cls, name, integer=True, nonnegative=True, commutative=True)

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.name,), {}


@cache
def axis_index(position: int) -> Index:
    """Return the canonical index of an array's axis."""
    return Index(f"i{position}")


@cache
def reduce_index(level: int) -> Index:
    """Return the canonical index of a reduction at a nesting level."""
    return Index(f"r{level}")


def fresh_index() -> Index:
    """Return an index that occurs nowhere else; names sort in the order in which the indices were made."""
    return Index(f"_k{next(_fresh):09d}")


@lru_cache(maxsize=200_000)
def free_indices(expr: Basic) -> frozenset[Index]:
    """Return the indices that occur free in a scalar expression. Tensors are closed: they are not entered."""
    if isinstance(expr, Index):
        return frozenset((expr,))
    bound = getattr(expr, "bound_indices", None)
    if bound is not None:
        return frozenset().union(*map(free_indices, expr.args)) - frozenset(bound)
    if getattr(expr, "is_symdl_tensor", False) or not expr.args:
        return frozenset()
    return frozenset().union(*(free_indices(argument) for argument in expr.args))


def substitute(expr: Any, mapping: dict[Any, Any]) -> Any:
    """Replace free indices in a scalar expression.

    Linear in the size of the expression: parts without the indices are returned as they are, tensors are not entered.
    The replacements must not contain indices that ``expr`` binds, such as those of a reduction that was not opened:
    an InternalError tells which would be captured.
    """
    if not mapping:
        return expr
    expr = expr if isinstance(expr, Basic) else sympy.sympify(expr)
    keys = frozenset(mapping)
    options = {"evaluate": False} if _renames(mapping, expr) else {}
    new = frozenset().union(*(free_indices(value) for value in mapping.values() if isinstance(value, Basic)))
    memo: dict[Basic, Basic] = {}

    def go(node: Basic) -> Basic:
        if free_indices(node).isdisjoint(keys):
            return node
        found = memo.get(node)
        if found is None:
            if isinstance(node, Index):
                found = mapping[node]
            else:
                captured = new.intersection(getattr(node, "bound_indices", None) or ())
                if captured:
                    raise InternalError(f"{sorted(map(str, captured))} would be captured in {node}: open it first")
                arguments = [go(argument) for argument in node.args]
                found = node.func(*arguments, **(options if isinstance(node, _UNCHANGED_BY_NAMES) else {}))
            memo[node] = found
        return found

    return go(expr)


def check_free(body: Basic, mapping: Mapping[Index, Index]) -> None:
    """Raise an InternalError where a name that indices of a body are to be bound by is free in the body already."""
    captured = (free_indices(body) - mapping.keys()).intersection(mapping.values())
    if captured:
        raise InternalError(f"{sorted(map(str, captured))} would be captured in {body}: open what binds it first")


def _renames(mapping: dict[Any, Any], expr: Expr) -> bool:
    """Tell whether indices only get other names, which no index in the expression has yet."""
    names = set(mapping.values())
    renamed = len(names) == len(mapping) and all(isinstance(name, Index) for name in names)
    return renamed and free_indices(expr).isdisjoint(names)


def rebuild(expr: Expr, transform: Any) -> Expr:
    """Rebuild ``expr`` bottom-up; ``transform(node)`` returns a replacement, or None to descend into the node.

    Shared parts are visited once. Tensors are never entered.
    """
    memo: dict[Basic, Basic] = {}

    def go(node: Basic) -> Basic:
        found = memo.get(node)
        if found is None:
            found = transform(node)
            if found is None:
                if not node.args or getattr(node, "is_symdl_tensor", False):
                    found = node
                else:
                    arguments = [go(argument) for argument in node.args]
                    same = all(new is old for new, old in zip(arguments, node.args, strict=True))
                    found = node if same else node.func(*arguments)
            memo[node] = found
        return found

    return go(expr)


def join_quotients(index: Expr) -> Expr:
    """Use m·floor(e/m) + e mod m = e and floor((e mod m)/m) = 0 in an index expression: a reshape and its inverse."""
    while index.has(sympy.Mod):
        found = next((step for step in map(partial(_joined, index), _sorted(index, sympy.Mod)) if step != index), index)
        if found == index:
            break
        index = found
    return index


def _sorted(expr: Expr, kind: type) -> list[Expr]:
    return sorted(expr.atoms(kind), key=str)


def _joined(index: Expr, remainder: Expr) -> Expr:
    value, size = remainder.args
    zero = sympy.floor(remainder / size)
    if index.has(zero):
        return index.xreplace({zero: sympy.Integer(0)})
    quotient = sympy.floor(sympy.expand(value / size))
    for floor in _sorted(quotient, sympy.floor):
        factor = index.coeff(remainder)
        if factor != 0 and sympy.expand(index.coeff(floor) - factor * size) == 0:
            whole = value - size * (quotient - floor)
            return sympy.expand(index - factor * remainder - factor * size * floor + factor * whole)
    return index
