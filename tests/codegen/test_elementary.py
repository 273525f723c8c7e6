"""Elementary functions of the cpu target: 2 units in the last place, special values, the same bits in each lane."""

import itertools
import math
import re
import timeit

import mpmath as mp
import numpy as np
import pytest
from scipy import special

from symdl_codegen import build
from symdl_codegen.intrinsics.functions import FUNCTIONS
from symdl_codegen.runtime import compiler
from tests.codegen.programs import Builder, ap, axes, ld

UNARY = [name for name in FUNCTIONS if name != "pow"]
WIDE = {  # evaluated in a wider type
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "atan": np.arctan,
    "erf": special.erf,
    "erfc": special.erfc,
}
EXACT = {**{name: getattr(mp, name) for name in UNARY}}
needs_80_bits = pytest.mark.skipif(np.finfo(np.longdouble).eps > 2e-19, reason="long double is no wider than double")


def function(name, dtype):
    count = 2 if name == "pow" else 1
    b = Builder("f", n=None)
    inputs = [ld(b.input(f"x{k}", "n"), "i") for k in range(count)]
    b.eq("y", axes(i="n"), ap(name, *inputs))
    fn = build(b.program("y"), dtype=dtype)
    return lambda *arrays: fn({f"x{k}": array for k, array in enumerate(arrays)})["y"]


def errors(found, exact):
    """Distances in units of the last place of the exact result; infinite where NaN, infinity or overflow disagree."""
    dtype, largest = found.dtype.type, np.finfo(found.dtype).max
    with np.errstate(all="ignore"):
        unit = np.spacing(np.minimum(np.abs(exact), largest).astype(dtype))
        distance = np.abs(found.astype(exact.dtype) - exact) / unit
    overflow = np.isinf(found) & (np.abs(exact) > largest) & (np.sign(found) == np.sign(exact))
    distance = np.where(overflow | (np.isnan(found) & np.isnan(exact)), 0, distance)
    return np.where(np.isnan(distance), np.inf, distance)


def check(name, fn, x, exact, most=2.0):
    found = fn(x)
    distance = errors(found, exact)
    worst = int(np.argmax(distance))
    assert distance[worst] <= most, f"{name}({x[worst]!r}) = {found[worst]!r}, expected {exact[worst]!r}"
    zero = (x == 0) & (exact == 0)
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(exact[zero]))


def singles(start, stop, step):
    return np.arange(start, stop, step, dtype=np.uint32).view(np.float32)


def check_single(name, x):
    with np.errstate(all="ignore"):
        check(name, function(name, "float32"), x, WIDE[name](x.astype(np.float64)))


@pytest.mark.parametrize("name", UNARY)
def test_float32_over_the_whole_range(name):
    check_single(name, singles(0, 2**32 - 1, 2003))


@pytest.mark.slow
@pytest.mark.parametrize("name", UNARY)
def test_float32_exhaustively(name):
    for start in range(0, 2**32, 2**25):
        check_single(name, np.arange(start, start + 2**25, dtype=np.uint64).astype(np.uint32).view(np.float32))


def doubles(count, seed=0):
    """All magnitudes, the usual ones, and those where the functions change their form."""
    rng = np.random.default_rng(seed)
    special_ones = [0.0, np.inf, np.nan, 5e-324, 1e-310, 2.3e-308, 1.0, np.pi / 2, np.pi, 1e22, 1.7e308]
    edges = [709.782712893384, 709.7827128933841, 745.1332191019411, 745.1332191019412, 0.5, 27.2, 27.3, 5.93, 2.0**30]
    parts = [
        rng.integers(0, 2**64, count, dtype=np.uint64).view(np.float64),
        rng.normal(size=count) * 4,
        rng.uniform(-1, 1, count) * np.exp2(rng.integers(-60, 11, count)),
        1 + rng.normal(size=count) * np.exp2(rng.integers(-52, 0, count).astype(float)),
        rng.uniform(-750, 750, count),
        rng.integers(1, 10**6, count) * (np.pi / 2),
        np.array(special_ones + edges),
        -np.array(special_ones + edges),
    ]
    return np.concatenate(parts)


@needs_80_bits
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "atan"])
def test_float64_against_80_bits(name):
    x = doubles(100_000)
    if name == "expm1":  # the C library's own is wrong by several units there
        x = x[~((np.abs(x) > 600) & (np.abs(x) < 800))]
    with np.errstate(all="ignore"):
        check(name, function(name, "float64"), x, WIDE[name](x.astype(np.longdouble)))


def exactly(name, x, dtype=np.longdouble):
    """``name`` of every element, in high precision, as a sum of two doubles in the widest type."""
    result = np.empty(len(x), dtype)
    with mp.workprec(1300 if name in ("sin", "cos") else 120):
        for place, value in enumerate(x):
            try:
                number = EXACT[name](mp.mpf(float(value)))
            except OverflowError:
                number = mp.mpf(0)
            result[place] = dtype(float(number)) + dtype(float(number - float(number))) if number == number else np.nan
    return result


@needs_80_bits
@pytest.mark.parametrize("name", UNARY)
def test_float64_against_high_precision(name):
    x = doubles(120, seed=1)
    x = x[np.isfinite(x) & (x != 0)]
    x = {"erf": np.clip(x, -7, 7), "erfc": np.clip(x, -7, 29), "log": np.abs(x), "log1p": np.maximum(x, -0.999)}.get(
        name, x
    )
    x = x[x < 709.78] if name in ("log", "exp", "expm1") else x
    check(name, function(name, "float64"), x, exactly(name, x))


