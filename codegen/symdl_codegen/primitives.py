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

# Operations of linear algebra on whole matrices: the number of axes of each result.
MATRIX_OPERATIONS: dict[str, tuple[int, ...]] = {
    "inverse": (2,),
    "solve": (2,),  # of A x = b
    "determinant": (0,),
    "logdet": (0,),  # the logarithm of a positive determinant
    "cholesky": (2,),  # lower L with L Lᵀ = A
    "eigh": (1, 2),  # values, ascending, and vectors as columns, of a symmetric matrix
    "svd": (2, 1, 2),  # thin U, s (descending) and V with A = U diag(s) Vᵀ
}

# Why an operation may have no result, said of its operand.
FAULTS: dict[str, str] = {
    "inverse": "the matrix to be inverted is singular",
    "solve": "the matrix of the equations to be solved is singular",
    "determinant": "the determinant cannot be computed",
    "logdet": "the determinant is not positive, so that it has no real logarithm",
    "cholesky": "the matrix is not positive definite, so that it has no Cholesky factor",
    "eigh": "the eigenvalues cannot be computed",
    "svd": "the singular values cannot be computed",
}


def fault(op: str, operand: str, note: str) -> str:
    """The message for an operation without a result: what it was applied to, what is wrong, and in which equation."""
    return f"{op} of {operand}: {FAULTS[op]}; in {note.splitlines()[0]}"
