"""Numbers for scalar expressions: exact ones by mpmath, and those of a backend that rounds every primitive."""

import inspect
import math
from functools import reduce
from typing import Any

import mpmath
import numpy as np
import sympy

DIGITS = 50
_FLOAT = 1.5 * DIGITS

_vectorised = {name: np.vectorize(getattr(math, name), otypes=[float]) for name in ("erf", "erfc")}
PRIMITIVES = {
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "tanh": np.tanh, "sin": np.sin, "cos": np.cos,
    "atan": np.arctan, "erf": _vectorised["erf"], "erfc": _vectorised["erfc"], "abs": np.abs, "sign": np.sign,
    "floor": np.floor, "max": np.maximum, "min": np.minimum, "where": np.where,
}  # fmt: skip
_RELATIONS = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}


def parameters(op: type) -> list[str]:
    """The names of an op's arguments."""
    return list(inspect.signature(op.eval).parameters)


def exact(expr: sympy.Expr, values: dict[sympy.Symbol, float]) -> mpmath.mpf:
    """The value of ``expr`` with ``DIGITS`` digits, for arguments that are exactly these floats."""
    found = expr.xreplace({symbol: sympy.Float(value, int(_FLOAT)) for symbol, value in values.items()}).evalf(DIGITS)
    assert found.is_Number, f"{expr} at {values} is {found}"
    return found._to_mpmath(mpmath.mp.prec, allow_ints=False)


def rounded(expr: sympy.Basic, values: dict[sympy.Symbol, np.ndarray], dtype: type) -> Any:
    """``expr`` as a backend computes it: one rounding to ``dtype`` per primitive, and nothing but primitives."""
    if expr in values:
        return values[expr]
    if expr.is_Number or expr.is_NumberSymbol:
        return dtype(float(expr))
    arguments = [rounded(argument, values, dtype) for argument in expr.args]
    if expr.is_Add:
        return reduce(np.add, arguments)
    if expr.is_Mul:
        below = [a for a, e in zip(arguments, expr.args, strict=True) if e.is_Pow and e.exp.is_negative]
        above = [a for a in arguments if not any(a is b for b in below)]
        return reduce(np.multiply, above + below)
    if expr.is_Pow:
        power = _power(arguments[0], abs(expr.exp), dtype)
        return power if expr.exp.is_positive else dtype(1) / power
    if expr.is_Relational:
        return _RELATIONS[expr.rel_op](*arguments)
    return np.asarray(PRIMITIVES[expr.primitive_name](*arguments)).astype(np.result_type(*arguments[-1:]), copy=False)


def _power(base: Any, exponent: sympy.Rational, dtype: type) -> Any:
    root = np.sqrt(base) if exponent.q == 2 else base
    assert exponent.q in (1, 2), f"a kernel raises to the power {exponent}"
    return dtype(root ** int(exponent.p)) if np.ndim(root) == 0 else root ** int(exponent.p)
