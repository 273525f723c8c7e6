"""The closed set of scalar primitives. Every backend is one complete table over exactly these names.

A primitive works on real scalars (``r``), integers (``i``) or booleans (``b``). Ops of symdl never reach this far:
freeze rewrites each of them to primitives, in its numerically stable form.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Primitive:
    """One scalar primitive: its name, the kinds of its arguments and the kind of its result.

    ``arguments`` and ``result`` use one letter each: ``r`` real, ``i`` integer, ``b`` boolean, ``n`` any number
    (integer if all arguments are, else real), ``a`` anything (kept). ``cost`` is in floating-point operations.
    """

    name: str
    arguments: str
    result: str
    cost: int
    variadic: bool = False


_TABLE = (
    Primitive("add", "nn", "n", 1, variadic=True),
    Primitive("mul", "nn", "n", 1, variadic=True),
    Primitive("neg", "n", "n", 1),
    Primitive("div", "rr", "r", 4),  # real division, IEEE: 1/0 is inf and 0/0 is NaN, never an exception
    Primitive("pow", "rr", "r", 40),
    Primitive("sqrt", "r", "r", 8),
    Primitive("exp", "r", "r", 16),
    Primitive("log", "r", "r", 16),
    Primitive("log1p", "r", "r", 20),
    Primitive("expm1", "r", "r", 20),
    Primitive("tanh", "r", "r", 20),
    Primitive("sin", "r", "r", 20),
    Primitive("cos", "r", "r", 20),
    Primitive("atan", "r", "r", 24),
    Primitive("erf", "r", "r", 24),
    Primitive("erfc", "r", "r", 24),
    Primitive("abs", "n", "n", 1),
    Primitive("sign", "r", "r", 2),  # -1, 0 or 1; NaN stays NaN
    Primitive("floor", "r", "r", 1),
    Primitive("floordiv", "ii", "i", 8),  # rounds towards minus infinity, as Python does
    Primitive("mod", "ii", "i", 8),  # the sign of the divisor, as Python does
    Primitive("max", "nn", "n", 1, variadic=True),  # NaN if any argument is NaN
    Primitive("min", "nn", "n", 1, variadic=True),
    Primitive("lt", "nn", "b", 1),
    Primitive("le", "nn", "b", 1),
    Primitive("eq", "nn", "b", 1),
    Primitive("and", "bb", "b", 1, variadic=True),
    Primitive("or", "bb", "b", 1, variadic=True),
    Primitive("not", "b", "b", 1),
    Primitive("where", "baa", "a", 1),  # the branch not chosen may be NaN or inf: it never leaks
    Primitive("real", "n", "r", 1),  # integer to the program's floating-point type
)

PRIMITIVES: dict[str, Primitive] = {primitive.name: primitive for primitive in _TABLE}
REDUCTIONS: dict[str, float] = {"add": 0.0, "mul": 1.0, "max": float("-inf"), "min": float("inf")}
