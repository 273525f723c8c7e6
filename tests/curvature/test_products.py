"""Gauss-Newton and Fisher matrices, diagonal and trace, against their definitions in NumPy."""

import numpy as np
import pytest

import symdl as sd
from symdl.curvature import colouring, empirical_fisher, fisher, gauss_newton, hessian_diagonal, hessian_trace, sparsity
from symdl.interpret import evaluate
from tests.curvature.functions import CASES, W, X, n, softmax_cost, w, x, y, y1
from tests.curvature.test_structure import NUMBERS, numbers


def test_gauss_newton_is_slope_curvature_slope():
    output = sd.tanh(X @ w)
    found = gauss_newton(lambda z: sd.sum(sd.softplus(z) - sd.hadamard(y, z)), output, w)
    v = sd.vector("v", w.shape[0])
    along = gauss_newton(lambda z: sd.sum(sd.softplus(z) - sd.hadamard(y, z)), output, w, v)
    slope = sd.jacobian(output, w)
    arrays = numbers([found, v])
    matrix, product, jacobian, value = evaluate([found, along, slope, output], arrays, NUMBERS)
    sigmoid = 1 / (1 + np.exp(-value))
    expected = jacobian.T @ np.diag(sigmoid * (1 - sigmoid)) @ jacobian
    np.testing.assert_allclose(matrix, expected, rtol=1e-12)
    np.testing.assert_allclose(product, expected @ arrays["v"], rtol=1e-12)


def test_gauss_newton_of_a_canonical_link_is_the_hessian():
    """The scores are linear in W, so that there is no second term."""
    assert gauss_newton(lambda z: softmax_cost(z, y1), W @ x, W) == sd.hessian(softmax_cost(W @ x, y1), W)


def test_fisher_of_a_categorical_is_its_hessian():
    """E[∇²C] = Fisher, and here the Hessian does not depend on the label: (diag(ŷ) - ŷŷᵀ) ⊗ xxᵀ."""
    assert fisher(sd.softmax(W @ x), W) == sd.hessian(softmax_cost(W @ x, y1), W)


def test_empirical_fisher():
    found = empirical_fisher(sd.square(X @ w - y), w)
    arrays = numbers([found])
    gradients = 2 * (arrays["X"] @ arrays["w"] - arrays["y"])[:, None] * arrays["X"]
    np.testing.assert_allclose(evaluate(found, arrays, NUMBERS), gradients.T @ gradients, rtol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_diagonal_and_trace(case):
    values = [sd.hessian(case.value, case.variable), hessian_diagonal(case.value, case.variable)]
    values.append(hessian_trace(case.value, case.variable))
    dense, diagonal, trace = evaluate(values, numbers(values), NUMBERS)
    rows = int(np.sqrt(dense.size))
    matrix = dense.reshape(rows, rows)
    np.testing.assert_allclose(diagonal.ravel(), np.diag(matrix), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(trace, np.trace(matrix), rtol=1e-12, atol=1e-12)


def test_pattern_and_colours_of_a_chain():
    """Rosenbrock's function couples neighbours: three colours for any length."""
    u = sd.vector("u", n)
    chain = sd.sum(100 * sd.square(u[1:] - sd.square(u[:-1])) + sd.square(1 - u[:-1]))
    pattern = sparsity(sd.hessian(chain, u), {n: 9})
    distance = np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
    np.testing.assert_array_equal(pattern, distance <= 1)
    colours = colouring(pattern)
    assert colours.max() + 1 == 3
    for one in range(9):
        for two in range(one):
            assert colours[one] != colours[two] or not (pattern[:, one] & pattern[:, two]).any()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pattern_covers_every_value(case):
    hessian = sd.hessian(case.value, case.variable)
    dense = evaluate(hessian, numbers([hessian]), NUMBERS)
    assert not (dense[~sparsity(hessian, NUMBERS)]).any()


def test_refusals():
    with pytest.raises(sd.errors.ShapeError, match="2 axes"):
        colouring(np.ones(3))
    with pytest.raises(sd.errors.ShapeError, match="the loss"):
        gauss_newton(lambda z: z, X @ w, w)
    with pytest.raises(sd.errors.ShapeError, match="each sample"):
        empirical_fisher(W, W)
