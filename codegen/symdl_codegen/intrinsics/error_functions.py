"""erf and erfc, without branches.

erf near 0 is an odd polynomial, beyond it 1 - exp(p(x)) with a polynomial p of the logarithm of erfc (Juffa). erfc is
exp(-x*x) / (1 + b*x) times a polynomial in (x - k)/(x + k): in 64 bits each factor is carried in twice the precision,
in 32 bits what the quotient and the polynomial lost is added at the end.
"""

import math

from symdl_codegen.intrinsics.coefficients import ERF, ERFC, EXP, LOG_ERFC
from symdl_codegen.intrinsics.elementary import INVERSE_LN2, LN2, exp, exp_parts, scaled
from symdl_codegen.intrinsics.lane import Double, Real, exact_product, exact_sum, nearest

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
    if x.bits == 32:
        return _erfc32(x)
    close = 1.0 - x.fma((x * x).polynomial(ERF[x.bits]), x)
    return (abs(x) < 0.5).choose(close, _erfc64(x))


def _erfc32(x: Real) -> Real:
    """With b = 1.25 and k = 3 the polynomial is so flat that neither its argument's rounding nor its own matter."""
    high, low = LN2[32]
    first, *others = ERFC[32]
    size = abs(x)
    size = (size > ZERO[32]).choose(ZERO[32], size)
    square = size * size
    n, power = nearest(square, -INVERSE_LN2)
    r = (-n).fma(high, -square) - n.fma(low, size.fma(size, -square))
    power_less_1 = (r * r).fma(r.polynomial(EXP[32]), r)
    right, below = size + 3.0, size.fma(1.25, size.constant(1.0))
    under = 1.0 / (right * below)
    factor = under * right
    t = (size - 3.0) * (under * below)
    tail = t.wide_polynomial(tuple(others))
    head = t.fma(tail, t.constant(first))
    quotient = head * factor
    rest = (-quotient).fma(size.fma(1.25, 1.0 - below), (-quotient).fma(below, head))
    rest = (rest + t.fma(tail, first - head)) * factor
    value = quotient + quotient.fma(power_less_1, rest.fma(power_less_1, rest))
    value = value * (power + 32).exp2() * 2.0**-32  # rounded once, also where the result is subnormal
    return (x < 0.0).choose(2.0 - value, value)


def _erfc64(x: Real) -> Real:
    coefficients = ERFC[64]
    size = abs(x)
    size = (size > ZERO[64]).choose(ZERO[64], size)
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
