"""Declared properties are checked on the arrays of a call."""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.errors import InputError

n = sd.dims("n")
GOOD = {
    "one_hot": [0.0, 1.0, 0.0],
    "simplex": [0.2, 0.3, 0.5],
    "probability": [0.2, 1.0, 0.0],
    "positive": [1.0, 2.0, 3.0],
    "nonnegative": [0.0, 2.0, 3.0],
}


@pytest.mark.parametrize(
    ("fact", "array", "text"),
    [
        ("one_hot", [0.5, 0.2, 0.9], "y: declared one_hot=True, but it holds 0.5"),
        ("one_hot", [1.0, 1.0, 0.0], "but a row sums to 2"),
        ("simplex", [0.5, 0.5, 0.5], "y: declared simplex=True, but a row sums to 1.5"),
        ("probability", [0.5, 2.0, 0.0], "but it holds 2"),
        ("positive", [0.0, 1.0, 1.0], "but it holds 0"),
        ("nonnegative", [-1.0, 1.0, 1.0], "but it holds -1"),
    ],
)
def test_vectors(fact, array, text):
    y = sd.vector("y", n, **{fact: True})
    fn = sd.compile(sd.sum(y) + sd.norm(y), target="numpy")
    fn(y=np.array(GOOD[fact]))
    with pytest.raises(InputError, match=text):
        fn(y=np.array(array))


def test_matrices():
    A = sd.matrix("A", n, n, symmetric=True)
    fn = sd.compile(sd.trace(A), target="numpy")
    fn(A=np.eye(3))
    with pytest.raises(InputError, match="A: declared symmetric=True, but it differs from its transpose"):
        fn(A=np.arange(9.0).reshape(3, 3))


def test_sympys_product_with_a_tensor_is_the_matrix_product():
    p = sd.dims("p")
    X, w = sympy.MatrixSymbol("X", n, p), sd.vector("w", p)
    values, weights = np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0, 2.0])
    for product in (X @ w, X * w):
        np.testing.assert_allclose(sd.compile(product, target="numpy")(X=values, w=weights), values @ weights)
