"""Bounds of real values that show in how they are computed, whatever the tensors hold."""

import math
from collections.abc import Sequence

from symdl_codegen.ir import Apply, Const, Scalar

MODEST = 16.0  # factors and inverse divisors up to which products and quotients may be taken in another order

Range = tuple[float, float]
ANY: Range = (-math.inf, math.inf)


def product_range(factors: Sequence[Scalar]) -> Range:
    """Bounds of the product of ``factors``."""
    result: Range = (1.0, 1.0)
    for factor in factors:
        result = _times(result, value_range(factor))
    return result


def value_range(scalar: Scalar) -> Range:
    """Bounds of a value, as far as they are plain to see; NaN left out."""
    match scalar:
        case Const(value):
            return (float(value), float(value))
        case Apply("neg", (part,)):
            low, high = value_range(part)
            return (-high, -low)
        case Apply("abs", (part,)):
            low, high = value_range(part)
            return (max(low, -high, 0.0), max(-low, high))
        case Apply("exp", (part,)):
            low, high = value_range(part)
            return (math.exp(min(low, 1.0)) if low > -math.inf else 0.0, math.exp(high) if high <= 1.0 else math.inf)
        case Apply("add", parts):
            lows, highs = zip(*map(value_range, parts), strict=True)
            return (sum(lows), sum(highs))
        case Apply("mul", (part, again)) if part == again:
            low, high = value_range(Apply("abs", (part,)))
            return (low * low, high * high)
        case Apply("mul", parts):
            return product_range(parts)
    return ANY


def _times(one: Range, other: Range) -> Range:
    ends = [left * right if left and right else 0.0 for left in one for right in other]
    return (min(ends), max(ends))


__all__ = ["MODEST", "product_range", "value_range"]
