"""erf and erfc, without branches.

erf near 0 is an odd polynomial, beyond it 1 - exp(p(x)) with a polynomial p of the logarithm of erfc (Juffa). erfc is
exp(-x*x) / (1 + 2x) times a polynomial in (x - 4)/(x + 4), each factor carried in twice the precision.
"""

import math

from symdl_codegen.intrinsics.coefficients import ERF, ERFC, LOG_ERFC
from symdl_codegen.intrinsics.elementary import exp, exp_parts, scaled
from symdl_codegen.intrinsics.lane import Double, Real, exact_product, exact_sum

NEAR = {32: 0.93, 64: 1.0}  # where the polynomial near 0 ends
END = {32: 4.0, 64: 6.0}  # where erf is 1
ZERO = {32: 10.1, 64: 27.3}  # where erfc is 0


def erf(x: Real) -> Real:
    """The error function."""
    size = abs(x)
    limited = (size > END[x.bits]).choose(END[x.bits], size)
    far = 1.0 - exp(limited.polynomial(LOG_ERFC[x.bits]))
    near = (size < NEAR[x.bits]).choose(size, 0.0)
    close = near.fma((near * near).polynomial(ERF[x.bits]), near)
    result = (size < NEAR[x.bits]).choose(close, far).copysign(x)
    return x.is_nan().choose(x, result)


def erfc(x: Real) -> Real:
    """The complementary error function, accurate also where it is tiny."""
    close = 1.0 - x.fma((x * x).polynomial(ERF[x.bits]), x)
    return (abs(x) < 0.5).choose(close, _erfc(x, ZERO[x.bits], ERFC[x.bits]))


def _erfc(x: Real, zero: float, coefficients: tuple[float, ...]) -> Real:
    size = abs(x)
    size = (size > zero).choose(zero, size)
    inverse = 1.0 / ((size + 4.0) * size.fma(2.0, size.constant(1.0)))
    t = (size - 4.0) * (inverse * size.fma(2.0, size.constant(1.0)))
    below = exact_sum(size * 2.0, size.constant(1.0))
    factor = inverse * (size + 4.0)
    tail = t.polynomial(coefficients[1:])
    head = exact_sum(t.constant(coefficients[0]), t * tail)
    quotient = head.high * factor
    rest = (-quotient).fma(below.high, head.high) + (head.low + t.fma(tail, -(t * tail)) - quotient * below.low)
    square = exact_product(size, size)
    power, exponent = exp_parts(Double(-square.high, -square.low))
    product = exact_product(power.high, quotient)
    low = power.high.fma(rest * factor, power.low.fma(quotient, product.low))
    value = scaled(product.high + low, exponent)
    result = (x < 0.0).choose(2.0 - value, value)
    return x.is_nan().choose(math.nan, result)


__all__ = ["erf", "erfc"]
