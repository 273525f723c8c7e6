"""Sums of which conditions leave few terms, quotients with a name: shorter forms of the same value."""

import numpy as np
import pytest
from sympy import Sum, symbols

import symdl as sd
from symdl.errors import InputError
from symdl.expr.nodes import Reduce
from symdl.interpret import evaluate
from symdl.simplify import simplify

t, r = symbols("t r", integer=True)
n, K = sd.dims("n K")


def simplified(value):
    return simplify([value]).values[0]


def test_every_third_place():
    """The kernel's gradient of a transposed convolution runs over the input, not over the larger output."""
    x, kernel = sd.tensor("x", (1, 4, 5)), sd.tensor("K", (1, 1, 3, 2))
    y = sd.conv_transpose2d(x, kernel, stride=3)
    d = sd.tensor("d", y.shape)
    gradient = sd.grad(sd.sum(sd.hadamard(d, y)), kernel)
    assert [size for node in gradient.body.atoms(Reduce) for _, size in node.axes] == [4, 5]
    assert "where" not in str(gradient)
    rng = np.random.default_rng(0)
    arrays = {"d": rng.normal(size=[int(size) for size in y.shape]), "x": rng.normal(size=(1, 4, 5))}
    expected = [
        [(arrays["d"][0, a : a + 10 : 3, b : b + 13 : 3] * arrays["x"][0]).sum() for b in range(2)] for a in range(3)
    ]
    np.testing.assert_allclose(evaluate(gradient, arrays)[0, 0], expected, rtol=1e-12)


def test_a_delta_of_a_difference_selects():
    """The Jacobian of a correlation is banded: no sum is left."""
    w, x = sd.vector("w", K), sd.vector("x", n)
    jacobian = sd.jacobian(sd.array(Sum(w[r] * x[t + r], (r, 0, K - 1)), (t, n - K + 1)), x)
    assert not jacobian.body.atoms(Reduce)
    given = {"w": np.array([1.0, 2.0, 3.0])}
    np.testing.assert_array_equal(
        evaluate(jacobian, given, {"n": 5}), [[1, 2, 3, 0, 0], [0, 1, 2, 3, 0], [0, 0, 1, 2, 3]]
    )


def test_a_fixed_place_is_read_and_so_refused_where_there_is_none():
    z = sd.vector("z", K)
    gradient = sd.grad(sd.softmax(z)[2], z)
    assert "where" not in str(gradient)
    share = np.exp([0.0, 1, 2, 3]) / np.exp([0.0, 1, 2, 3]).sum()
    found = evaluate(gradient, {"z": np.arange(4.0)})
    np.testing.assert_allclose(found, share[2] * (np.eye(4)[2] - share), rtol=1e-13)
    with pytest.raises(InputError, match="leaves the axis of size 2"):
        evaluate(gradient, {"z": np.arange(2.0)})


def test_a_condition_is_known_inside_itself():
    x = sd.scalar("x")
    nested = sd.where(x > 0, sd.where(x > 0, sd.sin(x), sd.cos(x)), sd.where(x > 0, x, x**2))
    assert simplified(nested) == sd.where(x > 0, sd.sin(x), x**2)
    assert simplified(sd.maximum(0, x) * sd.where(x > 0, 1, 0)) == sd.maximum(0, x)
    assert simplified(sd.maximum(0, x) * sd.where(x > 1, 1, 0)).has(type(sd.where(x > 1, 1, 0)))


def test_a_quotient_is_found_again_by_its_name():
    u, v = sd.vector("u", n), sd.vector("v", n)
    unit = sd.named("u_hat", u / sd.norm(u), latex=r"\hat{u}")
    gradient = sd.grad(v @ unit, u)
    assert str(gradient).count("u_hat") == 2
    rng = np.random.default_rng(0)
    given = {"u": rng.normal(size=4), "v": rng.normal(size=4)}
    size = np.linalg.norm(given["u"])
    hat = given["u"] / size
    np.testing.assert_allclose(evaluate(gradient, given), (given["v"] - hat * (hat @ given["v"])) / size, rtol=1e-12)
