"""Scalar algebra: the shortest of a few exact rewritings, with everything that is not + × or a power as an atom."""

from functools import lru_cache

import sympy
from sympy import Add, Basic, Expr, KroneckerDelta, Mul, Pow, Symbol

from symdl.expr.index import Index, axis_index, free_indices, substitute
from symdl.expr.nodes import Element, Tensor
from symdl.expr.scalar import ScalarOp
from symdl.simplify.growth import may_cancel, may_expand
from symdl.simplify.scope import Scope, map_in_scope

NOWHERE = Scope()


@lru_cache(maxsize=100_000)
def complexity(expr: Basic) -> int:
    """Return how long a formula is to read: its leaves and operations, a sign or a sum inside a product counted."""
    if isinstance(expr, Tensor | Index) or not expr.args:
        return 1 if not (expr.is_Number and expr in (1, -1)) else 0
    if isinstance(expr, Pow):
        return complexity(expr.base) + (1 if expr.exp == -1 else 1 + complexity(expr.exp))
    if isinstance(expr, Mul):
        return sum(map(complexity, expr.args)) + len(expr.args) - 1 + (1 if expr.args[0] == -1 else 0)
    if isinstance(expr, Add):
        return sum(map(complexity, expr.args)) + len(expr.args) - 1
    return 1 + sum(map(complexity, expr.args))


def tidy(expr: Expr, scope: Scope = NOWHERE) -> Expr:
    """Return the shortest of: the expression, its expansion, its factored and its cancelled form; ties: the first."""
    return _tidy(expr, scope if expr.has(KroneckerDelta) else NOWHERE)


@lru_cache(maxsize=50_000)
def _tidy(expr: Expr, scope: Scope) -> Expr:
    expr = _tidy_functions(expr, scope)
    if not isinstance(expr, Add | Mul | Pow):
        return expr
    expr = contract_deltas(expr, scope)
    if _flat(expr):
        return expr
    atoms: dict[Basic, Symbol] = {}
    plain = _abstract(expr, atoms)
    best = _shortest(plain)
    best = _alike(_slopes(best.xreplace({symbol: atom for atom, symbol in atoms.items()})))
    return contract_deltas(spread_deltas(best), scope)


@lru_cache(maxsize=50_000)
def _shortest(plain: Expr) -> Expr:
    """Return the shortest form of an expression in numbered atoms: one answer for all equal layers of a model."""
    back = sorted(plain.free_symbols, key=str)
    expanded = sympy.expand(plain, power_base=False, log=False, force=False) if may_expand(plain) else plain
    candidates = [plain, expanded, sympy.factor_terms(expanded), sympy.factor_terms(plain)]
    if (
        any(
            isinstance(node, Pow) and node.exp.is_negative and isinstance(node.base, Add)
            for node in sympy.preorder_traversal(plain)
        )
        and plain.is_rational_function(*back)
        and may_cancel(plain)
    ):
        candidates.append(sympy.cancel(plain))
        candidates.append(sympy.factor_terms(candidates[-1]))
        candidates.append(_factored(candidates[-2]))
    if len(back) <= 8 and isinstance(expanded, Add) and expanded.is_polynomial(*back) and len(expanded.args) <= 12:
        candidates.append(sympy.factor(expanded))
    candidates += [_squares(form) for form in candidates]
    few = len(back) <= 3  # in longer formulas, such as a normalisation's, quotients in a sum are the readable form
    return _turned(min(candidates, key=lambda form: complexity(form) + (4 * _nested_quotients(form) if few else 0)))


def _turned(product: Expr) -> Expr:
    """Return (a - b)·(x - 1) as (b - a)·(1 - x), (x - 1)·(y - 1) as (1 - x)·(1 - y), -(x - 1) as 1 - x."""
    number, rest = product.as_coeff_Mul()
    factors = list(Mul.make_args(rest))
    less_one = [place for place, factor in enumerate(factors) if _is_less_one(factor)]
    difference = next((place for place, factor in enumerate(factors) if is_difference(factor)), None)
    if not less_one or len(factors) + (number != 1) < 2:
        return product
    turned = list(less_one)
    if len(less_one) % 2:
        if difference is not None:
            turned.append(difference)
        elif number.is_negative:
            number = -number
        else:
            turned.pop()
    for place in turned:
        base, exponent = factors[place].as_base_exp()
        factors[place] = Add(*(-term for term in base.args)) ** exponent
    return Mul(number, *factors)


