"""Padding, flips and reshapes: index maps and their transposes."""

import itertools

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.errors import ShapeError
from symdl.expr.nodes import Element
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, check_value, inputs

n, m, k = sd.dims("n m k")
SHAPES = [(24,), (4, 6), (6, 4), (2, 3, 4), (8, 3), (3, 8), (1, 24), (24, 1), (2, 2, 2, 3), (2, 12), (4, 1, 6)]
PAIRS = list(itertools.permutations(SHAPES[:9], 2))


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=str)
def test_reshape(old, new):
    x, v = sd.tensor("x", old), sd.tensor("v", new)
    y = sd.reshape(x, new)
    arrays = inputs(x, v)
    assert np.array_equal(evaluate(y, arrays), arrays["x"].reshape(new))
    assert np.array_equal(evaluate(sd.grad(sd.sum(sd.hadamard(v, y)), x), arrays), arrays["v"].reshape(old))


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=str)
def test_the_gradient_of_a_reshape_is_a_reshape(old, new):
    """It reads the adjoint at one place: no sum, no condition, whatever the digits of either shape are."""
    x, v = sd.tensor("x", old), sd.tensor("v", new)
    body = sd.grad(sd.sum(sd.hadamard(v, sd.reshape(x, new))), x).body
    assert isinstance(body, Element)


@pytest.mark.parametrize("new", [(-1,), (n * m, k), (n, m * k), (n, -1), (n, 1, m, k), (n, k, m)], ids=str)
def test_reshape_with_symbolic_sizes(new):
    x, sizes = sd.tensor("x", (n, m, k)), {n: 2, m: 3, k: 4}
    y = sd.reshape(x, new)
    arrays = inputs(x, sizes=sizes)
    shape = [int(sympy.sympify(size).subs(sizes)) for size in new]
    check_value(y, arrays["x"].reshape(shape), arrays, sizes)
    check_gradient(sd.sum(sd.sin(y)), x, arrays=arrays, sizes=sizes)


def test_reshape_and_back_is_nothing():
    x = sd.matrix("x", n, m * k)
    y = sd.reshape(x, (n, m, k))
    assert sd.reshape(y, (n, m * k)) == x
    assert sd.reshape(sd.reshape(x, (n * m * k,)), x.shape) == x


def test_a_reshape_in_between_costs_nothing():
    """Heads: split, work, join. The gradient relabels; it has no sum and no delta."""
    x = sd.matrix("x", n, m * k)
    y = sd.reshape(sd.sin(sd.reshape(x, (n, m, k))), (n, m * k))
    assert str(sd.grad(sd.sum(y), x)) == "{cos(x[i0, i1]) : i0<n, i1<k*m}"


def test_reshape_then_transpose():
    x = sd.matrix("x", 3, 8)
    y = sd.transpose(sd.reshape(x, (3, 2, 4)), (1, 0, 2))
    check_gradient(sd.sum(sd.sin(sd.reshape(sd.exp(y), (2, 12)))), x)


def test_pad_and_flip():
    x = sd.tensor("x", (2, 3, 4))
    widths = [(0, 0), (1, 2), (3, 0)]
    arrays = inputs(x)
    check_value(sd.pad(x, widths), np.pad(arrays["x"], widths), arrays)
    check_value(sd.flip(x, -1), np.flip(arrays["x"], -1), arrays)
    assert sd.flip(sd.flip(x, 1), 1) == x
    check_gradient(sd.sum(sd.sin(sd.pad(sd.flip(sd.exp(x), 1), widths))), x, arrays=arrays)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: sd.reshape(x, (n, n)), "does not provably have as many entries as \\(n, n\\)"),
        (lambda x: sd.reshape(x, (-1, -1)), "as many entries"),
        (lambda x: sd.reshape(sd.vector("v", 5), (2, -1)), "as many entries"),
        (lambda x: sd.pad(x, [(1, 1)]), "one \\(before, after\\) pair"),
        (lambda x: sd.pad(x, [(1, 1), (-1, 0)]), "non-negative"),
        (lambda x: sd.flip(x, 2), "axis 2 is out of range"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ShapeError, match=message):
        make(sd.matrix("x", n, m))
