"""Products under conditions: what is multiplied by a condition's 0 must not be computed where it has no value."""

import sympy
from sympy import Basic, Expr, Pow

from symdl.expr.index import rebuild
from symdl.expr.nodes import Tensor
from symdl.expr.scalar import SCALAR_OPS, ScalarOp

OVERFLOW = frozenset({"exp", "expm1", "sinh", "cosh", "tan"})


def under_guards(guarded: Expr, other: Expr) -> Expr:
    """Return the product with ``other`` moved inside the conditions of ``guarded`` that have a branch 0."""
    where = SCALAR_OPS["where"]
    if isinstance(guarded, sympy.Add):
        return sympy.Add(*(under_guards(term, other) for term in guarded.args))
    for factor in sympy.Mul.make_args(guarded):
        if isinstance(factor, where) and 0 in factor.args[1:]:
            condition, *branches = factor.args
            rest = sympy.Mul(*(part for part in sympy.Mul.make_args(guarded) if part is not factor))
            return where(condition, *(branch and under_guards(branch * rest, other) for branch in branches))
    return guarded * other


def has_guards(expr: Basic) -> bool:
    """Tell whether ``under_guards`` would find a condition."""
    if isinstance(expr, sympy.Add):
        return any(map(has_guards, expr.args))
    return any(isinstance(factor, SCALAR_OPS["where"]) and 0 in factor.args[1:] for factor in sympy.Mul.make_args(expr))


def may_have_no_value(expr: Basic) -> bool:
    """Tell whether an expression may be infinite or NaN: a quotient, a root, a function that overflows."""
    if isinstance(expr, Tensor) or not expr.args:
        return False
    if isinstance(expr, Pow) and not (expr.exp.is_Integer and expr.exp.is_positive) and not expr.base.is_positive:
        return True
    if isinstance(expr, ScalarOp) and (expr.name in OVERFLOW or expr.domain[0] > -sympy.oo):
        return True
    return any(map(may_have_no_value, expr.args))


def keep_under_guards(expr: Expr) -> Expr:
    """Return ``expr`` with factors that may have no value inside the conditions by whose 0 they are multiplied."""

    def visit(node: Basic) -> Basic | None:
        if not isinstance(node, sympy.Mul) or not has_guards(node):
            return None
        factors = [rebuild(factor, visit) for factor in node.args]
        risky = [factor for factor in factors if not has_guards(factor) and may_have_no_value(factor)]
        if not risky:
            return None
        rest = [factor for factor in factors if factor not in risky]
        return under_guards(sympy.Mul(*rest), sympy.Mul(*risky))

    return rebuild(expr, visit)
