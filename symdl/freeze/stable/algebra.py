"""Algebra that takes cancellation out of sums: factors, common denominators, conjugates, quotients under logarithms."""

from collections import defaultdict

import sympy
from sympy import Add, Basic, Dummy, Expr, Integer, Mul, Pow, Rational

from symdl.expr.nodes import Element, Reduce
from symdl.expr.scalar import SCALAR_OPS, ScalarOp
from symdl.freeze.stable.exponentials import Step
from symdl.freeze.stable.table import CONJUGATE, FACTOR, FRACTIONS, LOG_RATIO, POWERS

_log, _log1p, _where = (SCALAR_OPS[name] for name in ("log", "log1p", "where"))
FUNCTIONS = tuple(
    SCALAR_OPS[name] for name in ("exp", "expm1", "sigmoid", "tanh", "sinh", "cosh", "sin", "cos", "erf", "normal_cdf")
)
MANY_TERMS, MANY_ATOMS = 12, 6


class Plain:
    """A formula as a rational function of symbols, which stand for everything that is not + × or an integer power."""

    def __init__(self) -> None:
        self.symbols: dict[Basic, Dummy] = {}
        self.roots: dict[Dummy, Expr] = {}  # r -> r²

    def __call__(self, expr: Expr) -> Expr:
        """Return the formula in symbols."""
        if expr.is_Number:
            return expr
        if isinstance(expr, Add | Mul):
            return expr.func(*map(self, expr.args))
        if isinstance(expr, Pow) and expr.exp.is_Integer:
            return Pow(self(expr.base), expr.exp)
        if isinstance(expr, Pow) and expr.exp.is_Rational and expr.exp.q == 2:
            return self.symbol(Pow(expr.base, Rational(1, 2)), expr.base) ** expr.exp.p
        return self.symbol(expr)

    def symbol(self, atom: Expr, square: Expr | None = None) -> Dummy:
        """Return the symbol of an atom, a root with its square."""
        known = self.symbols.get(atom)
        if known is None:
            known = self.symbols[atom] = Dummy(f"a{len(self.symbols)}", real=True)
            if square is not None:
                self.roots[known] = self(square)
        return known

    def back(self, expr: Expr) -> Expr:
        """Return the formula again."""
        return expr.xreplace({symbol: atom for atom, symbol in self.symbols.items()})


def factored(node: Add) -> Step | None:
    """Factor a sum of powers of functions: e^{2u} - 2e^u + 1 has lost near u = 0 what (e^u - 1)² keeps."""
    if len(node.args) > MANY_TERMS or not node.has(*FUNCTIONS):
        return None
    counts: dict[Basic, int] = defaultdict(int)
    for term in node.args:
        for factor in Mul.make_args(term):
            base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
            if isinstance(base, FUNCTIONS) and power.is_Integer and power.is_positive:
                counts[base] += int(power)
    if not any(count > 1 for count in counts.values()):
        return None
    plain = Plain()
    formula = plain(node)
    if len(plain.symbols) > MANY_ATOMS or not formula.is_polynomial(*plain.symbols.values()):
        return None
    found = sympy.factor(formula)
    return None if isinstance(found, Add) else (FACTOR, plain.back(found))


def cancelled(parts: list[Expr]) -> Expr | None:
    """Return the expanded sum of polynomials if monomials of opposite signs meet in it, or None."""
    terms: dict[Expr, list[Expr]] = defaultdict(list)
    for part in parts:
        for term in Add.make_args(sympy.expand(part)):
            factor, rest = term.as_coeff_Mul()
            terms[rest].append(factor)
    if not any(min(factors) < 0 < max(factors) for factors in terms.values()):
        return None
    return Add(*(Add(*factors) * rest for rest, factors in terms.items()))


def fractions(node: Add) -> Step | None:
    """Bring fractions over one denominator if that cancels terms: 1/(x + 1) - 1/x = -1/(x (x + 1))."""
    if len(node.args) > 4 or not any(_divides(term) for term in node.args):
        return None
    plain = Plain()
    parts = [sympy.fraction(plain(term)) for term in node.args]
    if len(plain.symbols) > MANY_ATOMS:
        return None
    denominator = Integer(1)
    for _, bottom in parts:
        denominator = sympy.lcm(denominator, bottom)
    tops = [sympy.cancel(top * denominator / bottom) for top, bottom in parts]
    if not all(top.is_polynomial(*plain.symbols.values()) for top in tops):
        return None
    if plain.roots and any(part.has(*plain.roots) for part in tops):
        found = conjugate_of(Add(*tops), plain)
        return None if found is None else (FRACTIONS, plain.back(found / sympy.factor(denominator)))
    top = cancelled(tops)
    return None if top is None else (FRACTIONS, plain.back(sympy.factor(top) / sympy.factor(denominator)))


