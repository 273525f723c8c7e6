"""Sums of which the terms are known sums that cancel: deviations from a mean sum to 0."""

from sympy import Add, Basic, Expr, Mul

from symdl.expr.index import Index, axis_index, free_indices, rebuild, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.structure import order_of_appearance
from symdl.simplify.scope import Scope


class KnownSums:
    """The equations so far that are one sum, and what they say about other sums."""

    def __init__(self) -> None:
        self.places: dict[Expr, tuple[TensorSymbol, list[Index]]] = {}

    def add(self, target: TensorSymbol, body: Expr) -> None:
        """Remember ``target = body``, where ``body`` is a sum that depends on every axis of the target."""
        axes = {axis_index(position) for position, size in enumerate(target.shape) if size != 1}
        if isinstance(body, Reduce) and body.op == "add" and free_indices(body) == axes:
            key, indices = _canonical(body)
            self.places.setdefault(key, (target, indices))

    def cancel(self, expr: Expr, scope: Scope) -> Expr:
        """Return ``expr`` with Σ_k (f - g) = Σ_k f - Σ_k g used where known sums cancel: Σ_k (x_k - Σ_j x_j / n) = 0.

        It is only used where a term disappears: a difference of sums has larger rounding errors than a sum of
        differences.
        """
        if not self.places or not expr.has(Reduce):
            return expr

        def visit(node: Basic) -> Basic | None:
            return self._difference(node, scope) if isinstance(node, Reduce) and node.op == "add" else None

        return rebuild(expr, visit)

    def _difference(self, node: Reduce, scope: Scope) -> Expr:
        axes, content = node.open()
        if not isinstance(content, Add):
            return node
        bound = {index for index, _ in axes}
        terms = []
        for term in content.args:
            outside = [factor for factor in Mul.make_args(term) if not free_indices(factor) & bound]
            inside = [factor for factor in Mul.make_args(term) if free_indices(factor) & bound]
            terms.append(Mul(*outside) * self._named(Reduce("add", Mul(*inside), *axes), scope))
        total = Add(*terms)
        return total if len(Add.make_args(total)) < len(terms) or total == 0 else node

    def _named(self, total: Expr, scope: Scope) -> Expr:
        """Return a known sum as an element of the target it defines."""
        if not isinstance(total, Reduce):
            return total
        key, indices = _canonical(total)
        if key not in self.places:
            return total
        target, order = self.places[key]
        places = dict(zip(order, indices, strict=True))
        found = [places.get(axis_index(position), 0) for position in range(target.order)]
        fits = all(size == 1 or scope.fits(place, size) for place, size in zip(found, target.shape, strict=True))
        return Element(target, *found) if fits else total


def _canonical(body: Expr) -> tuple[Expr, list[Index]]:
    """Return a body with its free indices renamed in the order in which they appear, and that order."""
    places = order_of_appearance(body)
    indices = sorted(free_indices(body), key=lambda index: places[index])
    return substitute(body, {index: axis_index(position) for position, index in enumerate(indices)}), indices
