"""Transposed index maps: relabelling, digits of a mixed radix, guards; and what is simplified because of them."""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.derive.mixed_radix import digits, join_quotients
from symdl.expr.index import Index
from symdl.expr.index import join_quotients as joined_index
from symdl.freeze import freeze
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, compiled, inputs

a, b, c = Index("a"), Index("b"), Index("c")
m, n = sd.dims("m n")


def test_digits_of_a_number():
    t = Index("t")
    solution, guards = digits(6 * a + 2 * b + c, (t, sympy.Integer(24)), [a, b, c], {a: 4, b: 3, c: 2})
    assert guards == []
    for value in range(24):
        places = {index: int(place.subs(t, value)) for index, place in solution.items()}
        assert places == {a: value // 6, b: value // 2 % 3, c: value % 2}


def test_digits_with_a_rest_are_guarded():
    t = Index("t")
    _, guards = digits(2 * a + b, (t, sympy.Integer(7)), [a, b], {a: sympy.Integer(3), b: sympy.Integer(2)})
    assert [value for value in range(7) if all(guard.subs(t, value) for guard in guards)] == list(range(6))


@pytest.mark.parametrize("extents", [{a: 4, b: 3}, {a: 4, b: 1}], ids=str)
def test_overlapping_windows_are_no_digits(extents):
    assert digits(2 * a + b, (Index("t"), sympy.Integer(9)), [a, b], extents) is None


def test_quotient_and_remainder_are_one_place():
    t, u = Index("t"), Index("u")
    places, targets = join_quotients([sympy.floor(a / m), sympy.Mod(a, m)], [(t, n), (u, m)])
    assert places == [a]
    assert targets == [(m * t + u, m * n)]
    kept = ([sympy.floor(a / m), sympy.Mod(a, m)], [(t, n), (u, n)])  # the axis is longer than the remainder
    assert join_quotients(*kept) == kept


def test_index_expressions_are_joined():
    assert joined_index(m * sympy.floor(a / m) + sympy.Mod(a, m)) == a
    assert joined_index(sympy.floor(sympy.Mod(a, m) / m)) == 0
    assert joined_index(2 * m * sympy.floor(a / m) + 2 * sympy.Mod(a, m) + b) == 2 * a + b
    assert joined_index(sympy.Mod(a, 3)) == sympy.Mod(a, 3)


def test_kronecker_products():
    A, B = sd.matrix("A", 2, 3), sd.matrix("B", 3, 2)
    check_gradient(sd.sum(sd.sin(sd.kron(A, B))), A, B)


def test_an_extremum_of_a_guarded_place_stays_inside():
    """The place of the largest entry is found for each window, and read for no window that does not exist."""
    x = sd.tensor("x", (1, 7, 5))
    gradient = sd.grad(sd.sum(sd.exp(sd.max_pool(x, 2))), x)
    arrays = inputs(x)
    np.testing.assert_allclose(compiled(gradient, arrays), evaluate(gradient, arrays), rtol=1e-12)


def test_deviations_from_a_mean_sum_to_zero():
    z = sd.matrix("z", n, m)
    centred = z - sd.broadcast(sd.mean(z, axis=0), (n, m))
    simple = sd.grad(sd.sum(sd.square(centred)), z)
    assert str(simple) == str(sd.grad(sd.sum(sd.square(centred)) + 0, z))
    assert simple.body.count(sympy.Function) == 0
    assert len(freeze({"out": simple}).equations) == 3  # the sum, the gradient, the output
    arrays = inputs(z, sizes={n: 4, m: 3})
    np.testing.assert_allclose(evaluate(simple, arrays), 2 * (arrays["z"] - arrays["z"].mean(0)), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_derivative_of_a_softmax_is_its_projection(axis):
    """For any cotangent, along either axis, and for scores of any size."""
    z, g = sd.matrix("z", n, m), sd.matrix("g", n, m)
    gradient = sd.grad(sd.sum(sd.hadamard(g, sd.softmax(z, axis=axis))), z)
    assert "exp" not in str(gradient).replace("softmax", "")
    for scale in (1, 1e5):
        arrays = inputs(z, g, sizes={n: 4, m: 3})
        arrays["z"] = arrays["z"] * scale
        powers = np.exp(arrays["z"] - arrays["z"].max(axis, keepdims=True))
        s = powers / powers.sum(axis, keepdims=True)
        expected = s * (arrays["g"] - (s * arrays["g"]).sum(axis, keepdims=True))
        for target in ("numpy", "cpu"):
            np.testing.assert_allclose(compiled(gradient, arrays, target=target), expected, rtol=1e-11, atol=1e-14)
