"""Each use of a rule of simplification, tested by itself as an identity.

Where both sides are rational functions of the same things (entries of tensors, functions, sums), they are evaluated at
random numbers modulo the prime 2^61 - 1, which is exact: by the lemma of Schwartz and Zippel two different polynomials
of degree d agree at a random point with probability at most d/2^61. Other rules are tested with numbers of 50 digits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from sympy import Add, Basic, Expr, Mul, Pow

from symdl.interpret import evaluate
from symdl.simplify.rewriting import Rewriting

PRIME = 2**61 - 1
POINTS = 2


@dataclass(frozen=True)
class RewritesTested:
    """How many uses of rules were tested exactly and with digits, the largest error, and where it is."""

    exact: int
    digits: int
    error: float
    worst: str


def tested(
    rewrites: Sequence[Rewriting],
    arrays: Mapping[str, Any],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    digits: int,
) -> RewritesTested:
    """Test each use of a rule at random numbers, or at the given arrays.

    Args:
        rewrites: The uses.
        arrays: Values of the inputs, for rules that are no identity of rational functions.
        sizes: Values of the sizes.
        rng: Draws the numbers modulo the prime.
        digits: How many digits the other comparisons have.
    """
    rewrites = list(dict.fromkeys(rewrites))
    rest = [rewrite for rewrite in rewrites if not equal_modulo(rewrite.before, rewrite.after, rng)]
    worst, place = 0.0, ""
    if rest:
        with mpmath.workdps(digits):
            forms = [form for rewrite in rest for form in (rewrite.left, rewrite.right)]
            values = [np.asarray(value, dtype=object) for value in evaluate(forms, arrays, sizes, precision=digits)]
            for rewrite, left, right in zip(rest, values[::2], values[1::2], strict=True):
                error = _difference(left, right)
                if not error <= worst:  # NaN counts
                    worst, place = error, str(rewrite)
    return RewritesTested(len(rewrites) - len(rest), len(rest), worst, place)


def equal_modulo(before: Expr, after: Expr, rng: np.random.Generator) -> bool:
    """Tell whether two formulas are equal as rational functions of what is no sum, product or integer power in them."""
    for _ in range(POINTS):
        atoms: dict[Basic, int] = {}
        left, right = (_residue(side, atoms, rng) for side in (before, after))
        if left is None or left != right:
            return False
    return True


def _residue(expr: Expr, atoms: dict[Basic, int], rng: np.random.Generator) -> int | None:
    """Return the value modulo the prime, None where something that is 0 is divided by."""
    if expr.is_Rational:
        return _over(int(expr.p), int(expr.q))
    if isinstance(expr, Add | Mul):
        total = 0 if isinstance(expr, Add) else 1
        for argument in expr.args:
            value = _residue(argument, atoms, rng)
            if value is None:
                return None
            total = (total + value if isinstance(expr, Add) else total * value) % PRIME
        return total
    if isinstance(expr, Pow) and expr.exp.is_Integer:
        base = _residue(expr.base, atoms, rng)
        if base is None or (expr.exp.is_negative and base == 0):
            return None
        return pow(base, int(expr.exp), PRIME)
    if expr not in atoms:
        atoms[expr] = int(rng.integers(1, PRIME))
    return atoms[expr]


def _over(p: int, q: int) -> int | None:
    return None if q % PRIME == 0 else p * pow(q, -1, PRIME) % PRIME


def _difference(left: np.ndarray, right: np.ndarray) -> float:
    """Return the largest relative difference where the left side is a number."""
    shape = np.broadcast_shapes(left.shape, right.shape)
    pairs = zip(np.broadcast_to(left, shape).ravel(), np.broadcast_to(right, shape).ravel(), strict=True)
    found = [float(abs(a - b) / (1 + abs(a))) for a, b in pairs if mpmath.isfinite(a)]
    return max(found, key=lambda error: (error != error, error), default=0.0)
