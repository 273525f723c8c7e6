"""Sums with an identity in them: what all terms have in common stands in front, as in (I - û ûᵀ)/‖u‖.

Simplification multiplies products with a Kronecker delta out, so that diag(s) - s sᵀ reads so. A factor of all terms
is taken out again where each of the others then has both indices or none: diag(γ) (I - z̄ z̄ᵀ), but no
diag(s) (I - 1 sᵀ). A product with such a sum is multiplied out.
"""

import sympy
from sympy import Add, Expr, Integer, KroneckerDelta, Mul

from symdl.expr.index import free_indices
from symdl.expr.nodes import Array, Element


def with_shared_factors(body: Expr) -> Expr:
    """Return a sum of which one term is a Kronecker delta times what the others have too, as a product; else itself."""
    terms = [_unfolded(term) for term in Add.make_args(body)]
    if len(terms) < 2 or not any(isinstance(part, KroneckerDelta) for term in terms for part in Mul.make_args(term)):
        return body
    shared = dict(factor.as_base_exp() for factor in Mul.make_args(terms[0]))
    for term in terms[1:]:
        own = dict(factor.as_base_exp() for factor in Mul.make_args(term))
        shared = {base: _nearer(exponent, own.get(base, Integer(0))) for base, exponent in shared.items()}
    shared = {base: exponent for base, exponent in shared.items() if exponent != 0 and not base.is_Number}
    indices = free_indices(body)
    for common in (shared, {base: exponent for base, exponent in shared.items() if not free_indices(base)}):
        factor = Mul(*(base**exponent for base, exponent in common.items()))
        rest = Add(*(term / factor for term in terms))
        if factor != 1 and all(free_indices(term) in (indices, frozenset()) for term in Add.make_args(rest)):
            return Mul(factor, rest, evaluate=False)
        if factor != 1 and not free_indices(factor):
            return Mul(factor, rest, evaluate=False)
    return body


def without_ones(body: Expr) -> Expr:
    """Return a_i (v_j + f_ij) as a_i v_j + a_i f_ij, which needs no matrix of ones: a vᵀ for diag(a) 1 vᵀ."""
    factors = Mul.make_args(body)
    for total in factors:
        if isinstance(total, Add) and len(free_indices(total)) == 2:
            rest = Mul(*(factor for factor in factors if factor is not total))
            own = set().union(*(free_indices(factor) for factor in factors if len(free_indices(factor)) == 1))
            if any(free_indices(term) and own - free_indices(term) for term in total.args):
                return Add(*(rest * term for term in total.args))
    return body


def _unfolded(term: Expr) -> Expr:
    """Return a product with the factors of unnamed arrays in it."""
    factors = []
    for factor in Mul.make_args(term):
        while isinstance(factor, Element) and isinstance(factor.tensor, Array):
            factor = factor.tensor.at(*factor.indices)
        factors.append(factor)
    return Mul(*factors)


def _nearer(first: Expr, second: Expr) -> Expr:
    """Return the exponent that both powers have in common."""
    if not (first.is_Rational and second.is_Rational) or first * second <= 0:
        return first if first == second else Integer(0)
    return sympy.Min(first, second) if first > 0 else sympy.Max(first, second)
