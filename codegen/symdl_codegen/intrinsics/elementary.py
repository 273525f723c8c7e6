"""exp, expm1, tanh, log, log1p and pow, without branches. Errors below 2 units in the last place; see tests.

Methods: Cody and Waite's reduction to |r| <= log(2)/2 with an exact first product, minimax polynomials, the
logarithm by s = f/(2 + f) in 64 bits (Tang; fdlibm), and a logarithm of twice the precision for powers.
"""

import math

from symdl_codegen.intrinsics.coefficients import EXP, LOG32, LOG64, POW64, TANH32
from symdl_codegen.intrinsics.lane import (
    BIAS,
    MANTISSA,
    Double,
    Real,
    Whole,
    any_sum,
    exact_product,
    exact_sum,
    nearest,
    real_of,
)
from symdl_codegen.intrinsics.machine import vector_bytes

LN2 = {32: (0.693147182464599609375, -1.904654299957767e-09), 64: (0.6931471805599453, 2.3190468138462996e-17)}
THIRDS = (2.0 / 3.0, 3.700743415417188e-17)
INVERSE_LN2 = 1.4426950408889634
OVERFLOW = {32: 89.0, 64: 710.0}  # above the logarithm of the largest number
UNDERFLOW = {32: -104.5, 64: -746.0}  # below the logarithm of half the smallest
SMALLEST = {32: 2.0**-126, 64: 2.0**-1022}  # positive and normal


def scaled(x: Real, power: Whole) -> Real:
    """``x * 2**power``, rounded once, for any result from zero over subnormal numbers to infinity."""
    if vector_bytes() == 64:  # AVX-512 has an instruction for it
        return x.ldexp(power)
    half = power >> 1
    return x * half.exp2() * (power - half).exp2()


def exp(x: Real) -> Real:
    """The exponential function. Its value at -inf is 0, subnormal results are rounded from the exact scaling.

    What vanishes is chosen, not computed: a product that underflows takes a processor a hundred times as long, and
    where a softmax is masked, half of its arguments are -inf.
    """
    vanishes = x < UNDERFLOW[x.bits]
    x = vanishes.choose(0.0, (x > OVERFLOW[x.bits]).choose(OVERFLOW[x.bits], x))
    n, power = nearest(x, INVERSE_LN2)
    high, low = LN2[x.bits]
    r = (-n).fma(low, (-n).fma(high, x))
    return vanishes.choose(0.0, scaled((r * r).fma(r.polynomial(EXP[x.bits]), r) + 1.0, power))


def exp_parts(argument: Double) -> tuple[Double, Whole]:
    """e**(high + low) as (high + low) * 2**power, where high lies in exp's range and low is tiny beside it."""
    n, power = nearest(argument.high, INVERSE_LN2)
    high, low = LN2[n.bits]
    r = exact_sum((-n).fma(high, argument.high), (-n).fma(low, argument.low))
    total = exact_sum(r.high.constant(1.0), r.high)
    rest = (r.high * r.high).fma(r.high.polynomial(EXP[n.bits]), r.low) + total.low
    return Double(total.high, r.low.fma(r.high, rest)), power


def _expm1_parts(x: Real) -> tuple[Double, Whole]:
    """e**x - 1 as (high + low) * 2**power."""
    n, power = nearest(x, INVERSE_LN2)
    high, low = LN2[x.bits]
    r = exact_sum((-n).fma(high, x), (-n) * low)
    tail = (r.high * r.high).fma(r.high.polynomial(EXP[x.bits]), r.high.fma(r.low, r.low))
    base = any_sum(x.constant(1.0), -(-power.above(60).choose(60, power)).exp2())
    total = exact_sum(base.high, r.high)
    return Double(total.high, total.low + (base.low + tail)), power


def expm1(x: Real) -> Real:
    """e**x - 1, accurate near 0; -0 stays -0."""
    limited = x.within(-38.0 if x.bits == 64 else -18.0, OVERFLOW[x.bits])
    parts, power = _expm1_parts(limited)
    return x.same(0.0).choose(x, scaled(parts.value(), power))


def tanh(x: Real) -> Real:
    """Hyperbolic tangent: in 32 bits an odd polynomial near 0 and 1 - 2e/(1 + e) beyond, with e = exp(-2|x|).

    A slope of tanh has the same e, which is then taken once.
    """
    if x.bits == 64:
        return _tanh64(x)
    size, square = abs(x), x * x
    below = exp(size * -2.0)
    near = (square * x).fma(square.polynomial(TANH32), x)
    far = (below * -2.0).fma(1.0 / (below + 1.0), size.constant(1.0))
    return (size < 0.7).choose(near, far.copysign(x))


def _tanh64(x: Real) -> Real:
    """Hyperbolic tangent by expm1(-2|x|)."""
    parts, power = _expm1_parts((-2.0 * abs(x)).within(-40.0, 0.0))
    scale = power.exp2()
    m = exact_sum(parts.high * scale, parts.low * scale)
    below = exact_sum(m.high.constant(2.0), m.high)
    inverse = 1.0 / below.high
    quotient = m.high * inverse
    rest = (-quotient).fma(below.high, m.high) + (m.low - quotient * (below.low + m.low))
    return rest.fma(inverse, quotient).copysign(x)


def _split(x: Real) -> tuple[Real, Whole]:
    """``x = m * 2**power`` with m in [sqrt(1/2), sqrt(2)), for a positive normal x."""
    start = x.constant(math.sqrt(0.5)).as_whole()
    offset = x.as_whole() - start
    power = offset >> MANTISSA[x.bits]
    return (x.as_whole() - (power << MANTISSA[x.bits])).as_real(), power


