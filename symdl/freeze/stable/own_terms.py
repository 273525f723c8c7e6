"""Differences of sums that have a term in common: it is left out of both where it is most of what they are.

A softmax's Jacobian times a vector has the factor v_i - Σ_k p_k v_k, the gradient of log-softmax is
w_i - p_i Σ_k w_k, the Hessian of a norm times a vector v_i/‖x‖ - x_i Σ_k x_k v_k/‖x‖³. With Σ_k p_k = 1 all of them are
a_i Σ_k α_k - b_i Σ_k β_k with a_i α_i = b_i β_i, where α_k ≥ 0 is p_k or x_k². If α_i is nearly all of its sum, what is
left after the two equal terms is made of the others, of which rounding has left nothing. The Hessian of Σ x/‖x‖ is
three such differences: 3 x_i x_j Σ x/‖x‖⁵ goes with each of δ_ij Σ x/‖x‖³, x_i/‖x‖³ and x_j/‖x‖³.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sympy import Add, Basic, Expr, Integer, KroneckerDelta, Mul, Pow, Rational, expand_mul

from symdl.expr.index import Index, axis_index, free_indices, rebuild, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, elements_of
from symdl.freeze.stable.scalars import open_at

_where = SCALAR_OPS["where"]
MOST = Rational(9, 16)  # an entry above this part of a sum is left with those of at most half of it
HALF = Rational(1, 2)
MANY_TERMS = 8


@dataclass(frozen=True)
class Weight:
    """Weights α_k ≥ 0 along an axis with their sum A: ``entry`` is α_k at the axis' index, ``own`` is α_i/A."""

    own: Expr
    entry: Expr
    axis: tuple[Index, Expr]
    total: Expr