def _slopes(product: Expr) -> Expr:
    """Return t·(tanh² - 1) as -t·(1 - tanh²): one minus the square of a function is how its slope is written."""
    for factor in Mul.make_args(product):
        if isinstance(factor, Add) and _is_less_one(factor):
            [square] = [term for term in factor.args if term != -1]
            if isinstance(square, Pow) and isinstance(square.base, ScalarOp) and square.exp.is_even:
                return Mul(-1, *(part for part in Mul.make_args(product) if part is not factor)) * (1 - square)
    return product


def _alike(product: Expr) -> Expr:
    """Return -(x_i - m_i)·(m_j - x_j)·… as (x_i - m_i)·(x_j - m_j)·…: a difference and its like have one sign."""
    factors = list(Mul.make_args(product))
    places = [place for place, factor in enumerate(factors) if is_difference(factor)]
    if len(places) < 2:
        return product
    seen: set[Expr] = set()
    sign = 1
    for place in places:
        pattern = substitute(factors[place], dict.fromkeys(free_indices(factors[place]), axis_index(0)))
        turned = Add(*(-term for term in pattern.args)) if isinstance(pattern, Add) else pattern
        if turned in seen and pattern not in seen:
            factors[place] = Add(*(-term for term in factors[place].args))
            sign = -sign
        else:
            seen.add(pattern)
    return sign * Mul(*factors)


def _is_less_one(factor: Expr) -> bool:
    """Tell whether a factor is x - 1, or divides by it."""
    base, exponent = factor.as_base_exp()
    return abs(exponent) == 1 and isinstance(base, Add) and len(base.args) == 2 and -1 in base.args


def _squares(product: Expr) -> Expr:
    """Return (x - 1)^k·(x + 1)^k·… as (x² - 1)^k·…, 1 - x² where k is even."""
    powers = dict(factor.as_base_exp() for factor in Mul.make_args(product))
    for base, exponent in powers.items():
        if isinstance(base, Add) and len(base.args) == 2 and base.args[0] == -1 and exponent.is_Integer:
            root = base.args[1]
            if powers.get(root + 1) == exponent:
                joined = 1 - root**2 if exponent % 2 == 0 else root**2 - 1
                return product / (base * (root + 1)) ** exponent * joined**exponent
    return product


def is_difference(factor: Expr) -> bool:
    """Tell whether a factor is a - b, neither of them a number."""
    if not isinstance(factor, Add) or len(factor.args) != 2 or any(term.is_number for term in factor.args):
        return False
    return factor.args[0].could_extract_minus_sign() != factor.args[1].could_extract_minus_sign()


def _nested_quotients(expr: Expr) -> int:
    """Return how many sums hold a quotient and are themselves part of one: fractions within fractions."""
    return sum(
        1
        for part in sympy.preorder_traversal(expr)
        if isinstance(part, Mul) and any(isinstance(factor, Pow) and factor.exp.is_negative for factor in part.args)
        for factor in part.args
        if isinstance(factor, Add) and _divides(factor)
    )


def _divides(total: Add) -> bool:
    """Tell whether a term of a sum is a quotient."""
    return any(
        isinstance(factor, Pow) and factor.exp.is_negative for term in total.args for factor in Mul.make_args(term)
    )


def _factored(quotient: Expr) -> Expr:
    """Return a quotient with its denominator factored."""
    top, bottom = sympy.fraction(quotient)
    if not may_expand(bottom) or len(bottom.free_symbols) > 8:
        return quotient
    return top / sympy.factor(bottom)


def _tidy_functions(node: Basic, scope: Scope) -> Basic:
    """Tidy the arguments of functions; sums and products are handled as a whole."""
    return map_in_scope(node, scope, _tidy_functions if isinstance(node, Add | Mul | Pow) else tidy)


