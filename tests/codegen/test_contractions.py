"""Contractions in tiles: every orientation, remainder and way of packing gives the same sums, to the bit."""

import itertools
import re

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.intrinsics.machine import tile_shape, tile_sizes
from symdl_codegen.ir import Contract, statements
from symdl_codegen.program import Const, Index
from symdl_codegen.scalars import evaluate
from symdl_codegen.schedule.panels import KEPT, NEAR, panels, right_room
from tests.codegen.programs import Builder, ap, axes, ld

ORIENTATIONS = ("nn", "nt", "tn", "tt")


def product(orientation, m="m", n="n", k="k", biased=False):
    """c[i,j] = sum over k of a*b, with ``a`` and ``b`` stored as the letters say; y[i,j] = c[i,j] + bias[i]."""
    b = Builder("product", **{size: None for size in (m, n, k) if isinstance(size, str)})
    left, right = orientation
    b.input("a", *((m, k) if left == "n" else (k, m)))
    b.input("b", *((k, n) if right == "n" else (n, k)))
    body = ap("mul", ld("a", *("ik" if left == "n" else "ki")), ld("b", *("kj" if right == "n" else "jk")))
    b.eq("c", axes(i=m, j=n), body, "add", axes(k=k))
    if not biased:
        return b.program("c")
    b.input("bias", m)
    b.eq("y", axes(i=m, j=n), ap("add", ld("c", "i", "j"), ld("bias", "i")))
    return b.program("y", "c")


def operands(orientation, m, n, k, dtype):
    rng = np.random.default_rng(m * n + k)
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    stored = {"a": a if orientation[0] == "n" else a.T.copy(), "b": b if orientation[1] == "n" else b.T.copy()}
    return stored, a.astype(np.float64) @ b.astype(np.float64)


