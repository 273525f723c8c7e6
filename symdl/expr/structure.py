"""Facts about expressions that are found by walking them once: fingerprints, free symbols, nesting heights.

All are cached and linear in the size of the graph; results are the same in every process. A tensor keeps its own from
when it was made, so that no walk goes deeper than to the tensors that an expression reads.
"""

import hashlib
from functools import lru_cache

import sympy
from sympy import Basic, Rational, Symbol

from symdl.expr.index import Index

HALF = 24  # characters of each half of a fingerprint
LARGEST_IN_FORM = 4  # whole numbers and fractions of them up to this are part of a form; others may be lengths


@lru_cache(maxsize=100_000)
def height(expr: Basic) -> int:
    """Return one more than the highest canonical reduction index bound inside a scalar expression."""
    bound = getattr(expr, "bound_indices", None)
    if bound is not None:
        return 1 + max(int(name.name[1:]) for name in bound)
    if getattr(expr, "is_symdl_tensor", False) or not expr.args:
        return 0
    return max(map(height, expr.args))


def order_of_appearance(body: Basic) -> dict[Index, int]:
    """Return the position at which each index first appears, in a walk that does not depend on the names of indices."""
    found: dict[Index, int] = {}

    def walk(node: Basic) -> None:
        if isinstance(node, Index):
            found.setdefault(node, len(found))
        elif not getattr(node, "is_symdl_tensor", False):
            arguments = node.args
            if isinstance(node, sympy.Add | sympy.Mul):
                arguments = tuple(sorted(arguments, key=structure_key))
            for argument in arguments:
                walk(argument)

    walk(body)
    return found


@lru_cache(maxsize=100_000)
def structure_key(expr: Basic) -> str:
    """Return a sort key that ignores the names of indices."""
    if isinstance(expr, Index):
        return "index"
    if getattr(expr, "is_symdl_tensor", False):
        return fingerprint(expr)
    if not expr.args:
        return sympy.srepr(expr)
    arguments = [structure_key(argument) for argument in expr.args]
    if expr.is_Add or expr.is_Mul:
        arguments.sort()
    return f"{type(expr).__name__}({','.join(arguments)})"


@lru_cache(maxsize=100_000)
def fingerprint(expr: Basic) -> str:
    """Return a digest of an expression, whose first half is the same where only larger numbers differ.

    What is ordered by fingerprints then stands in the same order for sequences of 28 and of 280 times.
    """
    known: str | None = getattr(expr, "digest", None)
    if known is not None:
        return known
    if not expr.args:
        content = sympy.srepr(expr)
        large = isinstance(expr, Rational) and max(abs(expr.p), expr.q) > LARGEST_IN_FORM
        forms = ("number" if large else content, content)
    else:
        parts = [fingerprint(argument) for argument in expr.args]
        forms = (",".join(part[:HALF] for part in parts), ",".join(part[HALF:] for part in parts))
    return "".join(_digest(f"{type(expr).__name__}({form})") for form in forms)


def _digest(content: str) -> str:
    return hashlib.blake2b(content.encode(), digest_size=HALF // 2).hexdigest()


@lru_cache(maxsize=100_000)
def symbols_of(expr: Basic) -> frozenset[Basic]:
    """Return the tensors and scalars an expression depends on; sizes count where they are used as numbers."""
    for kind in ("known_symbols", "own_symbols"):
        own: frozenset[Basic] | None = getattr(expr, kind, None)
        if own is not None:
            return own
    if isinstance(expr, Index):
        return frozenset()
    if isinstance(expr, Symbol):
        return frozenset((expr,))
    return frozenset().union(*map(symbols_of, expr.args)) if expr.args else frozenset()
