"""Sums leave out their first and last terms where a factor is zero there by its place."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.ir import Contract, Reduce, statements
from symdl_codegen.program import Const, Index, Size
from tests.codegen.programs import Builder, ap, axes, ld


def shifted(index, step):
    return ap("add", Index(index), Const(step))


CONDITIONS = {
    "t == 0": (ap("where", ap("eq", Index("t"), 0), 0.0, ld("h", shifted("t", -1), "j")), (1, 0), 1),
    "0 == t": (ap("where", ap("eq", 0, Index("t")), 0.0, ld("h", "t", "j")), (1, 0), 0),
    "t < 2": (ap("where", ap("lt", Index("t"), 2), 0.0, ld("h", shifted("t", -2), "j")), (2, 0), 2),
    "3 <= t": (ap("where", ap("le", 3, Index("t")), ld("h", "t", "j"), 0.0), (3, 0), 0),
    "t + 1 < T": (ap("where", ap("lt", shifted("t", 1), Size("T")), ld("h", shifted("t", 1), "j"), 0.0), (0, 1), -1),
    "T <= t + 2": (ap("where", ap("le", Size("T"), shifted("t", 2)), 0.0, ld("h", shifted("t", 2), "j")), (0, 2), -2),
}


def program(body, over="T"):
    """s[i,j] = sum over t of c[t,j] d[t,i], and the same weighted by a function of time, where c has ``body``."""
    b = Builder("ends", T=None, n=None, m=None)
    b.input("h", "T", "m")
    b.input("d", "T", "n")
    b.eq("c", axes(t="T", j="m"), body)
    b.eq("s", axes(i="n", j="m"), ap("mul", ld("c", "r", "j"), ld("d", "r", "i")), "add", axes(r=over))
    b.eq("p", axes(j="m"), ap("mul", ld("c", "r", "j"), ap("real", Index("r"))), "add", axes(r=over))
    return b.program("s", "p")


def expected(h, d, ends, shift):
    c, (first, last) = np.zeros_like(h), ends
    for t in range(first, len(h) - last):
        c[t] = h[t - shift]
    return {"s": np.einsum("tj,ti->ij", c, d), "p": np.arange(len(h)) @ c}


@pytest.mark.parametrize("target", ["cpu", "numpy"])
@pytest.mark.parametrize("case", CONDITIONS)
def test_what_is_zero_by_its_place_is_left_out(case, target):
    body, ends, shift = CONDITIONS[case]
    fn = build(program(body), target, passes={"ends": True})
    assert "c" not in fn.module.buffers, "nobody reads it any more"
    rng = np.random.default_rng(0)
    for steps in (sum(ends), 4, 300):
        h, d = rng.normal(size=(steps, 5)), rng.normal(size=(steps, 3))
        found = fn({"h": h, "d": d})
        for name, value in expected(h, d, ends, shift).items():
            np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-12)


def test_two_zero_ends_of_steps_that_follow_each_other_are_one_depth():
    b = Builder("depths", T=None, n=None)
    for name in "hd":
        b.input(name, "T", "n", 20)
    first = ap("where", ap("eq", Index("t"), 0), 0.0, ld("h", shifted("t", -1), "n", "j"))
    b.eq("c", axes(t="T", n="n", j=20), first)
    product = ap("mul", ld("c", "t", "n", "j"), ld("d", "t", "n", "i"))
    b.eq("s", axes(i=20, j=20), product, "add", axes(t="T", n="n"))
    fn = build(b.program("s"))
    (part,) = (part for kernel in fn.module.kernels for part in statements(kernel.body) if isinstance(part, Contract))
    assert {part.left.tensor, part.right.tensor} == {"h", "d"}
    h, d = np.random.default_rng(0).normal(size=(2, 6, 7, 20))
    np.testing.assert_allclose(fn({"h": h, "d": d})["s"], np.einsum("tnj,tni->ij", h[:-1], d[1:]), rtol=1e-12)


@pytest.mark.parametrize(
    ("body", "over"),
    [
        (CONDITIONS["t + 1 < T"][0], "m"),  # the sum ends elsewhere
        (ap("where", ap("eq", Index("t"), 1), 0.0, ld("h", "t", "j")), "T"),  # zero in between
        (ap("where", ap("eq", Index("t"), 0), 1.0, ld("h", "t", "j")), "T"),  # not zero
        (ap("where", ap("eq", Index("t"), 0), ld("h", "t", "j"), 0.0), "T"),  # all but an end
    ],
)
def test_other_sums_stay(body, over):
    fn = build(program(body, over), "numpy", passes={"ends": True})
    sums = [part for kernel in fn.module.kernels for part in statements(kernel.body) if isinstance(part, Reduce)]
    assert {axis.extent for part in sums for axis in part.axes} == {Size(over)}
