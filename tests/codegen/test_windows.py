"""Pooling and its gradient: windows written out, indices split in blocks and places, cheap values computed again."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.ir import Apply, Const, Load, Reduce, Store, loads_of, statements
from symdl_codegen.passes.constants import folded
from symdl_codegen.program import Index, Program, verify
from tests.codegen.programs import Builder, ap, axes, ld

NAMES = ("split", "unroll", "recompute")


def pooling(size: int = 2, number: str = "real") -> Program:
    """The gradient of the largest entries of windows of relu(z), ties to the first; and how many entries count."""
    side = 3 * size
    b = Builder("pooling", n=None)
    b.input("y", "n", side, side)
    b.input("g", "n", 3, 3)
    full, half = axes(n="n", i=side, j=side), axes(n="n", u=3, v=3)
    b.eq("z", full, ap("add", ld("y", "n", "i", "j"), -1.0))
    b.eq("r", full, ap("max", ld("z", "n", "i", "j"), 0.0))
    inside = [ap("add", ap("mul", size, Index(block)), Index(place)) for block, place in (("u", "k"), ("v", "l"))]
    b.eq("a", half, ld("r", "n", *inside), "max", axes(k=size, l=size))
    place = ap("add", ap("mul", size, Index("k")), Index("l"))
    own = ap("add", ap("mul", size, ap("mod", Index("i"), size)), ap("mod", Index("j"), size))
    if number == "real":
        place, own = ap("real", place), ap("real", own)
    found = ap("where", ap("eq", ld("r", "n", *inside), ld("a", "n", "u", "v")), place, float(size**2))
    if number == "int":
        found = ap("where", ap("eq", ld("r", "n", *inside), ld("a", "n", "u", "v")), place, size**2)
    b.eq("p", half, found, "min", axes(k=size, l=size), kind=number)
    block = [ap("floordiv", Index(index), size) for index in "ij"]
    taken = ap("where", ap("eq", own, ld("p", "n", *block)), 1.0, 0.0)
    slope = ap("where", ap("lt", 0.0, ld("z", "n", "i", "j")), 1.0, 0.0)
    b.eq("d", full, ap("mul", taken, slope, ld("g", "n", *block)))
    b.eq("s", axes(n="n"), slope, "add", axes(i=side, j=side))
    return verify(b.program("d", "s"))


@pytest.mark.parametrize("number", ["real", "int"])
@pytest.mark.parametrize("size", [2, 3])
def test_gradients_of_windows(size: int, number: str) -> None:
    program = pooling(size, number)
    fast = build(program)
    assert not any(isinstance(part, Reduce) and part.op in ("max", "min") for part in parts(fast))
    code = [line for line in fast.source.splitlines() if not line.lstrip().startswith("#")]
    assert not any("%" in line or "//" in line for line in code)
    plain = build(program, passes=dict.fromkeys(NAMES, False))
    single = [build(program, passes={name: False}) for name in NAMES] if (size, number) == (2, "real") else []
    reference = build(program, "numpy")
    rng = np.random.default_rng(size)
    for n in (0, 1, 5, 33):
        arrays = {
            "y": rng.integers(-1, 4, (n, 3 * size, 3 * size)).astype(float),  # many ties
            "g": rng.normal(size=(n, 3, 3)),
        }
        if n == 5:
            arrays["y"][0, 0, 1] = np.nan
        expected = reference(arrays)
        for fn in (fast, plain, *single):
            for name, value in fn(arrays).items():
                np.testing.assert_array_equal(value, expected[name], err_msg=name)


def parts(fn):
    return [part for kernel in fn.module.kernels for part in statements(kernel.body)]


def test_a_block_and_the_places_in_it_are_written_one_after_the_other() -> None:
    fn = build(pooling(), passes={"memory": False})
    stores = [part for part in parts(fn) if isinstance(part, Store) and part.buffer == "d"]
    assert len(stores) == 4
    assert not any(isinstance(node, Apply) and node.primitive == "mod" for part in stores for node in (part.value,))
    uneven = Builder("uneven")
    uneven.input("g", 4)
    uneven.eq("d", axes(i=7), ap("mul", ld("g", ap("floordiv", Index("i"), 2)), 2.0))
    fn = build(uneven.program("d"))
    np.testing.assert_array_equal(fn({"g": np.arange(4.0)})["d"], [0, 0, 2, 2, 4, 4, 6])


def test_what_is_exact_is_computed_again_and_what_a_sum_reads_is_not() -> None:
    assert not any(load.tensor == "r" for kernel in build(pooling()).module.kernels for load in loads_of(kernel.body))
    b = Builder("layer", n=None, m=None, k=None)
    b.input("x", "n", "m")
    b.input("w", "k", "m")
    b.eq("z", axes(i="n", j="m"), ap("exp", ld("x", "i", "j")))
    b.eq("r", axes(i="n", j="m"), ap("max", ld("z", "i", "j"), 0.5))
    b.eq("y", axes(i="n", k="k"), ap("mul", ld("r", "i", "j"), ld("w", "k", "j")), "add", axes(j="m"))
    b.eq("s", axes(j="m"), ld("z", "i", "j"), "add", axes(i="n"))
    fn = build(b.program("y", "s"))
    assert any(load.tensor == "r" for kernel in fn.module.kernels for load in loads_of(kernel.body))


def test_whole_constants_are_folded_where_they_are_exact() -> None:
    i = Index("i")
    assert folded(ap("add", ap("mul", 2, i), 0)) == ap("mul", i, 2)
    assert folded(ap("add", ap("mul", 2.0, ap("real", Const(1))), 1.0)) == Const(3.0)
    assert folded(ap("mul", 0.1, 3.0)) == ap("mul", 0.1, 3.0)
    assert folded(Load("x", (ap("add", 1, 2),))) == Load("x", (Const(3),))
