"""Arguments of compiled functions: what is accepted, cast and refused, by the text of the error."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.errors import ArgumentError, UnsupportedError
from tests.codegen.programs import Builder, ap, axes, ld


def affine(target="cpu", **sizes):
    b = Builder("affine", **(sizes or {"n": None, "p": None}))
    b.input("X", "n", "p")
    b.input("w", "p")
    b.eq("y", axes(i="n"), ap("mul", ld("X", "i", "k"), ld("w", "k")), "add", axes(k="p"))
    return build(b.program("y"), target)


@pytest.fixture(scope="module", params=["cpu", "numpy"])
def fn(request):
    return affine(request.param)


def test_names_and_outputs(fn):
    assert fn.inputs == ("X", "w")
    assert fn.outputs == ("y",)


@pytest.mark.parametrize(
    "convert",
    [
        list,
        np.asfortranarray,
        lambda x: x.astype(np.int8),
        lambda x: x > 0,
        lambda x: x.astype(np.float16),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    ],
)
def test_array_likes_are_cast(fn, convert):
    x = np.arange(6.0).reshape(2, 3) - 2
    given = convert(x)
    expected = np.asarray(given, float) @ [1, 2, 3]
    np.testing.assert_allclose(fn({"X": given, "w": [1, 2, 3]})["y"], expected)


def test_read_only_and_byte_swapped_arrays_work(fn):
    x = np.arange(6.0).reshape(2, 3)
    x.flags.writeable = False
    w = np.ones(3).astype(">f8")
    np.testing.assert_allclose(fn({"X": x, "w": w})["y"], x.sum(1))


def test_outputs_are_fresh(fn):
    first = fn({"X": np.ones((2, 3)), "w": np.ones(3)})["y"]
    kept = first.copy()
    fn({"X": np.zeros((2, 3)), "w": np.ones(3)})
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(("n", "p"), [(0, 3), (2, 0), (0, 0)])
def test_empty_axes(fn, n, p):
    np.testing.assert_array_equal(fn({"X": np.ones((n, p)), "w": np.ones(p)})["y"], np.zeros(n))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.ones((2, 3))}, "arguments: missing w; expected exactly X, w"),
        ({"X": np.ones((2, 3)), "w": np.ones(3), "v": 1}, "unknown v; expected exactly X, w"),
        ({"X": np.ones((2, 3)), "w": np.ones(4)}, r"w: expected shape (p,) = (3,), found (4,) (p = 3 from X)"),
        ({"X": np.ones(3), "w": np.ones(3)}, "X: expected shape (n, p), found (3,) (order 1)"),
        (
            {"X": np.ones((2, 3), complex), "w": np.ones(3)},
            "X: expected real, integer or boolean values, found dtype complex",
        ),
        ({"X": [["a"]], "w": [1]}, "X: expected real, integer or boolean values, found dtype <U1"),
        ({"X": np.full((1, 1), None), "w": [1]}, "X: expected real, integer or boolean values, found dtype object"),
        ({"X": [[1, 2], [3]], "w": [1]}, "X: expected an array of real values"),
    ],
)
def test_refused(fn, arrays, message):
    with pytest.raises(ArgumentError) as caught:
        fn(arrays)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0.5], "w: expected integers, found fractional values such as 0.5"),
        ([np.nan], "w: expected integers, found NaN"),
        ([np.inf], "w: expected integers, found NaN or infinity"),
        (np.array([2**64 - 1], np.uint64), "w: expected 64-bit"),
    ],
)
def test_integers_are_checked(value, message):
    b = Builder("integers", n=None)
    b.input("w", "n", kind="int")
    b.eq("y", axes(i="n"), ap("real", ld("w", "i")))
    fn = build(b.program("y"))
    np.testing.assert_array_equal(fn({"w": [1.0, -2.0]})["y"], [1, -2])
    with pytest.raises(ArgumentError) as caught:
        fn({"w": value})
    assert message in str(caught.value)


def test_static_sizes_are_checked():
    fn = affine(n=None, p=3)
    with pytest.raises(ArgumentError) as caught:
        fn({"X": np.ones((2, 4)), "w": np.ones(4)})
    assert "X: expected shape (n, p) = (2, 3), found (2, 4) (p = 3 from its declaration)" in str(caught.value)


@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_sizes_that_no_array_carries(target):
    b = Builder("ones", n=None)
    b.eq("y", axes(i="n"), ap("real", ap("add", 1, ld_index("i"))))
    fn = build(b.program("y"), target)
    assert fn.inputs == ("n",)
    np.testing.assert_array_equal(fn({}, {"n": 3})["y"], [1, 2, 3])
    np.testing.assert_array_equal(fn({"n": 2})["y"], [1, 2])
    with pytest.raises(ArgumentError, match="size n is carried by no array; pass it by name: n="):
        fn({})
    with pytest.raises(ArgumentError, match="unknown size m; expected one of n"):
        fn({}, {"n": 3, "m": 4})
    with pytest.raises(ArgumentError, match="size n: expected an integer of at least 0, found -1"):
        fn({}, {"n": -1})


def ld_index(name):
    from symdl_codegen.program import Index

    return Index(name)


def test_new_sizes_do_not_recompile():
    fn = affine()
    for n, p in ((1, 1), (40, 3), (3, 70)):
        fn({"X": np.ones((n, p)), "w": np.ones(p)})
    assert affine().timings["cached"]


def test_unknown_options():
    with pytest.raises(UnsupportedError, match="unknown target 'tpu'; expected one of"):
        affine("tpu")
    b = Builder("x", n=None)
    b.input("x", "n")
    with pytest.raises(UnsupportedError, match="unknown pass magic"):
        build(b.program("x"), passes={"magic": True})
    with pytest.raises(UnsupportedError, match="unknown dtype 'float16'"):
        build(b.program("x"), dtype="float16")


@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_an_input_or_one_tensor_twice_may_be_output(target):
    b = Builder("same", n=None)
    b.input("x", "n")
    b.eq("y", axes(i="n"), ap("neg", ld("x", "i")))
    b.eq("z", axes(j="n"), ap("neg", ld("x", "j")))
    x = np.array([1.0, 2.0])
    found = build(b.program("x", "y", "z"), target)({"x": x})
    assert found["x"] is not x
    assert not np.shares_memory(found["y"], found["z"])
    np.testing.assert_array_equal(found["z"], -x)


@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_names_may_hold_anything(target):
    """A user's name may be LaTeX, or have quotes."""
    b = Builder("f", n=None)
    name = 'x"\\mathrm{a}\\'
    b.eq("y", axes(i="n"), ap("neg", ld(b.input(name, "n"), "i")))
    found = build(b.program("y"), target)({name: np.arange(3.0)})["y"]
    np.testing.assert_array_equal(found, -np.arange(3.0))
