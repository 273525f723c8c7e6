"""Sums of exponentials, pointwise: the largest one is taken out where they are divided by, or under a logarithm."""

from functools import reduce

from sympy import Add, Expr, Integer, Mul, Pow

from symdl.expr.scalar import SCALAR_OPS
from symdl.freeze.stable.rule import Rule
from symdl.freeze.stable.table import DIFFERENCE, LOG_SUM, SIGMOID, SUM_SCALE

_exp, _log, _log1p, _expm1 = (SCALAR_OPS[name] for name in ("exp", "log", "log1p", "expm1"))
_maximum, _abs, _sign = (SCALAR_OPS[name] for name in ("maximum", "abs", "sign"))

Terms = list[tuple[Expr, Expr]]
Step = tuple[Rule, Expr]  # the rule that was used, and what came out


def terms_of(expr: Expr) -> Terms | None:
    """Return (factor, exponent) for each term of a sum of exponentials and constants, or None if it is none.

    A factor is a number or free of exponentials; an exponent that this module has shifted does not count again.
    """
    if not isinstance(expr, Add):
        return None
    found: Terms = []
    for term in expr.args:
        factors: list[Expr] = []
        exponents: list[Expr] = []
        for factor in Mul.make_args(term):
            base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
            if isinstance(base, _exp) and power.is_Integer:
                exponents.append(power * base.args[0])
            else:
                factors.append(factor)
        if not all(factor.is_number for factor in factors):
            return None
        found.append((Mul(*factors), Add(*exponents)))
    exponents = [exponent for _, exponent in found]
    if all(exponent.is_number for exponent in exponents) or any(exponent.has(_maximum) for exponent in exponents):
        return None
    return found


def scaled(expr: Expr) -> tuple[Expr, Expr] | None:
    """Return (m, Σ_j c_j e^{u_j - m}) for a sum Σ_j c_j e^{u_j}, or None."""
    terms = terms_of(expr)
    if terms is None:
        return None
    largest = reduce(_maximum, [exponent for _, exponent in terms])
    return largest, Add(*(factor * _exp(exponent - largest) for factor, exponent in terms))


def of_power(node: Pow) -> Step | None:
    """Take the largest exponential out of a sum that is divided by."""
    if not (node.exp.is_Integer and node.exp.is_negative):
        return None
    terms = terms_of(node.base)
    if terms is not None and len(terms) == 2 and all(factor == 1 for factor, _ in terms):
        zero = [exponent == 0 for _, exponent in terms]
        if any(zero):
            return SIGMOID, SCALAR_OPS["sigmoid"](-terms[zero.index(False)][1]) ** -node.exp
    found = scaled(node.base)
    return None if found is None else (SUM_SCALE, _exp(node.exp * found[0]) * found[1] ** node.exp)


def of_product(node: Mul) -> Step | None:
    """Take the largest exponential out of sums that are multiplied with exponentials, so that those can meet."""
    if not any(isinstance(factor, _exp) and factor.has(_maximum) for factor in node.args):
        return None
    factors: list[Expr] = []
    for factor in node.args:
        base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
        found = scaled(base) if power.is_Integer else None
        factors += [factor] if found is None else [_exp(power * found[0]), found[1] ** power]
    return None if factors == list(node.args) else (SUM_SCALE, Mul(*factors))


def of_log(argument: Expr) -> Step | None:
    """Return the logarithm of a sum of exponentials with positive factors."""
    terms = terms_of(argument)
    if terms is None or not all(factor.is_positive for factor, _ in terms):
        return None
    if len(terms) == 2:
        a, b = (exponent + (_log(factor) if factor != 1 else 0) for factor, exponent in terms)
        if 0 in (a, b):
            return LOG_SUM, SCALAR_OPS["softplus"](a + b)
        return LOG_SUM, _maximum(a, b) + _log1p(_exp(-_abs(a - b)))
    found = scaled(argument)
    return None if found is None else (SUM_SCALE, found[0] + _log(found[1]))


def of_sum(node: Add) -> Step | None:
    """Return c (e^u - e^v) without cancellation; with v = 0 that is ``expm1``, a rule of its own."""
    terms = terms_of(node)
    if terms is None or len(terms) != 2:
        return None
    (c, u), (d, v) = terms
    if c + d != 0 or 0 in (u, v):
        return None
    return DIFFERENCE, -c * _sign(u - v) * _exp(_maximum(u, v)) * _expm1(-_abs(u - v))