class OwnTerms:
    """Finds such differences, and adds the equations of sums without their largest term.

    Args:
        bodies: Those of the equations so far.
        original: The equations so far, as they were.
        equations: Where new ones are appended.
        symbol: Makes a target from a name and a shape.
        softmax_axis: Tells along which axis an intermediate is a softmax.
    """

    def __init__(
        self,
        bodies: Mapping[Basic, Expr],
        original: Mapping[Basic, Equation],
        equations: list[Equation],
        symbol: Callable[[str, tuple[Expr, ...]], TensorSymbol],
        softmax_axis: Callable[[Basic], int | None],
    ) -> None:
        self.bodies, self.original, self.equations = bodies, original, equations
        self.symbol, self.softmax_axis = symbol, softmax_axis
        self.small: dict[Expr, TensorSymbol] = {}

    def __call__(self, node: Add) -> Expr | None:
        """Return a sum, multiplied out if need be, in which such differences have their own terms left out, or None."""
        spread = expand_mul(node)
        found = [self.pairs(form) for form in dict.fromkeys((spread, node)) if len(Add.make_args(form)) <= MANY_TERMS]
        done, left = max(found, key=lambda pairs: len(pairs[0]), default=([], []))
        return Add(*done, *left) if done else None

    def pairs(self, node: Expr) -> tuple[list[Expr], list[Expr]]:
        """Return all such differences in a sum and the terms that are left."""
        left = [rebuild(term, self.multiple) for term in Add.make_args(node)]
        done: list[Expr] = []
        while (pair := self.pair(left)) is not None:
            found, left = pair
            done.append(found)
        return done, left

    def pair(self, terms: list[Expr]) -> tuple[Expr, list[Expr]] | None:
        """Return the first such difference and the terms that are left; of a term n·b_i B/A it takes one part."""
        for first, second in itertools.permutations(terms, 2):
            parts, _ = (-second / first).as_coeff_Mul()
            one = second / parts if parts.is_Integer and parts > 1 else second
            found = self.diagonal(first, one) or self.difference(first, one)
            if found is not None:
                rest = [term for term in terms if term is not first and term is not second]
                return found, rest if one is second else [*rest, second - one]
        return None

    def multiple(self, node: Basic) -> Basic | None:
        """Write out an intermediate that is a number times another one."""
        if not isinstance(node, Element):
            return None
        number, other = self.bodies.get(node.tensor, node).as_coeff_Mul()
        return node if number == 1 or not isinstance(other, Element) else number * open_at(other, node)

    def difference(self, first: Expr, second: Expr) -> Expr | None:
        """Return P + Q, P = a_i and Q = -b_i B/A, as P A'/A + Q B'/B, the sums A', B' without k = i."""
        ratio = -second / first
        for total in Mul.make_args(ratio):
            opened = self.opened(total)
            if opened is None:
                continue
            axis, content = opened
            for place in sorted({place for load in elements_of(ratio) for place in load.indices}, key=str):
                own = _moved(content, axis[0], place)
                weight = None if own is None else self.weight(ratio * own / total, place)
                if weight is None or weight.axis[1] != axis[1]:
                    continue
                left = self.others(weight.entry, weight)
                right = self.others(substitute(content, {axis[0]: weight.axis[0]}), weight)
                if left is not None and right is not None:
                    return _where(
                        weight.own > MOST, first * left / weight.total + second / total * right, first + second
                    )
        return None

    def diagonal(self, first: Expr, second: Expr) -> Expr | None:
        """Return c (δ_ij - R_ij) with R_ii = α_i/A as c (δ_ij A'/A - (1 - δ_ij) R_ij)."""
        for delta in first.atoms(KroneckerDelta) & set(Mul.make_args(first)):
            common = first / delta
            ratio = -second / common
            for place, other in (delta.args, delta.args[::-1]):
                if not isinstance(other, Index):
                    continue
                own = _moved(ratio, other, place)
                weight = None if own is None else self.weight(own, place)
                rest = None if weight is None else self.others(weight.entry, weight)
                if weight is not None and rest is not None:
                    left = _where(weight.own > MOST, rest / weight.total, 1 - weight.own)
                    return common * (delta * left - (1 - delta) * ratio)
        return None

    def opened(self, total: Expr) -> tuple[tuple[Index, Expr], Expr] | None:
        """Return (axis, term) of the sum along one axis that an intermediate is."""
        if not isinstance(total, Element):
            return None
        equation, body = self.original.get(total.tensor), self.bodies.get(total.tensor)
        if equation is None or equation.loop is not None or not (isinstance(body, Reduce) and body.op == "add"):
            return None
        axes, content = body.open()
        if len(axes) != 1:
            return None
        return axes[0], open_at(content, total)

    def weight(self, own: Expr, place: Expr) -> Weight | None:
        """Return the weights of which a formula is α_i/A at i = place: a softmax, or squares beside their sum."""
        if isinstance(own, Element):
            along = self.softmax_axis(own.tensor)
            if along is None or own.indices[along] != place:
                return None
            return None if place in (*own.indices[:along], *own.indices[along + 1 :]) else self.softmax(own, along)
        for factor in own.args if isinstance(own, Mul) else ():
            if isinstance(factor, Pow) and factor.exp == -1 and (opened := self.opened(factor.base)) is not None:
                axis, content = opened
                square = isinstance(content, Pow) and content.exp.is_even is True
                if square and substitute(content, {axis[0]: place}) == own * factor.base:
                    return Weight(own, content, axis, factor.base)
        return None

    def softmax(self, own: Element, axis: int) -> Weight:
        """Return the entries of a softmax as weights."""
        inside = Index("_own")
        places = [inside if k == axis else index for k, index in enumerate(own.indices)]
        return Weight(own, Element(own.tensor, *places), (inside, own.tensor.shape[axis]), Integer(1))

    def others(self, content: Expr, weight: Weight) -> Expr | None:
        """Return Σ_k content over all k but the one whose weight is more than half of the sum, or None.

        None where the extent of an index is not told by an intermediate or input that is read at that index.
        """
        small = _where(weight.entry <= HALF * weight.total, content, 0)
        free = sorted(free_indices(small) - {weight.axis[0]}, key=lambda index: index.name)
        sizes = dict(pair for load in elements_of(small) for pair in zip(load.indices, load.tensor.shape, strict=True))
        if not all(index in sizes for index in free):
            return None
        body = Reduce("add", substitute(small, {i: axis_index(k) for k, i in enumerate(free)}), weight.axis)
        target = self.small.get(body)
        if target is None:
            load = next(iter(elements_of(weight.entry)))
            target = self.small[body] = self.symbol(f"{load.tensor.name}_rest", tuple(sizes[index] for index in free))
            self.equations.append(Equation(target, body))
        return Element(target, *free)


def _moved(expr: Expr, index: Index, place: Expr) -> Expr | None:
    """Return a formula at another place; None where the place is a number that its conditions may exclude."""
    if expr.has(_where) and not isinstance(place, Index):
        return None
    return substitute(expr, {index: place})
