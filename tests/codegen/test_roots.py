"""Square roots by an estimate: one unit in the last place, special values, the same bits in each lane."""

import ctypes

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.intrinsics.roots import has_roots
from symdl_codegen.runtime import compiler, native
from tests.codegen.programs import Builder, ap, axes, ld

SOURCE = "def f(x, y, n):\n    for i in range(n):\n        y[i] = root(x[i])\n"
PARAMETERS = ("real*", "real*", "size")
pytestmark = pytest.mark.skipif(not has_roots(), reason="the processor has no estimate of roots")


def root(x):
    function = native.function("f", SOURCE, PARAMETERS, "float32")
    y, slots = np.empty_like(x), np.zeros(8, np.int64)
    call = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int64] * 5)(function.address)
    call(slots.ctypes.data, slots.ctypes.data, x.ctypes.data, y.ctypes.data, len(x))
    return y


def check(x):
    with np.errstate(invalid="ignore"):
        found, exact = root(x), np.sqrt(x)
    both = np.isnan(found) & np.isnan(exact)
    distance = np.abs(found.view(np.int32).astype(np.int64) - exact.view(np.int32))
    assert np.max(np.where(both, 0, distance)) <= 1


def test_one_unit_in_the_last_place():
    check(np.arange(0, 2**32 - 1, 2003, dtype=np.uint32).view(np.float32))


@pytest.mark.slow
def test_every_number():
    for start in range(0, 2**32, 2**25):
        check(np.arange(start, start + 2**25, dtype=np.uint64).astype(np.uint32).view(np.float32))


def test_special_values():
    exact = np.array([0.0, -0.0, np.inf, 1e-45, 1.1754944e-38, 3.4028235e38, 1.0, 4.0, 2.25], np.float32)
    np.testing.assert_array_equal(root(exact), np.sqrt(exact))
    np.testing.assert_array_equal(np.signbit(root(exact)), np.signbit(exact))
    assert np.isnan(root(np.array([np.nan, -1.0, -np.inf, -1e-45], np.float32))).all()


def test_loops_are_vectors_and_each_lane_has_the_same_bits():
    text = compiler.llvm_text("f", SOURCE, PARAMETERS, "float32")
    assert "rsqrt14.ps.512(<16 x float> %" in text.split("define linkonce")[0]
    x = np.random.default_rng(0).exponential(size=67).astype(np.float32)
    whole = root(x)
    for count in range(68):
        np.testing.assert_array_equal(root(x[:count].copy()), whole[:count])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_divisions_in_32_bits_have_them(dtype):
    b = Builder("roots", n=None)
    x, v = ld(b.input("x", "n"), "i"), ld(b.input("v", "n"), "i")
    b.eq("y", axes(i="n"), ap("div", x, ap("add", ap("sqrt", v), 0.5)))
    b.eq("z", axes(i="n"), ap("mul", x, ap("sqrt", v)))
    function = build(b.program("y", "z"), dtype=dtype)
    assert ("root(v[i])" in function.source) == (dtype == "float32")
    assert "sqrt(v[i])" in function.source
    x, v = np.random.default_rng(1).exponential(size=(2, 100)).astype(dtype)
    found = function({"x": x, "v": v})
    np.testing.assert_allclose(found["y"], x / (np.sqrt(v) + 0.5), rtol=3 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(found["z"], x * np.sqrt(v))
