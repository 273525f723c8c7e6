"""The emitted text of a small program, kept as files. Rewrite them with SYMDL_UPDATE_GOLDEN=1 and read the diff."""

import ast
import os
from pathlib import Path

import numpy as np
import pytest

from symdl_codegen import build
from tests.codegen.programs import Builder, ap, axes, ld, mlp

GOLDEN = Path(__file__).parent / "golden"


def small():
    """Row sums of exp(x) + c, clipped from below, and the column means of x."""
    b = Builder("small", n=None, m=None)
    b.input("x", "n", "m")
    b.input("c")
    b.eq("total", axes(i="n"), ap("add", ap("exp", ld("x", "i", "j")), ld("c")), "add", axes(j="m"))
    b.eq("y", axes(i="n"), ap("max", ld("total", "i"), 1.0))
    b.eq("sums", axes(j="m"), ld("x", "i", "j"), "add", axes(i="n"))
    return b.program("y", "sums")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_text_is_golden_and_computes(target, dtype):
    fn = build(small(), target, dtype)
    file = GOLDEN / f"small_{target}_{dtype}.py.txt"
    if os.environ.get("SYMDL_UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(fn.source)
    assert fn.source == file.read_text()
    x = np.linspace(-1, 1, 12).reshape(3, 4)
    found = fn({"x": x, "c": -0.5})
    np.testing.assert_allclose(found["y"], np.maximum((np.exp(x) - 0.5).sum(1), 1.0), rtol=1e-6)
    np.testing.assert_allclose(found["sums"], x.sum(0), rtol=1e-6, atol=1e-6)


def test_loop_ir_is_readable():
    text = build(small()).ir_text
    assert "total_value = add over j < m of (exp(x[i, j]) + c[])" in text
    assert "# total[i] = add over j < m of (exp(x[i, j]) + c[])" in text


@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_what_is_shown_is_what_is_compiled(target):
    fn = build(mlp((5, 7, 3)), target)
    tree = ast.parse(fn.source)
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if target == "cpu":
        assert functions == {kernel.name for kernel in fn.kernels}
    assert all(kernel.note for kernel in fn.kernels)
    for kernel in fn.kernels:
        for line in kernel.note.splitlines():
            assert f"# {line}" in fn.source


def test_layers_share_kernels():
    two, five = build(mlp((6, 5, 4))), build(mlp((6, 5, 5, 5, 5, 4)))
    assert len(five.kernels) <= len(two.kernels) + 3


def test_emission_is_deterministic():
    assert build(mlp((6, 5, 4))).source == build(mlp((6, 5, 4))).source


def test_arena_is_shared_over_time():
    fn, unshared = build(mlp((64, 64, 64, 64, 8))), build(mlp((64, 64, 64, 64, 8)), passes={"memory": False})
    assert fn.arena_bytes({"n": 1000}) < 0.8 * unshared.arena_bytes({"n": 1000})
    assert fn.arena_bytes({"n": 1000}) > fn.arena_bytes({"n": 10})


def test_timings_name_every_stage():
    timings = build(small()).timings
    assert list(timings) == ["verify", "lower", "passes", "schedule", "emit", "compile", "cached"]
