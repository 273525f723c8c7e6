"""sin, cos and atan, without branches, for every argument: also huge ones are reduced exactly (Payne and Hanek).

An argument below 2**30 is reduced by Cody and Waite's method. A larger one is an integer times a power of two, whose
remainder modulo 2 pi comes from a table; both are computed and one is chosen, so that a loop stays vector code.
"""

import math
from functools import cache

from llvmlite import ir

from symdl_codegen.intrinsics.coefficients import ATAN32, ATAN64, COS, SIN
from symdl_codegen.intrinsics.lane import Double, Real, Whole, any_sum, exact_product, exact_sum, nearest

PI_2 = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)  # pi/2 as a sum
PI_4 = (0.7853981633974483, 3.061616997868383e-17)
LARGE = 2.0**30
FIRST = {32: 30 - 23, 64: 30 - 52}  # the smallest power of two in the table
ENTRIES = {32: 128 - 30, 64: 1024 - 30 + 27}
WORDS = {32: 2, 64: 3}


def sin(x: Real) -> Real:
    """Sine; NaN for infinities, -0 stays -0."""
    return x.same(0.0).choose(x, _circular(x, 0))


def cos(x: Real) -> Real:
    """Cosine; NaN for infinities."""
    return _circular(x, 1)


def _circular(x: Real, ahead: int) -> Real:
    """sin(x + ahead * pi/2)."""
    quadrant, r = _reduced(x)
    quadrant = quadrant + ahead
    odd = (quadrant & 1).same(1)
    if x.bits == 32:
        high, low = r.high.to_single(), x.constant(0.0)
        quadrant = Whole(x.builder, x.builder.trunc(quadrant.value, ir.IntType(32)))
    else:
        high, low = r.high, r.low
    z = high * high
    sine = (z * high).fma(z.polynomial(SIN[x.bits]), low) + high
    half = 0.5 * z
    top = 1.0 - half
    cosine = top + ((1.0 - top - half) + (z * z).fma(z.polynomial(COS[x.bits]), -(high * low)))
    result = odd.choose(cosine, sine)
    sign = (quadrant & 2) << (x.bits - 2)
    return (abs(x) < math.inf).choose((result.as_whole() ^ sign).as_real(), math.nan)


def _reduced(x: Real) -> tuple[Whole, Double]:
    """Quadrant and remainder, |remainder| <= pi/4: x = quadrant * pi/2 + remainder, modulo 2 pi; in 64 bits."""
    wide = x.to_double()
    near = abs(wide) < LARGE
    words = _far_single(x) if x.bits == 32 else _far_double(x)
    high, *rest = (near.choose(direct, word) for direct, word in zip((wide, 0.0, 0.0), words, strict=False))
    n, quadrant = nearest(high, 2.0 / math.pi)
    r = (-n).fma(PI_2[0], high)
    if x.bits == 32:
        return quadrant, Double((-n).fma(PI_2[1], r) + rest[0], rest[0])
    product = exact_product(n, PI_2[1])
    first = any_sum(r, rest[0])
    second = any_sum(first.high, -product.high)
    total = any_sum(second.high, first.low + second.low)
    return quadrant, exact_sum(total.high, total.low + (rest[1] - product.low - n * PI_2[2]))


def _far_single(x: Real) -> tuple[Real, ...]:
    """An argument of 32 bits modulo 2 pi, as an integer of 24 bits times a power of two modulo 2 pi."""
    field = ((x.as_whole() >> 23) & 255) - 150
    word = (x.as_whole() & 0x7FFFFF) | 0x800000
    integer = _signed_integer(Whole(x.builder, x.builder.sext(word.value, ir.IntType(64))), x.to_double())
    high, low = (_entry(x, field, part) for part in range(WORDS[32]))
    product = exact_product(integer, high)
    return product.high, integer.fma(low, product.low)


def _far_double(x: Real) -> tuple[Real, ...]:
    """An argument of 64 bits modulo 2 pi: two integers of 27 bits, each times a power of two modulo 2 pi."""
    field = ((x.as_whole() >> 52) & 2047) - 1075
    word = (x.as_whole() & (2**52 - 1)) | 2**52
    upper = _signed_integer(word >> 27, x)
    lower = _signed_integer(word & (2**27 - 1), x)
    a = [_entry(x, field + 27, part) for part in range(WORDS[64])]
    b = [_entry(x, field, part) for part in range(WORDS[64])]
    pairs = [(exact_product(upper, u), exact_product(lower, v)) for u, v in zip(a[:2], b[:2], strict=True)]
    total, more = (any_sum(one.high, other.high) for one, other in pairs)
    middle = any_sum(pairs[0][0].low, pairs[0][1].low)
    sum_low = any_sum(total.low, middle.high)
    second = any_sum(sum_low.high, more.high)
    least = pairs[1][0].low + pairs[1][1].low + upper.fma(a[2], lower * b[2])
    return total.high, second.high, second.low + sum_low.low + (middle.low + more.low + least)


