"""Transposes: what is read across its rows is stored the other way round, and nothing but speed changes."""

import numpy as np

from symdl_codegen import build
from symdl_codegen.ir import Module
from symdl_codegen.lower import lower
from symdl_codegen.passes import run_passes
from symdl_codegen.program import Const, Program, verify
from symdl_codegen.schedule.transposes import transposes
from tests.codegen.programs import Builder, ap, axes, ld


def crossed(*outputs: str) -> Program:
    """A product g[k, q], read along k by one reduction beside p[q, k] and by a pointwise equation."""
    b = Builder("crossed", n=None)
    for name, rows, columns in (("a", "n", 40), ("b", "n", 32), ("p", 32, 40)):
        b.input(name, rows, columns)
    b.eq("g", axes(k=40, q=32), ap("mul", ld("a", "n", "k"), ld("b", "n", "q")), "add", axes(n="n"))
    b.eq("s", axes(q=32), ap("tanh", ap("mul", ld("p", "q", "k"), ld("g", "k", "q"))), "add", axes(k=40))
    b.eq("y", axes(q=32, k=40), ap("add", ld("g", "k", "q"), ap("mul", ld("p", "q", "k"), ld("s", "q"))))
    return b.program(*outputs)


def transposed(program: Program) -> Module:
    """The module with its tensors the other way round."""
    return transposes(run_passes(lower(verify(program)), {}))


def test_a_tensor_that_is_read_across_its_rows_is_stored_the_other_way_round():
    assert transposed(crossed("y")).buffers["g"].shape == (Const(32), Const(40))


def test_an_output_keeps_its_axes():
    assert transposed(crossed("y", "g")).buffers["g"].shape == (Const(40), Const(32))


def test_the_values_are_those_of_numpy():
    program = crossed("y")
    rng = np.random.default_rng(0)
    arrays = {"a": rng.normal(size=(9, 40)), "b": rng.normal(size=(9, 32)), "p": rng.normal(size=(32, 40))}
    expected = build(program, "numpy")(arrays)["y"]
    for passes in ({}, {"transposes": False}, {"rows": False}):
        np.testing.assert_allclose(build(program, passes=passes)(arrays)["y"], expected, rtol=1e-11, atol=1e-12)


def test_nothing_moves_where_all_is_read_along_its_rows():
    b = Builder("plain", n=None)
    b.input("x", "n", 40)
    b.eq("t", axes(i="n", k=40), ap("exp", ld("x", "i", "k")))
    b.eq("s", axes(i="n"), ld("t", "i", "k"), "add", axes(k=40))
    b.eq("y", axes(i="n", k=40), ap("div", ld("t", "i", "k"), ld("s", "i")))
    module = run_passes(lower(verify(b.program("y"))), {})
    assert transposes(module) is module
