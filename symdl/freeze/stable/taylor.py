"""Removable singularities: near u = 0 a quotient of functions by powers of u is its Taylor polynomial.

``sin(u)/u``, ``(e^u - 1)/u`` and their derivatives of every order cancel there, and have no value at 0 itself. The
coefficients are rational numbers from truncated power series.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from math import factorial

import sympy
from sympy import Add, Basic, Expr, Integer, Mul, Pow, Rational

from symdl.expr.nodes import Element
from symdl.expr.scalar import SCALAR_OPS
from symdl.freeze.stable.exponentials import Step
from symdl.freeze.stable.table import TAYLOR

ORDER = 40  # coefficients that are computed; those that cannot matter inside the radius are dropped
RADIUS = Integer(2)
SMALLEST = 1e-19  # relative to the first coefficient: below the rounding of float64

# Coefficients of functions that are entire, so that 40 of them are enough for |u| < 2.
SERIES: dict[str, Callable[[int], Fraction]] = {
    "exp": lambda k: Fraction(1, factorial(k)),
    "expm1": lambda k: Fraction(1 if k else 0, factorial(k)),
    "sin": lambda k: Fraction((-1) ** (k // 2) if k % 2 else 0, factorial(k)),
    "cos": lambda k: Fraction(0 if k % 2 else (-1) ** (k // 2), factorial(k)),
    "sinh": lambda k: Fraction(k % 2, factorial(k)),
    "cosh": lambda k: Fraction(1 - k % 2, factorial(k)),
}
_OPS = {SCALAR_OPS[name]: coefficients for name, coefficients in SERIES.items()}


class Laurent:
    """A truncated Laurent series Σ_k c_k u^{first + k}."""

    def __init__(self, first: int, coefficients: list[Fraction]) -> None:
        skip = next((k for k, c in enumerate(coefficients) if c), len(coefficients))
        self.first, self.coefficients = first + skip, coefficients[skip:]

    def __add__(self, other: "Laurent") -> "Laurent":
        if not self.coefficients or not other.coefficients:
            return self if self.coefficients else other
        first = min(self.first, other.first)
        end = min(self.first + len(self.coefficients), other.first + len(other.coefficients))
        return Laurent(first, [self[k] + other[k] for k in range(first, end)])

    def __mul__(self, other: "Laurent") -> "Laurent":
        count = min(len(self.coefficients), len(other.coefficients))
        return Laurent(
            self.first + other.first,
            [
                sum((self.coefficients[i] * other.coefficients[k - i] for i in range(k + 1)), Fraction(0))
                for k in range(count)
            ],
        )

    def __getitem__(self, power: int) -> Fraction:
        place = power - self.first
        return self.coefficients[place] if 0 <= place < len(self.coefficients) else Fraction(0)


def _constant(value: Fraction) -> Laurent:
    return Laurent(0, [value] + [Fraction(0)] * (ORDER - 1))


def series(expr: Expr, u: Basic) -> Laurent | None:
    """Return the series of a formula around u = 0, or None where it is not made of + × powers and entire functions."""
    if expr == u:
        return Laurent(1, [Fraction(1)] + [Fraction(0)] * (ORDER - 1))
    if expr.is_Rational:
        return _constant(Fraction(int(expr.p), int(expr.q)))
    if isinstance(expr, Add | Mul):
        parts = [series(argument, u) for argument in expr.args]
        if any(part is None for part in parts):
            return None
        known = [part for part in parts if part is not None]
        return reduce(Laurent.__add__ if isinstance(expr, Add) else Laurent.__mul__, known)
    if isinstance(expr, Pow) and expr.exp.is_Integer:
        if expr.exp.is_negative and expr.base != u:
            return None
        base = (
            Laurent(-1, [Fraction(1)] + [Fraction(0)] * (ORDER - 1)) if expr.exp.is_negative else series(expr.base, u)
        )
        return None if base is None else reduce(Laurent.__mul__, [base] * abs(int(expr.exp)))
    coefficients = _OPS.get(type(expr))
    if coefficients is None:
        return None
    factor = expr.args[0] / u
    if not factor.is_Rational:
        return None
    scale = Fraction(int(factor.p), int(factor.q))
    return Laurent(0, [coefficients(k) * scale**k for k in range(ORDER)])


def near_zero(node: Expr) -> Step | None:
    """Return a product or sum with its part in one variable u as a Taylor polynomial for small u."""
    for u in sorted(_divisors(node), key=str):
        factors = Mul.make_args(node)
        own = [factor for factor in factors if factor.has(u) and _only(factor, u)]
        rest = [factor for factor in factors if factor not in own]
        part = Mul(*own)
        if any(factor.has(u) for factor in rest) or not part.has(*_OPS):
            continue
        found = series(part, u)
        if found is None or found.first < 0 or not found.coefficients:
            continue
        small = SCALAR_OPS["abs"](u) < RADIUS / _fastest(part, u)
        return TAYLOR, Mul(*rest) * SCALAR_OPS["where"](small, _polynomial(found, u, _fastest(part, u)), part)
    return None


def _fastest(part: Expr, u: Basic) -> Expr:
    return max([abs(node.args[0] / u) for op in _OPS for node in part.atoms(op)], default=Integer(1))


def _divisors(node: Expr) -> set[Basic]:
    return {
        power.base
        for power in node.atoms(Pow)
        if power.exp.is_Integer and power.exp.is_negative and isinstance(power.base, Element | sympy.Symbol)
    }


def _only(factor: Expr, u: Basic) -> bool:
    return not factor.xreplace({u: Integer(1)}).free_symbols


def _polynomial(found: Laurent, u: Expr, fastest: Expr) -> Expr:
    """Return the polynomial in Horner's form, in u² if all powers are even or all odd."""
    reach = float(RADIUS / fastest)
    largest = max(abs(float(c)) * reach**k for k, c in enumerate(found.coefficients))
    kept = [k for k, c in enumerate(found.coefficients) if abs(float(c)) * reach**k > SMALLEST * largest]
    end = kept[-1] + 1
    step = 2 if all(k % 2 == 0 for k in kept) else 1
    value: Expr = Integer(0)
    for k in reversed(range(0, end, step)):
        c = found.coefficients[k]
        value = Rational(c.numerator, c.denominator) + value * u**step
    return value * u**found.first