def _signed_integer(word: Whole, sign: Real) -> Real:
    """A non-negative integer below 2**52 as a real with the sign of ``sign``."""
    magic = Real(word.builder, ir.Constant(ir.DoubleType(), 2.0**52))
    return ((magic.as_whole() + word).as_real() - magic).copysign(sign)


def _entry(x: Real, power: Whole, part: int) -> Real:
    """Word ``part`` of 2**power modulo 2 pi; of the first entry for smaller powers, where it is not used."""
    place = power - FIRST[x.bits]
    place = place.above(0).choose(place, 0)
    place = place.above(ENTRIES[x.bits] - 1).choose(ENTRIES[x.bits] - 1, place)
    table = _table(x.builder.module, x.bits, part)
    where = x.builder.gep(table, [ir.Constant(ir.IntType(32), 0), place.value])
    return Real(x.builder, x.builder.load(where))


def _table(module: ir.Module, bits: int, part: int) -> ir.GlobalVariable:
    name = f"symdl.two_pi.{bits}.{part}"
    if name in module.globals:
        return module.globals[name]
    values = [words[part] for words in remainders(bits)]
    kind = ir.ArrayType(ir.DoubleType(), len(values))
    table = ir.GlobalVariable(module, kind, name)
    table.initializer = ir.Constant(kind, [ir.Constant(ir.DoubleType(), value) for value in values])
    table.global_constant, table.linkage, table.unnamed_addr = True, "internal", True
    return table


@cache
def remainders(bits: int) -> tuple[tuple[float, ...], ...]:
    """2**k modulo 2 pi, in [-pi, pi], as sums of two or three reals, for k from FIRST on."""
    digits = 1400
    circle = 2 * _pi(digits)
    result = []
    for k in range(FIRST[bits], FIRST[bits] + ENTRIES[bits]):
        rest = (1 << (digits + k)) % circle
        rest -= circle if 2 * rest > circle else 0
        words = []
        for _ in range(WORDS[bits]):
            word = rest / (1 << digits)
            words.append(word)
            numerator, denominator = word.as_integer_ratio()
            rest -= (numerator << digits) // denominator
        result.append(tuple(words))
    return tuple(result)


@cache
def _pi(digits: int) -> int:
    """The integer part of pi * 2**digits, by Machin's formula."""
    guard = digits + 32

    def inverse_tangent(number: int) -> int:
        term = total = (1 << guard) // number
        odd, sign = 1, 1
        while term:
            term //= number * number
            odd, sign = odd + 2, -sign
            total += sign * (term // odd)
        return total

    return (16 * inverse_tangent(5) - 4 * inverse_tangent(239)) >> (guard - digits)


def atan(x: Real) -> Real:
    """Inverse tangent: by 1/x beyond 1 in 32 bits; in 64 bits around 0, 1 and infinity."""
    size = abs(x)
    if x.bits == 32:
        far = size > 1.0
        t = far.choose(x.constant(-1.0), size) / far.choose(size, 1.0)
        base, tail = far.choose(x.constant(PI_2[0]), 0.0), far.choose(x.constant(-4.371139000186241e-08), 0.0)
        coefficients: tuple[float, ...] = ATAN32
    else:
        far, near = size > 2.414213562373095, size < 0.41421356237309503
        above = far.choose(x.constant(-1.0), near.choose(size, size - 1.0))
        t = above / far.choose(size, near.choose(x.constant(1.0), size + 1.0))
        base = far.choose(x.constant(PI_2[0]), near.choose(x.constant(0.0), PI_4[0]))
        tail = far.choose(x.constant(PI_2[1]), near.choose(x.constant(0.0), PI_4[1]))
        coefficients = ATAN64
    z = t * t
    return (base + (t + (z * t).fma(z.polynomial(coefficients), tail))).copysign(x)


__all__ = ["atan", "cos", "remainders", "sin"]
