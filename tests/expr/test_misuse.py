"""What newcomers write first and symdl has another form for: said where it is written, with the form to use."""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.errors import DerivationError, ExpressionError, ShapeError

n, p = sd.dims("n p")
X, w, a, v = sd.matrix("X", n, p), sd.vector("w", p), sd.scalar("a"), sd.vector("v", 3)


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda: 2**w, ExpressionError, r"2 \*\* w: ambiguous for a tensor of shape \(p,\); use sd.power"),
        (lambda: abs(w), ExpressionError, r"abs\(w\): ambiguous for a tensor of shape \(p,\); use sd.abs"),
        (lambda: bool(w > 0), ExpressionError, r"the truth value of a symbolic condition .* use sd.where"),
        (lambda: max(w, 0), ExpressionError, r"the truth value of a symbolic condition .* use sd.where"),
        (lambda: sd.where(a == 0, w, 0), ExpressionError, r"found the Python value False; .* use sd.equal\(a, b\)"),
        (lambda: sympy.sin(w), AttributeError, "a symbolic tensor has no attribute .* use symdl's, as sd.sin"),
        (lambda: w["a"], ExpressionError, "w: 'a' is no index; use integers, index symbols or slices, or sd.take"),
        (lambda: v[np.array([True, False, True])], ExpressionError, "v: array.* is no index; .* sd.take"),
        (lambda: v[0.5:], ExpressionError, "v: 0.5 is no index"),
        (lambda: v[::1.5], ExpressionError, "v: 1.5 is no index"),
        (lambda: v[::n], ShapeError, "v: the step of a slice must be an integer other than 0, found n"),
        (lambda: v[..., ...], ExpressionError, r"v: an index can hold '\.\.\.' only once"),
        (lambda: sd.pad(X, 1), ShapeError, r"of shape \(n, p\), as \[\(1, 1\), \(1, 1\)\], found 1"),
        (lambda: sd.max_pool(sd.tensor("I", 1, 4, 4), 1.5), ShapeError, "size: expected an integer of at least 1"),
        (lambda: sd.array(w[0] > 0, (a, n)), ExpressionError, r"array: .* found the condition .* sd.where\(.*, 1, 0\)"),
        (lambda: sd.array(w[0], 4), ShapeError, r"array: expected \(index, size\) pairs .* as \(i, n\), found \(4,\)"),
        (lambda: sd.gauss_newton(sd.norm(X @ w), X @ w, w), DerivationError, "loss is to be a function of z"),
        (lambda: sd.dims(3), ShapeError, r"dims: expected the names of sizes, as in sd.dims\('n p'\), found 3"),
        (lambda: sd.dims([3]), ShapeError, r"dims: expected the names of sizes, as in sd.dims\('n p'\), found \[3\]"),
        (lambda: sd.vector(3, 3), ExpressionError, "expected a name, a string such as 'x' .* found 3"),
        (lambda: sd.scalar(""), ExpressionError, "expected a name, .* found ''"),
        (lambda: sd.named("1", w), ExpressionError, "begins with no digit, found '1'"),
        (lambda: sd.scalar("a\nb"), ExpressionError, r"expected a name, .* found 'a\\nb'"),
        (lambda: sd.grad(sd.norm(w), [w, w]), DerivationError, "grad: w is given twice; give each variable once"),
        (lambda: sd.recurrence(lambda t, g, h: g, (v, v), 4), ShapeError, "returns one value, but 2 .* return a tuple"),
        (lambda: sd.recurrence(lambda t, h: h, v, 4, names=["g", "h"]), ShapeError, "2 names are given, but 1 ten"),
    ],
)  # fmt: skip
def test_messages(write, error, message):
    with pytest.raises(error, match=message):
        write()


def test_comparisons_of_tensors_are_conditions():
    x = np.array([-1.0, 1.0, 2.0, 2.5, 3.0, 4.0])
    outside = 3 < w  # noqa: SIM300  because the reflected operator is tested
    between = sd.compile(sd.where((w >= 1) & (w < 3) | outside, w, 0), target="numpy")
    assert np.array_equal(between(w=x), np.where((x >= 1) & (x < 3) | (x > 3), x, 0))
    below = sd.compile(sd.where(~(w > a) & (a <= 2), 1, 0), target="numpy")
    assert np.array_equal(below(w=x, a=2), x <= 2)
    assert not below(w=x, a=2.1).any()
    with pytest.raises(ShapeError, match="w compared with v: shapes"):
        w > v  # noqa: B015  because what it raises is the test


def test_sizes_of_a_tensor_one_after_the_other():
    assert sd.tensor("K", 4, n, 3) == sd.tensor("K", (4, n, 3)) == sd.tensor("K", [4, n, 3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: np.exp(w), "np.exp: w is a symbolic tensor and holds no numbers; use sd.exp"),
        (lambda: np.sum(w), "np.sum: w is .*; use sd.sum"),
        (lambda: np.concatenate([w, w]), "np.concatenate: w is .*; use sd.concat"),
        (lambda: np.linalg.inv(sd.matrix("A", n, n)), "np.inv: A is .*; use sd.inv"),
        (lambda: np.dot(w, w), "np.dot: w is .*; use the operator @"),
        (lambda: np.frexp(w), "np.frexp: w is .*; use a function of symdl, if there is one"),
    ],
)
def test_functions_of_numpy_name_those_of_symdl(call, message):
    with pytest.raises(ExpressionError, match=message):
        call()


def test_numbers_of_numpy_are_numbers():
    assert np.float64(2) * w == w * 2.0 == w * np.float64(2)
    assert np.float64(1) + w == w + 1.0
    assert np.shape(w) == w.shape
