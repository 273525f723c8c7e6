"""Which scalar formulas are certain to be non-negative, or positive: for proofs, so that in doubt the answer is no."""

from sympy import Add, Expr, Integer, Mul, Pow, expand_mul

from symdl.expr.nodes import Array, Element, Named, Reduce
from symdl.expr.scalar import SCALAR_OPS

BELOW_ONE = ("sigmoid", "normal_cdf", "hard_sigmoid")  # values in [0, 1]
WITHIN_ONE = ("tanh", "erf", "sin", "cos", "softsign", "sign", "hard_tanh")  # values in [-1, 1]


def nonnegative(expr: Expr) -> bool:
    """Tell whether a formula is provably never negative."""
    if expr.is_nonnegative:
        return True
    if isinstance(expr, Element):
        inside = _inside(expr)
        return inside is not None and nonnegative(inside)
    if isinstance(expr, Reduce):
        return nonnegative(expr.body)
    if isinstance(expr, Pow):
        return bool(expr.exp.is_even) or (nonnegative(expr.base) and bool(expr.exp.is_real))
    if isinstance(expr, Mul):
        rest = [factor for factor in expr.args if not nonnegative(factor)]
        return len(rest) % 2 == 0 and all(map(nonpositive, rest))
    if isinstance(expr, Add):
        return all(map(nonnegative, expr.args)) or _below(expr)
    return False


def nonpositive(expr: Expr) -> bool:
    """Tell whether a formula is provably never positive."""
    number, rest = expr.as_coeff_Mul()
    if number != 1:
        return bool(number <= 0) and nonnegative(rest)
    if isinstance(expr, Add):
        return all(map(nonpositive, expr.args)) or _below(expand_mul(-expr))
    return bool(expr.is_nonpositive)


def positive(expr: Expr) -> bool:
    """Tell whether a formula is provably always positive."""
    if expr.is_positive:
        return True
    if isinstance(expr, Element):
        inside = _inside(expr)
        return inside is not None and positive(inside)
    if isinstance(expr, Mul):
        return all(map(positive, expr.args))
    if isinstance(expr, Pow):
        return positive(expr.base)
    if isinstance(expr, Reduce):
        return positive(expr.body)
    if isinstance(expr, Add):
        if all(map(nonnegative, expr.args)) and any(map(positive, expr.args)):
            return True
        return len(expr.args) == 2 and expr.args[0] == 1 and isinstance(-expr.args[1], SCALAR_OPS["sigmoid"])
    return False


def _inside(expr: Element) -> Expr | None:
    """Return what an element of an array is, seen through names."""
    tensor = expr.tensor
    while isinstance(tensor, Named):
        tensor = tensor.definition
    if isinstance(tensor, Array):
        return tensor.at(*expr.indices)
    return Element(tensor, *expr.indices) if tensor is not expr.tensor else None


def _below(expr: Add) -> bool:
    """Tell whether a sum is c - b·Π with 0 <= Π <= 1 and b <= c."""
    number, rest = expr.as_coeff_Add()
    if number <= 0:
        return False
    size = sum((abs(term.as_coeff_Mul()[0]) for term in Add.make_args(rest)), Integer(0))
    return bool(size <= number) and all(
        _bounded(factor) for term in Add.make_args(rest) for factor in Mul.make_args(term.as_coeff_Mul()[1])
    )


def _bounded(expr: Expr) -> bool:
    """Tell whether a formula is between -1 and 1."""
    if isinstance(expr, Pow):
        return bool(expr.exp.is_positive and expr.exp.is_integer) and _bounded(expr.base)
    if isinstance(expr, Element):
        inside = _inside(expr)
        if inside is not None:
            return _bounded(inside)
        return bool(expr.tensor.properties & {"simplex", "one_hot", "probability"})
    return isinstance(expr, tuple(SCALAR_OPS[name] for name in (*BELOW_ONE, *WITHIN_ONE) if name in SCALAR_OPS))
