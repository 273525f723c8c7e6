"""Sums over the rows of a tensor run in tiles: gradients of biases."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.ir import Contract, statements
from symdl_codegen.program import Const
from tests.codegen.programs import Builder, ap, axes, ld


def sums(columns, *rows):
    """s[j] = sum over the first axes of x[..., j]; y = tanh(s / 10)."""
    sizes = {row: None for row in (*rows, columns) if isinstance(row, str)}
    b = Builder("sums", **sizes)
    b.input("x", *rows, columns)
    over = {f"r{k}": row for k, row in enumerate(rows)}
    b.eq("s", axes(j=columns), ld("x", *over, "j"), "add", axes(**over))
    b.eq("y", axes(j=columns), ap("tanh", ap("mul", Const(0.1), ld("s", "j"))))
    return b.program("y", "s")


def tiles(fn):
    return [part for kernel in fn.module.kernels for part in statements(kernel.body) if isinstance(part, Contract)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [3, 16, 130])
def test_rows_are_added_in_tiles_in_the_order_in_which_they_stand(columns, dtype):
    program = sums(columns, "t", "n")
    fn, by_rows = (build(program, dtype=dtype, passes={"sums": on}) for on in (True, False))
    assert (len(tiles(fn)), len(tiles(by_rows))) == (1, 0)
    rng = np.random.default_rng(columns)
    for t, n in ((0, 3), (1, 1), (3, 50), (7, 300)):
        x = rng.normal(size=(t, n, columns)).astype(dtype)
        expected = by_rows({"x": x})
        for threads in (1, 2, 3):
            fn.threads = threads
            found = fn({"x": x})
            for name, value in expected.items():
                np.testing.assert_array_equal(found[name], value, err_msg=f"{name}, {t, n}, {threads} threads")


def test_short_sums_wide_ones_and_those_along_rows_stay():
    assert not tiles(build(sums(20, 4)))
    assert not tiles(build(sums(1000, "n")))
    b = Builder("along", n=None, m=None)
    b.input("x", "n", "m")
    b.eq("s", axes(i="n"), ld("x", "i", "r"), "add", axes(r="m"))
    assert not tiles(build(b.program("s")))