def _flat(expr: Expr) -> bool:
    """Tell whether there is nothing to rewrite: a sum of at most two plain terms, or a product of plain factors."""

    def plain(part: Expr) -> bool:
        return not isinstance(part, Add | Mul) and not (isinstance(part, Pow) and isinstance(part.base, Add | Mul))

    if isinstance(expr, Mul | Pow):
        return all(plain(part) for part in (expr.args if isinstance(expr, Mul) else (expr,)))
    if len(expr.args) > 2:
        return False
    seen: set[Basic] = set()
    for term in expr.args:
        factors = [factor for factor in Mul.make_args(term) if not factor.is_Number]
        bases = {factor.base if isinstance(factor, Pow) else factor for factor in factors}
        if not all(map(plain, factors)) or seen & bases:
            return False
        seen |= bases
    return True


def _abstract(expr: Expr, atoms: dict[Basic, Symbol]) -> Expr:
    if expr.is_Number:
        return expr
    if isinstance(expr, Add | Mul):
        return expr.func(*(_abstract(argument, atoms) for argument in expr.args))
    if isinstance(expr, Pow) and expr.exp.is_Integer:
        return Pow(_abstract(expr.base, atoms), expr.exp)
    if isinstance(expr, Pow) and expr.exp.is_Rational:
        root = Pow(expr.base, sympy.Rational(1, expr.exp.q))
        if root not in atoms:
            atoms[root] = _atom(len(atoms), True)
        return atoms[root] ** expr.exp.p
    if expr not in atoms:
        atoms[expr] = _atom(len(atoms), bool(expr.is_positive))
    return atoms[expr]


def _atom(number: int, positive: bool) -> Symbol:
    """Return the symbol that stands for an atom; symbols sort in the order of their numbers."""
    return Symbol(f"§{number:06d}", real=True, positive=positive or None)


def spread_deltas(expr: Expr) -> Expr:
    """Multiply out a product with a sum that holds a Kronecker delta: s_i·(δ(i,j) - s_j) reads as diag(s) - s·sᵀ."""
    if isinstance(expr, Mul):
        for part in expr.args:
            if isinstance(part, Add) and part.has(KroneckerDelta):
                rest = Mul(*(other for other in expr.args if other is not part))
                return Add(*(spread_deltas(rest * term) for term in part.args))
    return expr


def contract_deltas(expr: Expr, scope: Scope = NOWHERE) -> Expr:
    """Use δ(i,j)·f(j) = δ(i,j)·f(i) and δ² = δ in every product, so that equal terms are equal expressions.

    Where f reads elements, f(i) is only taken if i is certain to stay inside what j may read.
    """
    if isinstance(expr, Add):
        return expr.func(*(contract_deltas(term, scope) for term in expr.args))
    if not isinstance(expr, Mul):
        return (
            expr.base
            if isinstance(expr, Pow) and isinstance(expr.base, KroneckerDelta) and expr.exp.is_positive
            else expr
        )
    deltas = [factor for factor in expr.args if isinstance(factor, KroneckerDelta)]
    for delta in deltas:
        i, j = sorted(delta.args, key=str)
        if isinstance(j, Index):
            rest = Mul(*(factor for factor in expr.args if factor is not delta))
            if not _stays_inside(rest, i, j, scope):
                continue
            expr = delta * substitute(rest, {j: i})
            if not isinstance(expr, Mul):
                return expr
    return expr


def _stays_inside(expr: Expr, i: Expr, j: Index, scope: Scope) -> bool:
    """Tell whether the elements that ``expr`` reads at j are certain to exist at i."""
    places = [
        (place, size)
        for load in expr.atoms(Element)
        for place, size in zip(load.indices, load.tensor.shape, strict=True)
        if j in free_indices(place)
    ]
    if all(place == j and scope.fits(i, size) for place, size in places):
        return True
    extent = scope.extent(j)
    return not scope.guarded and extent is not None and scope.fits(i, extent)
