"""Both tails of the normal distribution in one product: the derivatives of t log Φ(u) + (1 - t) log(1 - Φ(u))."""

import sympy
from sympy import Add, Dummy, Expr, Integer, Mul, Pow

from symdl.expr.scalar import SCALAR_OPS
from symdl.freeze.stable.algebra import MANY_ATOMS, Plain
from symdl.freeze.stable.exponentials import Step
from symdl.freeze.stable.table import BOTH_TAILS

_pdf, _cdf, _hazard = (SCALAR_OPS[name] for name in ("normal_pdf", "normal_cdf", "normal_hazard"))


def both_tails(node: Mul) -> Step | None:
    """Write f·φ/(Φ (1 - Φ)), f a polynomial in φ, Φ and their quotients, as p(φ/(1 - Φ)) + q(φ/Φ) if it is such a sum.

    With h = φ/(1 - Φ) and g = φ/Φ, Φ = h/(g + h) and φ = gh/(g + h): what is left are powers of h and of g alone, in
    which h and g do not meet in a difference, as Φ and a target do.
    """
    powers = dict(factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1)) for factor in node.args)
    for u in [base.args[0] for base in powers if isinstance(base, _pdf)]:
        below = [base for base in (_cdf(u), _cdf(-u), 1 - _cdf(u)) if powers.get(base) == -1]
        if len(below) != 2:
            continue
        own = Mul(*(factor for factor in node.args if factor.has(_cdf, _pdf)))
        found = _separate(own, u)
        if found is not None:
            return BOTH_TAILS, node / own * found
    return None


def _separate(own: Expr, u: Expr) -> Expr | None:
    g, h = Dummy("g", positive=True), Dummy("h", positive=True)
    both = g + h
    plain = Plain()
    formula = plain(own.xreplace({_pdf(u): g * h / both, _cdf(u): h / both, _cdf(-u): g / both}))
    inner = [plain.symbols.get(g), plain.symbols.get(h)]
    if len(plain.symbols) > MANY_ATOMS or None in inner:
        return None
    polynomial = sympy.expand(sympy.cancel(formula))
    if not polynomial.is_polynomial(*inner):
        return None
    sides = [Add(*(term for term in Add.make_args(polynomial) if term.has(symbol))) for symbol in inner]
    if Add(*sides) != polynomial:
        return None
    back = plain.back(Add(*map(sympy.factor, sides)))
    return back.xreplace({g: _hazard(-u), h: _hazard(u)})
