"""Flat reductions: several axes that are contiguous in every operand are summed in one loop."""

import numpy as np

from symdl_codegen import build
from tests.codegen.programs import Builder, ap, axes, ld


def test_contiguous_axes_are_summed_in_one_loop() -> None:
    b = Builder("bias", n=None)
    b.input("d", 3, 4, 5, "n")
    b.input("w", 5, "n")
    b.eq("s", axes(o=3), ld("d", "o", "y", "x", "n"), "add", axes(y=4, x=5, n="n"))
    body = ap("mul", ap("exp", ld("d", "o", "y", "x", "n")), ld("w", "x", "n"))
    b.eq("t", axes(o=3), body, "add", axes(y=4, x=5, n="n"))
    b.eq("m", axes(o=3), ld("d", "o", "y", "x", 0), "max", axes(y=4, x=5))
    program = b.program("s", "t", "m")
    fast, plain = build(program, passes={"rows": False}), build(program, passes={"flat": False, "rows": False})
    assert "< (n*20)" in fast.ir_text.replace("20*n", "n*20")
    assert "s_value = add over y" not in fast.ir_text
    for n in (1, 7, 40):
        rng = np.random.default_rng(n)
        arrays = {"d": rng.normal(size=(3, 4, 5, n)), "w": rng.normal(size=(5, n))}
        expected = plain(arrays)
        np.testing.assert_allclose(expected["s"], arrays["d"].sum((1, 2, 3)), rtol=1e-11, atol=1e-11)
        for name, value in fast(arrays).items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-11, atol=1e-11)
