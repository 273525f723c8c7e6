"""Where indices run at a place in a body: inside reductions, and under conditions on indices.

A rule that moves a load to another index, or out from under a condition, asks the scope whether the load stays inside
its tensor. Without an answer the rule does not apply.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import sympy
from sympy import Basic, Expr, Lt

from symdl.expr.calls import Call
from symdl.expr.elements import Element, Reduce, compares_indices
from symdl.expr.index import Index, free_indices
from symdl.expr.scalar import SCALAR_OPS


@dataclass(frozen=True)
class Scope:
    """The extents of the indices, and whether a condition on indices guards the place."""

    extents: tuple[tuple[Index, Expr], ...] = ()
    guarded: bool = False

    def extent(self, index: Basic) -> Expr | None:
        """Return the extent of an index, None if it is not known here."""
        return dict(self.extents).get(index)

    def fits(self, place: Expr, size: Expr) -> bool:
        """Tell whether ``0 <= place < size`` is certain for a number or an index."""
        if place.is_Integer:
            return bool(place.is_nonnegative and (size - place).is_positive)
        extent = self.extent(place)
        return extent is not None and bool(extent == size or (size - extent).is_nonnegative)

    def within(self, axes: Iterable[tuple[Index, Expr]]) -> "Scope":
        """Return the scope inside a reduction."""
        return Scope((*self.extents, *axes), self.guarded)

    def under(self, condition: Basic, holds: bool) -> "Scope":
        """Return the scope where a condition holds, or where it does not; ``index < size`` narrows the index."""
        if not compares_indices(condition):
            return self
        extents = dict(self.extents)
        for part in sympy.And.make_args(condition) if holds else ():
            if isinstance(part, Lt) and isinstance(part.lhs, Index) and not free_indices(part.rhs):
                extents[part.lhs] = part.rhs
        return Scope(tuple(extents.items()), True)

    def loads_fit(self, expr: Basic) -> bool:
        """Tell whether every element in ``expr`` is certain to lie inside its tensor, conditions left aside."""
        return all(
            self.fits(place, size)
            for load in expr.atoms(Element)
            for place, size in zip(load.indices, load.tensor.shape, strict=True)
        )


def map_in_scope(node: Basic, scope: Scope, function: Callable[[Basic, Scope], Basic]) -> Basic:
    """Return ``node`` with ``function`` applied to its arguments, each in its own scope.

    Reductions are opened: an argument inside one is seen with fresh indices, so a rule cannot capture a bound one.
    """
    if not node.args or getattr(node, "is_symdl_tensor", False):
        return node
    if isinstance(node, Reduce):
        axes, content = node.open()
        inner = function(content, scope.within(axes))
        return node if inner == content else Reduce(node.op, inner, *axes)
    if isinstance(node, Call):
        contents = [(axes, function(content, scope.within(axes))) for axes, content in node.open()]
        return node.over(contents).at(*(function(place, scope) for place in node.places))
    scopes = [scope] * len(node.args)
    if isinstance(node, SCALAR_OPS["where"]):
        scopes = [scope, scope.under(node.args[0], True), scope.under(node.args[0], False)]
    arguments = [function(argument, inner) for argument, inner in zip(node.args, scopes, strict=True)]
    same = all(new is old for new, old in zip(arguments, node.args, strict=True))
    return node if same else node.func(*arguments)


def rebuild_in_scope(expr: Expr, scope: Scope, transform: Callable[[Basic, Scope], Basic | None]) -> Expr:
    """Rebuild ``expr`` as ``index.rebuild`` does; ``transform`` is told the scope of each node."""
    memo: dict[tuple[Basic, Scope], Basic] = {}

    def go(node: Basic, scope: Scope) -> Basic:
        found = memo.get((node, scope))
        if found is None:
            found = transform(node, scope)
            if found is None:
                found = map_in_scope(node, scope, go)
            memo[node, scope] = found
        return found

    return go(expr, scope)