def _normal(x: Real) -> tuple[Real, Real]:
    """``x * 2**k``, normal, and k as a real."""
    small = x < SMALLEST[x.bits]
    shift = float(MANTISSA[x.bits] + 2)
    return small.choose(x * 2.0**shift, x), small.choose(x.constant(shift), 0.0)


def _log_of(f: Real, n: Real, correction: Real | float) -> Real:
    """log(1 + f) + n log(2) + correction, with a tiny correction."""
    high, low = LN2[f.bits]
    square = f * f
    rest = n.fma(low, correction) if isinstance(correction, Real) else n * low
    if f.bits == 32:
        tail = square.fma(-0.5, (square * f).fma(f.polynomial(LOG32), rest))
    else:
        s = f / (f + 2.0)
        z = s * s
        half = 0.5 * square
        tail = s.fma((z * z.polynomial(LOG64)) + half, rest) - half
    return n.fma(high, f + tail)


def _special_log(x: Real, result: Real) -> Real:
    """The logarithm's special values: log(0) = -inf, log(inf) = inf, NaN below 0 and for NaN."""
    result = (x < math.inf).choose(result, x)
    return x.same(0.0).choose(-math.inf, (x < 0.0).choose(math.nan, result))


def log(x: Real) -> Real:
    """Natural logarithm: -inf at ±0, NaN below."""
    normal, shift = _normal(x)
    m, power = _split(normal)
    return _special_log(x, _log_of(m - 1.0, real_of(power) - shift, 0.0))


def log1p(x: Real) -> Real:
    """The logarithm of 1 + x, accurate near 0: -inf at -1, NaN below; -0 stays -0."""
    u = x + 1.0
    m, power = _split(u)
    direct = power.same(0)
    lost = (x > 1.0).choose(1.0 - (u - x), x - (u - 1.0))
    lost = (x < 2.0 ** (MANTISSA[x.bits] + 8)).choose(lost, 0.0)
    lost = lost * (-power.above(BIAS[x.bits] - 10).choose(0, power)).exp2()
    f = direct.choose(x, m - 1.0)
    lost = direct.choose(0.0, lost * (f * f - f + 1.0))
    result = _log_of(f, real_of(power), lost)
    return x.same(0.0).choose(x, _special_log(u, result))


def _log_pair(x: Real) -> Double:
    """log(x) to about 2**-66 of its value, for a positive x of 64 bits."""
    normal, shift = _normal(x)
    m, power = _split(normal)
    n = real_of(power) - shift
    f = m - 1.0
    below = any_sum(m, m.constant(1.0))
    inverse = 1.0 / below.high
    first = f * inverse
    s = exact_sum(first, ((-first).fma(below.high, f) - first * below.low) * inverse)
    square = exact_product(s.high, s.high)
    z = Double(square.high, (s.high * 2.0).fma(s.low, square.low))
    product = exact_product(z.high, s.high)
    cube = Double(product.high, z.high.fma(s.low, z.low.fma(s.high, product.low)))
    part = exact_product(cube.high, m.constant(THIRDS[0]))
    third = Double(part.high, cube.high.fma(THIRDS[1], cube.low.fma(THIRDS[0], part.low)))
    rest = cube.high * z.high * z.high.polynomial(POW64)
    high, low = LN2[64]
    base = exact_product(n, high)
    total = any_sum(base.high, s.high * 2.0)
    more = any_sum(total.high, third.high)
    tail = total.low + more.low + (base.low + n * low + (s.low * 2.0 + third.low + rest))
    return exact_sum(more.high, tail)


def pow(x: Real, y: Real) -> Real:
    """``x**y`` with the special values of C99: 1 for y = 0 or x = 1, NaN for a negative x and a fractional y."""
    if x.bits == 32:
        return _special_pow(x, y, _positive_pow32(abs(x).to_double(), y.to_double()))
    return _special_pow(x, y, _positive_pow64(abs(x), y))


def _positive_pow32(x: Real, y: Real) -> Real:
    m, power = _split(x)
    return exp((y * _log_of(m - 1.0, real_of(power), 0.0)).within(-200.0, 200.0)).to_single()


def _positive_pow64(x: Real, y: Real) -> Real:
    logarithm = _log_pair(x)
    product = exact_product(logarithm.high, y)
    limited = product.high.within(UNDERFLOW[64], OVERFLOW[64])
    low = logarithm.low.fma(y, product.low)
    parts, exponent = exp_parts(Double(limited, limited.same(product.high).choose(low, 0.0)))
    return scaled(parts.value(), exponent)


def _special_pow(x: Real, y: Real, positive: Real) -> Real:
    """The power of |x| with its sign, and what C99 says about zeros, infinities, NaN and negative bases."""
    size = abs(x)
    result = size.same(0.0).choose((y < 0.0).choose(x.constant(math.inf), 0.0), positive)
    result = size.same(math.inf).choose((y < 0.0).choose(x.constant(0.0), math.inf), result)
    grows = (size > 1.0) & (y > 0.0) | (size < 1.0) & (y < 0.0)
    unbounded = grows.choose(x.constant(math.inf), size.same(1.0).choose(x.constant(1.0), 0.0))
    result = abs(y).same(math.inf).choose(unbounded, result)
    half = y * 0.5
    whole = y.floor().same(y) & (abs(y) < math.inf)
    odd = whole & ~half.floor().same(half)
    negative = (x.as_whole() >> (x.bits - 1)).same(-1)
    result = (negative & odd).choose(-result, result)
    undefined = (x < 0.0) & ~whole & (size < math.inf) & (abs(y) < math.inf)
    result = (undefined | x.is_nan() | y.is_nan()).choose(math.nan, result)
    return (x.same(1.0) | y.same(0.0)).choose(1.0, result)


__all__ = ["exp", "exp_parts", "expm1", "log", "log1p", "pow", "scaled", "tanh"]