@pytest.mark.slow
@needs_80_bits
@pytest.mark.parametrize("name", ["sin", "cos", "erf", "erfc", "expm1"])
def test_float64_against_high_precision_densely(name):
    x = doubles(20_000, seed=2)
    x = x[np.isfinite(x) & (x != 0)]
    x = np.clip(x, -7, 29) if name in ("erf", "erfc") else np.clip(x, -800, 709.78) if name == "expm1" else x
    check(name, function(name, "float64"), x, exactly(name, x))


@needs_80_bits
@pytest.mark.parametrize("name", ["sin", "cos"])
def test_arguments_next_to_a_multiple_of_a_right_angle(name):
    worst = np.array([6381956970095103 * 2.0**797, 5319372648326541 * 2.0**-52 * 2.0**1000, 2.0**1023, 1e300])
    nearest = np.array([float(mp.nint(k) * mp.pi / 2) for k in [2.0**n + 1 for n in range(1, 50)]])
    x = np.concatenate([worst, -worst, nearest])
    check(name, function(name, "float64"), x, exactly(name, x))
    single = np.concatenate([nearest.astype(np.float32), singles(0x4E000000, 0x7F7FFFFF, 1_000_003)])
    check(name, function(name, "float32"), single, exactly(name, single.astype(float)))


POWERS = [
    0.0,
    np.inf,
    np.nan,
    1.0,
    2.0,
    0.5,
    3.0,
    2.0**53,
    2.0**53 - 1,
    1e308,
    5e-324,
    1e-310,
    1 / 3,
    1 + 2**-52,
    1e-320,
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pow_special_values_are_those_of_c(dtype):
    with np.errstate(over="ignore"):
        values = np.array([*POWERS, *(-np.array(POWERS))]).astype(dtype)
    x, y = np.array(list(itertools.product(values, values))).T.copy()
    found = function("pow", dtype)(x, y)
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    np.testing.assert_allclose(found, expected, rtol=3 * np.finfo(dtype).eps, atol=0)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(expected[zero]))


@needs_80_bits
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pow_over_its_range(dtype):
    rng, count = np.random.default_rng(3), 600
    x = np.concatenate([np.exp(rng.normal(size=count) * s) for s in (3, 1e-3, 20)]).astype(dtype)
    y = np.concatenate([rng.normal(size=count) * s for s in (10, 1e4, 2)]).astype(dtype)
    found = function("pow", dtype)(x, y)
    exact = np.empty(len(x), np.longdouble)
    with mp.workprec(200):
        for place, (base, exponent) in enumerate(zip(x, y, strict=True)):
            exact[place] = np.longdouble(mp.nstr(mp.mpf(float(base)) ** mp.mpf(float(exponent)), 25))
    assert errors(found, exact).max() <= 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_remainders_have_the_bits_of_the_vector_part(name, dtype):
    fn = function(name, dtype)
    rng = np.random.default_rng(4)
    arrays = [rng.normal(size=300).astype(dtype) * 3 for _ in range(2 if name == "pow" else 1)]
    arrays[0] = np.abs(arrays[0]) if name in ("pow", "log", "log1p") else arrays[0]
    whole = fn(*arrays)
    for first, count in itertools.product(range(0, 40, 7), (1, 2, 3, 7, 13, 15, 17, 31, 47, 129)):
        part = fn(*(array[first : first + count].copy() for array in arrays))
        np.testing.assert_array_equal(part, whole[first : first + count])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_loops_become_vector_code_without_calls(name, dtype):
    b = Builder("f", n=None, m=None)
    inputs = [ld(b.input(f"x{k}", "n", "m"), "i", "j") for k in range(2 if name == "pow" else 1)]
    b.eq("y", axes(i="n", j="m"), ap(name, *inputs))
    (kernel,) = build(b.program("y"), dtype=dtype).emitted.kernels
    text = compiler.llvm_text(kernel.name, kernel.source, [kind for _, kind in kernel.parameters], dtype)
    assert re.search(r"<\d+ x (float|double)> @llvm\.fma\.v", text), "no vector code"
    called = set(re.findall(r"call [^@]*@\"?([\w.$]+)", text))
    assert not [name for name in called if not name.startswith("llvm.")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_vanishes_takes_no_longer(dtype):
    """Processors take some hundred cycles for a product that underflows; a masked softmax has many."""
    fn = function("exp", dtype)
    usual, vanishing = np.zeros(40_000, dtype), np.full(40_000, -np.inf, dtype)
    np.testing.assert_array_equal(fn(vanishing), 0.0)

    def seconds(array):
        return min(timeit.repeat(lambda: fn(array), number=1, repeat=30))

    assert seconds(vanishing) < 3 * seconds(usual)


def test_the_mathematics_library_is_not_used():
    for name, dtype in itertools.product(FUNCTIONS, ("float32", "float64")):
        b = Builder("f")
        arguments = [ld(b.input(f"x{k}")) for k in range(2 if name == "pow" else 1)]
        b.eq("y", (), ap(name, *arguments))
        fn = build(b.program("y"), dtype=dtype)
        values = {f"x{k}": 0.5 for k in range(len(arguments))}
        expected = getattr(math, name)(*values.values())
        np.testing.assert_allclose(fn(values)["y"], expected, rtol=4 * np.finfo(dtype).eps)
        assert "math" not in fn.source
