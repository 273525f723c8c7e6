"""Every backend is one complete table, and each primitive has the same special values in all of them."""

import itertools

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.emit import TARGETS
from symdl_codegen.primitives import PRIMITIVES
from symdl_codegen.program import Apply
from tests.codegen.programs import Builder, ap, axes, ld

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.3, -2.5, 1e-40, 1e30, -1e30, 87.5, 100.0, 0.5, 2.0, 3.0]
INTEGERS = [0, 1, -1, 2, -7, 7, 2**40, -(2**40)]
EXECUTED = [name for name in TARGETS if name in ("cpu", "numpy")]


@pytest.mark.parametrize("target", TARGETS)
def test_table_is_complete(target):
    assert set(TARGETS[target].table) == set(PRIMITIVES)


def program_of(name):
    """One program that applies ``name`` to every combination of special arguments; real results unless boolean."""
    primitive = PRIMITIVES[name]
    kinds = {"r": "real", "n": "real", "i": "int", "b": "bool", "a": "real"}
    letters = primitive.arguments
    b = Builder(name, n=None)
    arguments = [ld(b.input(f"x{k}", "n", kind=kinds[letter]), "i") for k, letter in enumerate(letters)]
    result = {"r": "real", "n": "real", "a": "real", "i": "int", "b": "bool"}[primitive.result]
    if name == "real":
        b.tensors["x0"] = type(b.tensors["x0"])("x0", b.tensors["x0"].shape, "int", "input")
    b.eq("y", axes(i="n"), Apply(name, tuple(arguments)), kind=result)
    values = {"real": SPECIAL, "int": INTEGERS, "bool": [False, True]}
    rows = list(itertools.product(*(values[b.tensors[f"x{k}"].kind] for k in range(len(letters)))))
    arrays = {f"x{k}": np.array([row[k] for row in rows]) for k in range(len(letters))}
    return b.program("y"), arrays


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PRIMITIVES)
def test_special_values_agree(name, dtype):
    program, arrays = program_of(name)
    with np.errstate(all="ignore"):
        found = {target: build(program, target, dtype)(arrays)["y"] for target in EXECUTED}
    for value in found.values():
        np.testing.assert_allclose(value, found["numpy"], rtol=5e-15 if dtype == "float64" else 5e-7)


@pytest.mark.parametrize("target", EXECUTED)
def test_rules_of_nan(target):
    b = Builder("nan", n=None)
    b.input("x", "n")
    x = ld("x", "i")
    b.eq("largest", axes(i="n"), ap("max", x, 0.0))
    b.eq("smallest", axes(i="n"), ap("min", 0.0, x))
    b.eq("sign", axes(i="n"), ap("sign", x))
    b.eq("quotient", axes(i="n"), ap("div", 1.0, x))
    b.eq("safe_log", axes(i="n"), ap("where", ap("lt", 0.0, x), ap("log", x), 7.0))
    b.eq("top", (), ld("x", "j"), "max", axes(j="n"))
    b.eq("low", (), ld("x", "j"), "min", axes(j="n"))
    names = ("largest", "smallest", "sign", "quotient", "safe_log", "top", "low")
    found = build(b.program(*names), target)({"x": [np.nan, 0.0, -3.0, 2.0]})
    np.testing.assert_array_equal(found["largest"], [np.nan, 0, 0, 2])
    np.testing.assert_array_equal(found["smallest"], [np.nan, 0, -3, 0])
    np.testing.assert_array_equal(found["sign"], [np.nan, 0, -1, 1])
    np.testing.assert_array_equal(found["quotient"], [np.nan, np.inf, -1 / 3, 0.5])
    np.testing.assert_array_equal(found["safe_log"], [7, 7, 7, np.log(2.0)])
    assert np.isnan(found["top"])
    assert np.isnan(found["low"])


@pytest.mark.parametrize("target", EXECUTED)
def test_empty_reductions_give_the_identity(target):
    b = Builder("empty", n=None)
    b.input("x", "n")
    for op in ("add", "mul", "max", "min"):
        b.eq(op, (), ld("x", "j"), op, axes(j="n"))
    found = build(b.program("add", "mul", "max", "min"), target)({"x": []})
    assert [float(found[op]) for op in ("add", "mul", "max", "min")] == [0.0, 1.0, -np.inf, np.inf]
    assert all(value.shape == () for value in found.values())


@pytest.mark.parametrize("target", EXECUTED)
def test_integer_reductions(target):
    b = Builder("integers", n=None)
    b.input("x", "n", kind="int")
    for op in ("add", "mul", "max", "min"):
        b.eq(op, (), ld("x", "j"), op, axes(j="n"), kind="int")
    found = build(b.program("add", "mul", "max", "min"), target)({"x": [3, -4, 5]})
    assert [int(found[op]) for op in ("add", "mul", "max", "min")] == [4, -60, 5, -4]
    assert all(value.dtype == np.int64 for value in found.values())


@pytest.mark.parametrize("target", EXECUTED)
def test_computed_index_outside_reads_nan_and_its_scatter_is_dropped(target):
    b = Builder("outside", n=None, m=None)
    b.input("x", "m")
    b.input("w", "n", kind="int")
    index = ap("add", ld("w", "i"), -3)
    b.eq("y", axes(i="n"), ld("x", index))
    b.eq("z", axes(i="n"), ap("real", index), at=(index,), extents=b.tensors["x"].shape)
    found = build(b.program("y", "z"), target)({"x": [10.0, 20.0], "w": [4, 2, 3, 5, 4]})
    np.testing.assert_array_equal(found["y"], [20, np.nan, 10, np.nan, 20])
    np.testing.assert_array_equal(found["z"], [0, 2])
