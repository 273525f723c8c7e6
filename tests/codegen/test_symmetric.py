"""Symmetric contractions: recognised from equations, computed on and below the diagonal, the same on both sides."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.ir import Contract, statements
from tests.codegen.programs import Builder, ap, axes, ld


def is_symmetric(function):
    parts = [part for kernel in function.module.kernels for part in statements(kernel.body)]
    return [part.symmetric for part in parts if isinstance(part, Contract)]


def weighted(order="ni", ridge=False):
    """Return the program of H = X' D X, D = exp(d), and with ``ridge`` of 2 H + c I; X stored as ``order`` says."""
    b = Builder("weighted", n=None, i=None)
    b.input("x", *order)
    b.input("d", "n")
    b.input("c")
    at = {"n": "r", "i": "j"}
    b.eq("y", axes(r="n", j="i"), ap("mul", ap("exp", ld("d", "r")), ld("x", *(at[a] for a in order))))
    left = ld("x", *({"n": "r", "i": "i"}[a] for a in order))
    b.eq("h", axes(i="i", j="i"), ap("mul", left, ld("y", "r", "j")), "add", axes(r="n"))
    if not ridge:
        return b.program("h")
    diagonal = ap("where", ap("eq", ld_index("i"), ld_index("j")), ld("c"), 0.0)
    b.eq("g", axes(i="i", j="i"), ap("add", ap("mul", 2.0, ld("h", "i", "j")), diagonal))
    return b.program("g")


def ld_index(name):
    return ld("", name).indices[0]


@pytest.mark.parametrize("ridge", [False, True])
@pytest.mark.parametrize("order", ["ni", "in"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_half_is_computed_and_both_sides_agree(dtype, order, ridge):
    function = build(weighted(order, ridge), dtype=dtype)
    assert is_symmetric(function) == [True]
    assert "up to the diagonal" in function.ir_text
    for n, i in ((3, 1), (40, 7), (33, 24), (9, 50), (70, 131), (0, 5), (4, 0)):
        rng = np.random.default_rng(n)
        x, d = rng.normal(size=(n, i)), rng.normal(size=n)
        (found,) = function({"x": x if order == "ni" else x.T.copy(), "d": d, "c": 0.5}, {"i": i, "n": n}).values()
        expected = (x.T * np.exp(d)) @ x
        expected = 2 * expected + 0.5 * np.eye(i) if ridge else expected
        np.testing.assert_allclose(found, expected, rtol=0, atol=50 * np.finfo(dtype).eps * (n + 1))
        np.testing.assert_array_equal(found, found.T)


def test_the_same_bits_for_any_number_of_workers():
    function = build(weighted())
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(300, 401)), "d": rng.normal(size=300), "c": 0.0}
    found = []
    for function.engine.wanted in (1, 2, 3, 4):
        found.append(function(arrays)["h"])
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_what_is_not_symmetric_is_computed_whole():
    b = Builder("general", n=None, i=None)
    b.input("x", "n", "i")
    b.input("w", "n", "i")
    b.input("s", "i")
    b.eq("a", axes(i="i", j="i"), ap("mul", ld("x", "r", "i"), ld("w", "r", "j")), "add", axes(r="n"))
    b.eq("c", axes(i="i", j="i"), ap("mul", ld("x", "r", "i"), ld("x", "r", "j")), "add", axes(r="n"))
    b.eq("e", axes(i="i", j="i"), ap("add", ld("c", "i", "j"), ld("s", "j")))
    function = build(b.program("a", "e"))
    assert is_symmetric(function) == [False, False]
    rng = np.random.default_rng(1)
    arrays = {"x": rng.normal(size=(9, 30)), "w": rng.normal(size=(9, 30)), "s": rng.normal(size=30)}
    found = function(arrays)
    np.testing.assert_allclose(found["a"], arrays["x"].T @ arrays["w"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found["e"], arrays["x"].T @ arrays["x"] + arrays["s"], rtol=1e-12, atol=1e-12)


def test_the_switch_turns_it_off():
    function = build(weighted(), passes={"symmetric": False})
    assert is_symmetric(function) == [False]