def sizes_of(dtype):
    rows, columns = tile_shape(dtype)
    near = [(rows - 1, columns - 1, 3), (rows, columns, 4), (rows + 1, columns + 1, 5), (1, 1, 1), (2, 3 * columns, 9)]
    far = [(40, 2 * columns + 7, 70), (300, 300, 37), (530, 3 * columns, 2), (33, 1030, 21), (rows * 5 + 3, 64, 515)]
    return [*near, *far, (0, 3, 4), (3, 0, 4), (3, 4, 0)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_and_remainder(orientation, dtype):
    fn = build(product(orientation), dtype=dtype)
    for m, n, k in sizes_of(dtype):
        arrays, expected = operands(orientation, m, n, k, dtype)
        tolerance = 4 * np.finfo(dtype).eps * np.sqrt(k + 1)
        np.testing.assert_allclose(fn(arrays)["c"], expected, rtol=0, atol=tolerance * max(k, 1), err_msg=f"{m, n, k}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_packing_and_orientation_leave_the_bits_alone(dtype):
    functions = {orientation: build(product(orientation), dtype=dtype) for orientation in ORIENTATIONS}
    for m, n, k in ((70, 300, 41), (530, 200, 65), (9, 17, 300)):
        found = [functions[o](operands(o, m, n, k, dtype)[0])["c"] for o in ORIENTATIONS]
        part = functions["tn"](
            {
                "a": operands("tn", m, n, k, dtype)[0]["a"][:, :9].copy(),
                "b": operands("tn", m, n, k, dtype)[0]["b"][:, :17].copy(),
            }
        )["c"]
        for other in found[1:]:
            np.testing.assert_array_equal(other, found[0])
        np.testing.assert_array_equal(part, found[0][:9, :17])


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_epilogues_see_whole_tiles_and_remainders(orientation):
    program = product(orientation)
    b = Builder("epilogue", **program.sizes)
    b.tensors, b.equations = dict(program.tensors), list(program.equations)
    b.input("bias", "n")
    b.eq("y", axes(i="m", j="n"), ap("tanh", ap("add", ld("c", "i", "j"), ld("bias", "j"))))
    fn = build(b.program("y"))
    assert len(fn.kernels) == 1
    for m, n, k in ((19, 60, 5), (300, 101, 9)):
        arrays, expected = operands(orientation, m, n, k, "float64")
        bias = np.linspace(-1, 1, n)
        np.testing.assert_allclose(fn({**arrays, "bias": bias})["y"], np.tanh(expected + bias), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kept", ["nhi", "hni", "ihn", "hin"])
def test_results_are_written_along_what_is_contiguous(kept):
    """Whatever is rows and columns of the tile, merged or not: along the last index of the result."""
    b, extents = Builder("written", n=None, h=None, m=None, k=None), {"n": "n", "h": "h", "i": "m"}
    b.input("x", "n", "h", "k")
    b.input("w", "m", "k")
    body = ap("mul", ld("x", "n", "h", "k"), ld("w", "i", "k"))
    b.eq("z", axes(**{letter: extents[letter] for letter in kept}), body, "add", axes(k="k"))
    b.eq("y", axes(**{letter: extents[letter] for letter in kept}), ap("tanh", ld("z", *kept)))
    fn = build(b.program("y", "z"), passes={"dots": False})
    assert len(fn.kernels) == 1
    rng = np.random.default_rng(0)
    for n, h, m, k in ((3, 5, 70, 9), (11, 9, 5, 33), (2, 61, 50, 300)):
        x, w = rng.normal(size=(n, h, k)), rng.normal(size=(m, k))
        found, z = fn({"x": x, "w": w}), np.einsum(f"nhk,ik->{kept}", x, w)
        np.testing.assert_allclose(found["z"], z, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(found["y"], np.tanh(z), rtol=1e-11, atol=1e-12)
    lines = [line.strip() for line in fn.source.splitlines()]
    last = next(number for number, line in enumerate(lines) if line.startswith("z["))
    counted = [line.split()[1] for line in lines[:last] if line.startswith("for ")][-1]
    assert f"+ {counted}]" in lines[last], "the innermost loop runs along neighbours"


@pytest.mark.parametrize("order", list(itertools.permutations("tn")))
def test_several_depths_that_follow_each_other_are_one(order):
    b = Builder("depths", t=None, n=None, p=None, q=None)
    b.input("d", *order, "p")
    b.input("h", *order, "q")
    body = ap("mul", ld("d", *order, "i"), ld("h", *order, "j"))
    b.eq("g", axes(i="p", j="q"), body, "add", axes(t="t", n="n"))
    fn = build(b.program("g"), passes={"order": False})
    rng = np.random.default_rng(0)
    d, h = rng.normal(size=(5, 7, 261)), rng.normal(size=(5, 7, 110))
    np.testing.assert_allclose(fn({"d": d, "h": h})["g"], np.einsum("tni,tnj->ij", d, h), rtol=1e-11, atol=1e-12)
    single = re.compile(r"1, 0, 0,\s*1, 0, 0, nk_")  # one loop in the tile
    assert bool(single.search(fn.source)) == (order == ("t", "n")), "one depth"
    assert single.search(build(b.program("g")).source), "summed over in the order in which they are stored"


def test_depths_apart_stay_apart():
    b = Builder("window", n=None, w=3)
    b.input("x", "n")
    b.input("f", "w", "n")
    body = ap("mul", ld("x", ap("add", Index("i"), Index("k"))), ld("f", "k", "j"))
    b.eq("y", axes(i=20, j="n"), body, "add", axes(k="w"))
    rng = np.random.default_rng(0)
    x, f = rng.normal(size=60), rng.normal(size=(3, 60))
    expected = np.array([[sum(x[i + k] * f[k, j] for k in range(3)) for j in range(60)] for i in range(20)])
    np.testing.assert_allclose(build(b.program("y"))({"x": x, "f": f})["y"], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("batch", [1, 3])
def test_batches_of_products(batch):
    b = Builder("batched", s=None, m=None, n=None, k=None)
    b.input("a", "s", "k", "m")
    b.input("b", "s", "n", "k")
    body = ap("mul", ld("a", "s", "k", "i"), ld("b", "s", "j", "k"))
    b.eq("c", axes(s="s", i="m", j="n"), body, "add", axes(k="k"))
    rng = np.random.default_rng(0)
    a, c = rng.normal(size=(batch, 33, 270)), rng.normal(size=(batch, 130, 33))
    found = build(b.program("c"))({"a": a, "b": c})["c"]
    np.testing.assert_allclose(found, np.einsum("ski,sjk->sij", a, c), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("depth", [100, 300, 784, 1024, 1025, 3000])
@pytest.mark.parametrize("known", [True, False])
def test_a_panel_has_room_for_what_is_packed_at_once(depth, known):
    """Depths that are taken whole, and depths in blocks."""
    b, k = Builder("panel", n=None, m=None, k=None), depth if known else "k"
    b.input("a", "n", k)
    b.input("w", "m", k)
    b.eq("y", axes(i="n", j="m"), ap("mul", ld("a", "i", "r"), ld("w", "j", "r")), "add", axes(r=k))
    fn = build(b.program("y"), dtype="float32", passes={"dots": False})
    (part,) = (part for kernel in fn.module.kernels for part in statements(kernel.body) if isinstance(part, Contract))
    sizes = {**tile_sizes("float32"), "n": 70, "m": 60, "k": depth}
    place = panels(part, fn.module.buffers)
    assert place.packs_right
    steps = place.blocks(sizes["tile.deep"])
    at_once = depth if steps is None else min(depth, evaluate(steps, sizes))
    strips = evaluate(place.strips, sizes)
    assert strips == min(sizes["tile.strips"], -(-60 // sizes["tile.columns"]))
    assert evaluate(right_room(place, place.strips), sizes) >= at_once * sizes["tile.columns"] * strips
    assert (steps is None) == (known and depth <= 1024)


@pytest.mark.parametrize(("rows", "columns"), [(70, 130), (300, 300)])
def test_blocks_of_the_depth_come_first_where_all_of_the_result_is_kept(rows, columns):
    b = Builder("deep", k=None)
    b.input("a", "k", rows)
    b.input("b", "k", columns)
    body = ap("mul", ld("a", "r", "i"), ld("b", "r", "j"))
    b.eq("t", axes(i=rows, j=columns), body, "add", axes(r="k"))
    b.eq("c", axes(i=rows, j=columns), ap("tanh", ap("mul", Const(1e-2), ld("t", "i", "j"))))
    fn = build(b.program("c"))
    loops = re.findall(r"for ([jks]0)", fn.source)
    assert (loops[0] == "k0") == (rows * columns <= KEPT)
    rng = np.random.default_rng(0)
    for depth in (0, 1, 70, 1500):
        x, y = rng.normal(size=(depth, rows)), rng.normal(size=(depth, columns))
        expected = np.tanh(1e-2 * (x.T @ y))
        for threads in (1, 2):
            fn.threads = threads
            np.testing.assert_allclose(fn({"a": x, "b": y})["c"], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("sizes", [(530, 210, 300), (530, 210, 1100), (64, 210, 300)])
def test_strips_of_columns_share_what_is_read_of_a_large_left_operand(sizes, orientation):
    """Small operands, and few columns, have strips one by one. The bits are those of sizes that are not known."""
    (m, n, k), dtype = sizes, "float32"
    arrays, expected = operands(orientation, m, n, k, dtype)
    bias = np.linspace(-1, 1, m).astype(dtype)
    fn, whole = (build(product(orientation, *part), dtype=dtype) for part in ((m, n, k, True), ()))
    found = fn({**arrays, "bias": bias})
    np.testing.assert_allclose(found["c"], expected, rtol=0, atol=4 * np.finfo(dtype).eps * k)
    np.testing.assert_array_equal(found["c"], whole(arrays)["c"])
    np.testing.assert_array_equal(found["y"], found["c"] + bias[:, None])
    (part,) = (part for kernel in fn.module.kernels for part in statements(kernel.body) if isinstance(part, Contract))
    strips = evaluate(panels(part, fn.module.buffers).strips, tile_sizes(dtype))
    assert (strips > 1) == ("for s0" in fn.source)
    assert (strips > 1) == (k * part.rows[0].extent.value > NEAR)


@pytest.mark.parametrize(("rows", "columns", "rows_first"), [(3, 130, True), (300, 130, True), (70, 5000, False)])
def test_blocks_of_rows_come_first_where_right_operands_are_near_and_in_place(rows, columns, rows_first):
    b = Builder("rows")
    b.input("a", rows, 40)
    b.input("w", 40, columns)
    b.eq("t", axes(i=rows, j=columns), ap("mul", ld("a", "i", "r"), ld("w", "r", "j")), "add", axes(r=40))
    b.eq("c", axes(i=rows, j=columns), ap("tanh", ap("mul", Const(0.1), ld("t", "i", "j"))))
    fn = build(b.program("c"))
    assert (fn.source.index("for i0_") < fn.source.index("for j0_")) == rows_first
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(rows, 40)), rng.normal(size=(40, columns))
    for threads in (1, 2):
        fn.threads = threads
        np.testing.assert_allclose(fn({"a": x, "w": w})["c"], np.tanh(0.1 * (x @ w)), rtol=1e-10, atol=1e-12)