def _divides(term: Expr) -> bool:
    return any(
        isinstance(factor, Pow) and factor.exp.is_Rational and factor.exp.is_negative and not factor.base.is_number
        for factor in Mul.make_args(term)
    )


def conjugate(node: Add) -> Step | None:
    """Multiply a difference with a root by its conjugate: √(1 + x) - 1 = x/(√(1 + x) + 1)."""
    if len(node.args) > 4 or not any(
        isinstance(power, Pow) and power.exp == Rational(1, 2) for power in _factors(node)
    ):
        return None
    plain = Plain()
    formula = plain(node)
    if len(plain.symbols) > MANY_ATOMS or not formula.is_polynomial(*plain.symbols.values()):
        return None
    found = conjugate_of(formula, plain)
    return None if found is None else (CONJUGATE, plain.back(found))


def _factors(node: Add) -> list[Expr]:
    return [factor for term in node.args for factor in Mul.make_args(term)]


def conjugate_of(formula: Expr, plain: Plain) -> Expr | None:
    """Return a + b√c as (a² - b²c)/(a - b√c) where a and b√c have opposite signs, if that cancels terms."""
    used = [root for root in plain.roots if formula.has(root)]
    if len(used) == 2:
        return _two_roots(formula, used[0], used[1], plain)
    if len(used) != 1:
        return None
    root = used[0]
    poly = sympy.Poly(sympy.expand(formula), root)
    if poly.degree() != 1:
        return None
    b, a = poly.all_coeffs()
    top = cancelled([a**2, -(b**2) * plain.roots[root]])
    if top is None or a == 0:
        return None
    other = top / (a - b * root)
    sign = _sign_of(a * b)
    if sign is not None:
        return formula if sign > 0 else other
    return _where(a * b > 0, a + b * root, top / _where(a * b > 0, Integer(1), a - b * root))


def _two_roots(formula: Expr, left: Dummy, right: Dummy, plain: Plain) -> Expr | None:
    """Return c (√a - √b) as c (a - b)/(√a + √b)."""
    p, q = formula.coeff(left), formula.coeff(right)
    if p == 0 or sympy.expand(p + q) != 0 or sympy.expand(formula - p * left - q * right) != 0:
        return None
    top = cancelled([plain.roots[left], -plain.roots[right]])
    return None if top is None else p * top / (left + right)


def _sign_of(expr: Expr) -> int | None:
    return int(sympy.sign(expr)) if expr.is_number else None


def log_ratio(node: Add) -> Step | None:
    """Return c (log a - log b) as c log1p((a - b)/b) if terms of a - b cancel; the larger of the two is on top."""
    if len(node.args) != 2:
        return None
    logs = [
        (term / factor, factor.args[0] + (1 if isinstance(factor, _log1p) else 0))
        for term in node.args
        for factor in Mul.make_args(term)
        if isinstance(factor, _log | _log1p)
    ]
    if len(logs) != 2 or logs[0][0] + logs[1][0] != 0:
        return None
    (c, a), (_, b) = logs
    plain = Plain()
    difference = cancelled([plain(a), -plain(b)])
    if difference is None or len(plain.symbols) > MANY_ATOMS:
        return None
    d = plain.back(difference)
    sign = _sign_of(d)
    up, down = _log1p(d / b), -_log1p(-d / a)
    if sign is not None:
        return LOG_RATIO, c * (up if sign > 0 else down)
    return LOG_RATIO, c * _where(d > 0, up, down)


def powers(node: Mul) -> Step | None:
    """Join powers of one base, one of them with a symbol in the exponent: p·x^p/x = p·x^{p-1} has a value at 0."""
    bases: dict[Expr, list[Expr]] = defaultdict(list)
    for factor in node.args:
        base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
        bases[base].append(power)
    if not any(len(found) > 1 for found in bases.values()):
        return None
    if any(len(found) > 1 and isinstance(base, ScalarOp | Reduce) for base, found in bases.items()):
        return None
    return POWERS, Mul(*(Pow(base, Add(*found), evaluate=True) for base, found in bases.items()))


def squares_in(total: Expr) -> list[Expr]:
    """Return the bases of the squares whose sum a formula is, or nothing."""
    terms = Add.make_args(total)
    bases = [term.base for term in terms if isinstance(term, Pow) and term.exp == 2]
    return bases if len(bases) == len(terms) and all(isinstance(base, Element | sympy.Symbol) for base in bases) else []
