"""Penalties with kinks: the lasso and the elastic net as scikit-learn fits them; coordinate descent."""

import numpy as np
import pytest

import symdl as sd
from symdl.data import diabetes

n, p = sd.dims("n p")
X, y, w, b = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p), sd.scalar("b")
l1, l2 = sd.scalar("l1", nonnegative=True), sd.scalar("l2", nonnegative=True)
ERROR = sd.norm(y - X @ w - b * sd.ones(n)) ** 2 / (2 * n)
LASSO = l1 * sd.sum(sd.abs(w))
NET = LASSO + l2 * sd.norm(w) ** 2
theta = sd.vector("theta", 2)


@pytest.fixture(scope="module")
def patients():
    found = diabetes()
    return {"X": found.x, "y": found.y}


METHODS = [sd.minimizers.CoordinateDescent, sd.minimizers.ProximalGradient]


@pytest.mark.parametrize("kind", METHODS)
def test_lasso(kind, patients):
    """Catalogue 2.5-lasso, 4.5-coord and 4.5-prox: λ = 0.5 keeps 4 coefficients, R² = 0.4552."""
    linear = pytest.importorskip("sklearn.linear_model")
    peer = linear.Lasso(alpha=0.5, tol=1e-12, max_iter=100_000).fit(patients["X"], patients["y"])
    found = sd.minimize(ERROR + LASSO, [w, b], {**patients, "l1": 0.5}, method=kind(penalty=LASSO), max_steps=3000)
    assert found.converged
    assert (found.values["w"] != 0).sum() == 4
    np.testing.assert_array_equal(found.values["w"] != 0, peer.coef_ != 0)
    np.testing.assert_allclose(found.values["w"], peer.coef_, atol=1e-4)
    assert found.values["b"] == pytest.approx(peer.intercept_, rel=1e-8)
    left = patients["y"] - patients["X"] @ found.values["w"] - found.values["b"]
    assert 1 - left @ left / (442 * patients["y"].var()) == pytest.approx(0.4552, abs=5e-5)


@pytest.mark.parametrize("accelerate", [True, False])
def test_elastic_net(accelerate, patients):
    linear = pytest.importorskip("sklearn.linear_model")
    data = {"X": patients["X"] / patients["X"].std(0), "y": patients["y"]}
    peer = linear.ElasticNet(alpha=2.0, l1_ratio=0.5, tol=1e-12, max_iter=100_000).fit(data["X"], data["y"])
    method = sd.minimizers.ProximalGradient(penalty=NET, accelerate=accelerate)
    found = sd.minimize(ERROR + NET, [w, b], {**data, "l1": 1.0, "l2": 0.5}, method=method, max_steps=3000)
    assert found.converged
    np.testing.assert_allclose(found.values["w"], peer.coef_, rtol=1e-6, atol=1e-7)
    rises = np.diff(found.history) > 1e-12 * found.history[0]
    assert accelerate or not rises.any()  # without momentum C never rises


def test_a_sweep_is_the_update_of_the_lasso(patients):
    """The formula that is derived for one coefficient, taken one after the other, against a sweep of the method."""
    column, rest, t = sd.vector("x", n), sd.vector("r", n), sd.scalar("t")
    update = sd.compile(
        sd.minimizers.minimizer_of(sd.norm(rest - t * column) ** 2 / (2 * n) + l1 * sd.abs(t), t), "numpy"
    )
    x, target, weights = patients["X"][:, :4], patients["y"], np.zeros(4)
    for j in range(4):
        others = target - x @ weights + x[:, j] * weights[j]
        weights[j] = update(x=x[:, j], r=others, l1=0.5)
    method = sd.minimizers.CoordinateDescent(penalty=LASSO)
    found = sd.minimize(
        sd.norm(y - X @ w) ** 2 / (2 * n) + LASSO, w, {"X": x, "y": target, "l1": 0.5}, method=method, max_steps=1
    )
    np.testing.assert_allclose(found.values["w"], weights, rtol=1e-10)


def test_coordinate_descent_is_gauss_seidel_on_a_quadratic():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((5, 5))
    matrix, c = root @ root.T + np.eye(5), rng.standard_normal(5)
    A, v, x = sd.matrix("A", p, p, symmetric=True), sd.vector("v", p), sd.vector("x", p)
    found = sd.minimize(x.T @ A @ x / 2 - v @ x, x, {"A": matrix, "v": c}, method="coordinate-descent", max_steps=2)
    expected = np.zeros(5)
    for _ in range(2):
        for j in range(5):
            expected[j] += (c[j] - matrix[j] @ expected) / matrix[j, j]
    np.testing.assert_allclose(found.values["x"], expected, rtol=1e-10)


@pytest.mark.slow
def test_coordinate_descent_creeps_along_rosenbrocks_valley():
    value = (1 - theta[0]) ** 2 + 100 * (theta[1] - theta[0] ** 2) ** 2
    found = sd.minimize(value, theta, start={theta: [-1.2, 1.0]}, method="coordinate-descent", max_steps=20_000)
    assert found.converged
    np.testing.assert_allclose(found.values["theta"], [1, 1], atol=1e-7)


def test_no_convexity_along_an_entry():
    found = sd.minimize(theta[0] ** 4 - theta[0] ** 2 + theta[1] ** 2, theta, method="coordinate-descent",
                        start={theta: [0.1, 1.0]})  # fmt: skip
    assert not found.converged
    assert "not convex along entry 0" in found.message


def test_a_penalty_that_is_no_term_of_the_objective(patients):
    with pytest.raises(sd.errors.InputError, match="still has abs"):
        sd.minimize(ERROR + LASSO, [w, b], {**patients, "l1": 0.5},
                    method=sd.minimizers.ProximalGradient(penalty=2 * LASSO))  # fmt: skip
