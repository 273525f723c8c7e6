"""Layouts of tensors: whatever axis comes last, the results are the same; convolutions get the batch there."""

from random import Random

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.ir import loads_of
from symdl_codegen.pipeline import SWITCHES
from symdl_codegen.program import Index, Program, Size, verify
from symdl_codegen.schedule.layouts import groups, moved
from tests.codegen.programs import Builder, ap, axes, ld
from tests.codegen.random_programs import random_arrays, random_program


def convolution() -> Program:
    """A convolution with bias and ReLU, its pooling, and a gradient of its kernels."""
    b = Builder("convolution", n=None, o=6, c=3, p=9, q=12, h=8, w=10, u=4, v=5)
    x, k = b.input("x", "n", "c", "p", "q", role="batch"), b.input("k", "o", "c", 2, 3)
    b.input("bias", "o")
    y, z = ap("add", Index("y"), Index("k")), ap("add", Index("z"), Index("l"))
    over = axes(n="n", o="o", y="h", z="w")
    b.eq("t", over, ap("mul", ld(k, "o", "c", "k", "l"), ld(x, "n", "c", y, z)), "add", axes(c="c", k=2, l=3))
    b.eq("s", over, ap("max", ap("add", ld("t", "n", "o", "y", "z"), ld("bias", "o")), 0.0))
    inside = ap("add", ap("mul", 2, Index("u")), Index("k")), ap("add", ap("mul", 2, Index("v")), Index("l"))
    b.eq("a", axes(n="n", o="o", u="u", v="v"), ld("s", "n", "o", *inside), "max", axes(k=2, l=2))
    half = ap("floordiv", Index("y"), 2), ap("floordiv", Index("z"), 2)
    kept = ap("eq", ld("s", "n", "o", "y", "z"), ld("a", "n", "o", *half))
    b.eq("d", over, ap("where", kept, ld("s", "n", "o", "y", "z"), 0.0))
    product = ap("mul", ld(x, "n", "c", y, z), ld("d", "n", "o", "y", "z"))
    b.eq("gk", axes(o="o", c="c", k=2, l=3), product, "add", axes(n="n", y="h", z="w"))
    b.eq("total", (), ld("a", "n", "o", "u", "v"), "add", axes(n="n", o="o", u="u", v="v"))
    return verify(b.program("gk", "total", batch="n"))


def shapes_of(text: str) -> dict[str, str]:
    """The shape of each temporary in printed loop IR."""
    lines = [line.split(" ", 1)[1].split(": ")[0] for line in text.splitlines() if line.startswith("temporary ")]
    return {line.split("(")[0]: line[line.index("(") :] for line in lines}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_batch_comes_last_where_images_are_small(dtype: str) -> None:
    fast = build(convolution(), dtype=dtype)
    plain = build(convolution(), dtype=dtype, passes={"layouts": False, "dots": False})
    assert shapes_of(fast.ir_text)["s"] == "(o, h, w, n)"
    assert shapes_of(fast.ir_text)["x_laid"] == "(c, p, q, n)"
    assert shapes_of(plain.ir_text)["s"] == "(n, o, h, w)"
    for n in (0, 1, 5, 16, 67):
        arrays = {
            name: np.random.default_rng(n).normal(size=size).astype(dtype)
            for name, size in (("x", (n, 3, 9, 12)), ("k", (6, 3, 2, 3)), ("bias", (6,)))
        }
        found, expected = fast(arrays), plain(arrays)
        for name in ("gk", "total"):
            tolerance = 100 * np.finfo(dtype).eps
            np.testing.assert_allclose(found[name], expected[name], rtol=tolerance, atol=tolerance * (n + 1) * 30)


def test_programs_without_windows_stay_as_they_are() -> None:
    b = Builder("plain", n=None, m=None)
    b.input("x", "n", "m")
    b.eq("y", axes(j="m", i="n"), ap("exp", ld("x", "i", "j")))
    b.eq("s", axes(i="n"), ld("y", "j", "i"), "add", axes(j="m"))
    fn = build(b.program("s"), passes={"inline": False, "rows": False, "transposes": False})
    assert shapes_of(fn.ir_text)["y"] == "(m, n)"


def test_any_axis_may_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    for seed in range(14):
        program = verify(random_program(Random(3000 + seed)))
        sizes = {"n": 5, "m": 17, "k": 3}
        arrays = random_arrays(program, sizes, seed)
        expected = build(program, "numpy")(arrays, sizes)
        apart = {"inline": False, "fuse": seed % 2 == 0}
        before = build(program, passes={**dict.fromkeys(SWITCHES, False), **apart}).module
        choices = [other for group in groups(before) if (other := moved(before, group)) is not None]
        for other in choices[:1]:
            monkeypatch.setattr("symdl_codegen.schedule.layouts", lambda module, chosen=other: chosen)
            for name, value in build(program, passes=apart)(arrays, sizes).items():
                np.testing.assert_allclose(value, expected[name], rtol=1e-12, atol=1e-11, err_msg=f"{seed} {name}")
            tried += 1
    assert tried >= 6


def test_axes_that_run_together_move_together() -> None:
    b = Builder("together", n=None, m=4, w=3)
    b.input("x", "n", "m")
    b.eq("y", axes(i="n", j="m"), ap("exp", ld("x", "i", "j")))
    b.eq("z", axes(i="n", j=2), ap("tanh", ld("y", "i", ap("add", Index("j"), 1))))
    b.eq("s", axes(j=2), ld("z", "i", "j"), "add", axes(i="n"))
    captured = build(b.program("s"), passes=dict.fromkeys(SWITCHES, False)).module
    group = next(group for group in groups(captured) if ("y", 0) in group)
    assert group == {("x", 0), ("y", 0), ("z", 0)}
    other = moved(captured, group)
    assert other is not None
    assert [other.buffers[name].shape[-1] for name in ("y", "z")] == [Size("n")] * 2
    places = [load.indices for kernel in other.kernels for load in loads_of(kernel.body) if load.tensor in ("y", "z")]
    assert len(places) == 2
    assert all(indices[-1] != Index("j") for indices in places)
