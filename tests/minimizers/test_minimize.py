"""Minimisation to reference end points, and what is said where there is none."""

import numpy as np
import pytest
import scipy.optimize

import symdl as sd
from symdl.data import breast_cancer
from symdl.minimizers.methods import METHODS
from tests.katex import katex_error

n, p, m, k = sd.dims("n p m k")
X, y, w, b = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p), sd.scalar("b")
SCORES = X @ w + b * sd.ones(n)
LOGISTIC = sd.sum(sd.softplus(SCORES) - sd.hadamard(y, SCORES))
theta = sd.vector("theta", 2)
ROSENBROCK = (1 - theta[0]) ** 2 + 100 * (theta[1] - theta[0] ** 2) ** 2
START = {theta: [-1.2, 1.0]}


SLOW = {"steepest-descent", "coordinate-descent"}  # thousands of steps along a curved valley


@pytest.mark.parametrize("name", [name for name in METHODS if name not in SLOW])
def test_rosenbrock(name):
    found = sd.minimize(ROSENBROCK, theta, start=START, method=name)
    assert found.converged
    np.testing.assert_allclose(found.values["theta"], [1, 1], atol=1e-7)
    assert found.steps < 100


def test_exact_line_search_zigzags():
    """Catalogue 4.5-ls-exact: steepest descent from (0.4, -0.2), 1000 steps; successive directions are orthogonal."""
    path = [np.array([0.4, -0.2])]
    found = sd.minimize(
        ROSENBROCK,
        theta,
        start={theta: path[0]},
        method=sd.minimizers.SteepestDescent(line_search=sd.minimizers.Exact()),
        max_steps=1000,
        callback=lambda values, _: path.append(values["theta"]),
    )
    np.testing.assert_allclose(found.values["theta"], [0.967064, 0.934926], atol=2e-4)
    assert found.value == pytest.approx(1.093e-3, rel=2e-2)
    steps = np.diff(path[:50], axis=0)
    cosines = np.sum(steps[1:] * steps[:-1], axis=1) / np.prod(
        [np.linalg.norm(steps[k : 48 + k], axis=1) for k in (0, 1)], 0
    )
    assert np.abs(cosines).max() < 1e-5


@pytest.mark.parametrize("rule", ["polak-ribiere", "fletcher-reeves", "hestenes-stiefel"])
def test_conjugate_gradients_end_after_n_steps_on_a_quadratic(rule):
    """Catalogue 4.5-cg: on a quadratic function with exact steps, all rules are linear conjugate gradients."""
    A, c, x = sd.matrix("A", p, p, positive_definite=True), sd.vector("c", p), sd.vector("x", p)
    root = np.random.default_rng(2).standard_normal((6, 6))
    data = {"A": root @ root.T + np.eye(6), "c": np.arange(6.0)}
    data["A"] = (data["A"] + data["A"].T) / 2
    method = sd.minimizers.NonlinearCG(rule=rule, line_search=sd.minimizers.Exact(tolerance=1e-14))
    found = sd.minimize(x.T @ A @ x / 2 - c.T @ x, x, data, start={x: np.zeros(6)}, method=method)
    assert found.converged
    assert found.steps <= 7
    np.testing.assert_allclose(found.values["x"], np.linalg.solve(data["A"], data["c"]), rtol=1e-7)


def test_sparse_hessian_of_a_chain():
    u = sd.vector("u", n)
    chain = sd.sum(100 * sd.square(u[1:] - sd.square(u[:-1])) + sd.square(1 - u[:-1]))
    objective = sd.scipy_objective(chain, u, sizes={n: 40})
    x = np.random.default_rng(0).standard_normal(40)
    found = objective.sparse_hessian(x)
    assert found.nnz == 3 * 40 - 2
    np.testing.assert_allclose(found.toarray(), objective.hess(x), rtol=1e-12, atol=1e-12)


def test_newton_takes_the_catalogues_path():
    """Catalogue 4.6-newton: C along Newton's full steps from (-1.2, 1)."""
    found = sd.minimize(ROSENBROCK, theta, start=START)
    np.testing.assert_allclose(found.history[1:5], [4.7319, 1411.845, 0.0559655, 0.313189], rtol=1e-5)
    np.testing.assert_allclose(found.history[5:7], [1.8527e-11, 3.43e-20], rtol=1e-2)


def test_newton_in_one_dimension():
    """Catalogue 4.6-newton1: the first step from 2.5 ends at 2.5 + 12.5 / 11."""
    t = sd.scalar("t")
    path = []
    polynomial = t**4 - 4 * t**3 - 2 * t**2 + 10 * t + 15
    found = sd.minimize(polynomial, t, start={t: 2.5}, callback=lambda values, _: path.append(float(values["t"])))
    assert path[0] == pytest.approx(2.5 + 12.5 / 11, abs=1e-12)
    roots = np.roots([4, -12, -4, 10])
    assert np.abs(roots - found.values["t"]).min() < 1e-9


@pytest.mark.parametrize("kind", [sd.minimizers.GaussNewton, sd.minimizers.LevenbergMarquardt])
def test_least_squares(kind):
    residuals = sd.stack([10 * (theta[1] - theta[0] ** 2), 1 - theta[0]])
    found = sd.minimize(sd.sum(sd.square(residuals)) / 2, theta, start=START, method=kind(output=residuals))
    assert found.converged
    np.testing.assert_allclose(found.values["theta"], [1, 1], atol=1e-7)


def test_another_function_than_the_residuals():
    residuals = sd.stack([10 * (theta[1] - theta[0] ** 2), 1 - theta[0]])
    with pytest.raises(sd.errors.InputError, match="pass the output and the loss"):
        sd.minimize(ROSENBROCK, theta, start=START, method=sd.minimizers.GaussNewton(output=residuals))


@pytest.fixture(scope="module")
def tumours():
    data = breast_cancer()
    features = data.x[:, :10]
    return {"X": (features - features.mean(0)) / features.std(0), "y": data.y.astype(float)}


@pytest.mark.parametrize("name", ["newton", "damped-newton", "conjugate-gradient", "trust-region", "bfgs", "lbfgs"])
def test_maximum_likelihood(name, tumours):
    """Logistic regression as statsmodels fits it, with standard errors from the Hessian; book §3.2."""
    sm = pytest.importorskip("statsmodels.api")
    peer = sm.Logit(tumours["y"], sm.add_constant(tumours["X"])).fit(disp=False, tol=1e-10, maxiter=200)
    exact = name in ("newton", "damped-newton")
    found = sd.minimize(LOGISTIC, [w, b], tumours, method=name, max_steps=500, tolerance=1e-10 if exact else 1e-5)
    assert found.converged
    np.testing.assert_allclose(found.value, -peer.llf, rtol=1e-10)
    np.testing.assert_allclose(found.values["w"], peer.params[1:], rtol=1e-8 if exact else 2e-3)
    np.testing.assert_allclose(found.values["b"], peer.params[0], rtol=1e-8 if exact else 2e-3)
    if exact:
        np.testing.assert_allclose(found.standard_errors["w"], peer.bse[1:], rtol=1e-8)
        np.testing.assert_allclose(found.standard_errors["b"], peer.bse[0], rtol=1e-8)


@pytest.mark.parametrize("name", ["newton", "damped-newton", "bfgs", "lbfgs"])
def test_separable_data_have_no_minimum(name):
    data = {"X": np.linspace(-1, 1, 20)[:, None], "y": (np.linspace(-1, 1, 20) > 0).astype(float)}
    found = sd.minimize(LOGISTIC, [w, b], data, method=name)
    assert not found.converged
    assert "separable" in found.message


def test_a_factored_hessian_is_solved_by_its_factors():
    """∇²_U ½‖T - UVᵀ‖² = I ⊗ VᵀV: one step, and no matrix of nk rows anywhere."""
    T, U, V = sd.matrix("T", n, m), sd.matrix("U", n, k), sd.matrix("V", m, k)
    rng = np.random.default_rng(0)
    data = {"T": rng.standard_normal((300, 7)), "V": rng.standard_normal((7, 3))}
    found = sd.minimize(sd.sum(sd.square(T - U @ V.T)) / 2, U, data, start={U: np.zeros((300, 3))})
    expected = np.linalg.lstsq(data["V"], data["T"].T, rcond=None)[0].T
    assert (found.steps, found.converged) == (1, True)
    np.testing.assert_allclose(found.values["U"], expected, rtol=1e-10)


def test_natural_gradient_of_a_canonical_model_is_newton(tumours):
    """Logistic regression: F = Xᵀ𝒟X = ∇²C; catalogue 4.6-natural."""
    cost = sd.sum(sd.softplus(X @ w) - sd.hadamard(y, X @ w))
    fisher = sd.gauss_newton(lambda z: sd.sum(sd.softplus(z) - sd.hadamard(y, z)), X @ w, w)
    one = sd.minimize(cost, w, tumours, method=sd.minimizers.NaturalGradient(fisher=fisher))
    two = sd.minimize(cost, w, tumours)
    np.testing.assert_allclose(one.history, two.history, rtol=1e-12)


def test_indefinite_hessian_is_refused_by_a_line_search():
    method = sd.minimizers.Newton(line_search=sd.minimizers.Backtracking())
    found = sd.minimize(ROSENBROCK, theta, start={theta: [0.0, 0.01]}, method=method)
    assert not found.converged
    assert "does not descend" in found.message
    assert sd.minimize(ROSENBROCK, theta, start={theta: [0.0, 0.01]}, method="damped-newton").converged


@pytest.mark.parametrize(
    ("value", "kind"), [(theta[0] ** 2 - theta[1] ** 2, "saddle"), (-(theta.T @ theta), "maximum")]
)
def test_newton_tells_what_is_no_minimum(value, kind):
    found = sd.minimize(value, theta, start={theta: [1.0, 0.5]})
    assert not found.converged
    assert kind in found.message


def test_a_trust_region_leaves_a_saddle_point():
    value = theta[0] ** 2 - theta[1] ** 2 + theta[1] ** 4
    found = sd.minimize(value, theta, start={theta: [1.0, 1e-3]}, method="trust-region")
    assert found.converged
    np.testing.assert_allclose(np.abs(found.values["theta"]), [0, 0.5**0.5], atol=1e-7)
    trapped = sd.minimize(value, theta, start={theta: [1.0, 0.0]}, method="trust-region")  # nothing points aside there
    assert not trapped.converged
    assert "saddle" in trapped.message


def test_a_trust_region_ends_on_its_border():
    """Steihaug's d for an indefinite model, and one whose minimum is inside: ‖d‖ = Δ, -B⁻¹g; Q below Cauchy's."""
    from symdl.minimizers.method import point
    from symdl.minimizers.objective import Objective

    rng = np.random.default_rng(3)
    root = rng.standard_normal((6, 6))
    A, b, x = sd.matrix("A", p, p, symmetric=True), sd.vector("b", p), sd.vector("x", p)
    for matrix, radius, inside in ((root + root.T, 0.7, False), (root @ root.T + np.eye(6), 0.1, False),
                                   (root @ root.T + np.eye(6), 1e3, True)):  # fmt: skip
        data = {"A": matrix, "b": 1e-6 * rng.standard_normal(6) if inside else rng.standard_normal(6)}
        objective = Objective(x.T @ A @ x / 2 - b @ x, x, data, {p: 6})
        at = point(objective, np.zeros(6))
        d, product = sd.minimizers.TrustRegion().direction(objective, at, radius)
        np.testing.assert_allclose(product, matrix @ d, atol=1e-9)
        if inside:
            np.testing.assert_allclose(d, np.linalg.solve(matrix, data["b"]), rtol=1e-2)
        else:
            assert np.linalg.norm(d) == pytest.approx(radius)
        g, curvature = at.gradient, at.gradient @ matrix @ at.gradient
        size = np.linalg.norm(g)
        cauchy = radius / size if curvature <= 0 else min(radius / size, g @ g / curvature)
        model = g @ d + d @ product / 2
        assert model <= -cauchy * g @ g + cauchy**2 * curvature / 2 + 1e-12


def test_singular_hessian():
    found = sd.minimize((theta[0] + theta[1]) ** 2 + theta[0], theta)
    assert not found.converged
    assert "singular" in found.message


def test_bad_starts_and_names():
    with pytest.raises(sd.errors.InputError, match="expected one of newton"):
        sd.minimize(ROSENBROCK, theta, method="newtn")
    with pytest.raises(sd.errors.InputError, match="not finite at the start"):
        sd.minimize(sd.log(theta[0]) + theta[1], theta)
    with pytest.raises(sd.errors.InputError, match="expected values of theta"):
        sd.minimize(ROSENBROCK, theta, start={"tehta": [1, 2]})
    with pytest.raises(sd.errors.InputError, match="found \\(3,\\)"):
        sd.minimize(ROSENBROCK, theta, start={"theta": [1, 2, 3]})
    with pytest.raises(sd.errors.InputError, match="among the data"):
        sd.minimize(ROSENBROCK, theta, {"theta": [1, 2]})
    for method in (sd.minimizers.Newton, 3):
        with pytest.raises(sd.errors.InputError, match=r"unknown method .*, or an object, as sd.minimizers.Newton\(\)"):
            sd.minimize(ROSENBROCK, theta, method=method)
    for options in ({"tolerance": -1}, {"tolerance": float("nan")}, {"max_steps": 1.5}, {"max_steps": -1}):
        with pytest.raises(sd.errors.InputError, match="tolerance of at least 0 and an integer of at least 0"):
            sd.minimize(ROSENBROCK, theta, **options)
    for start in ("bfgs", np.zeros(2)):
        with pytest.raises(sd.errors.InputError, match="start: expected a mapping from names to arrays, found"):
            sd.minimize(ROSENBROCK, theta, None, start)
    x = sd.vector("x", 2)
    for values, message in (
        (np.ma.array([1, 2], mask=[0, 1]), "found 1 of 2 values masked"),
        ([1, [2]], "rectangular"),
    ):
        with pytest.raises(sd.errors.InputError, match=message):
            sd.minimize(sd.norm(theta - x) ** 2, theta, {x: values})


def test_equations_print():
    others = [sd.minimizers.GaussNewton(), sd.minimizers.LevenbergMarquardt(), sd.minimizers.NaturalGradient(),
              sd.minimizers.ProximalGradient(), sd.minimizers.ProximalGradient(accelerate=False)]  # fmt: skip
    for method in [*(kind() for kind in METHODS.values()), *others]:
        assert katex_error(method.latex()) is None
    newton = sd.minimizers.Newton().equations()[0]
    inverse = r"\left(\nabla^{2} C\left(\theta^{(t)}\right)\right)^{-1}"
    assert newton == rf"\theta^{{(t+1)}} &= \theta^{{(t)}} - {inverse} \nabla C\left(\theta^{{(t)}}\right)"


@pytest.mark.parametrize("solver", ["trust-exact", "trust-ncg", "Newton-CG", "BFGS", "L-BFGS-B"])
def test_solvers_of_scipy(solver, tumours):
    objective = sd.scipy_objective(LOGISTIC, [w, b], tumours)
    derivatives = {"jac": objective.jac}
    if solver == "trust-exact":
        derivatives["hess"] = objective.hess
    elif solver in ("trust-ncg", "Newton-CG"):
        derivatives["hessp"] = objective.hessp
    found = scipy.optimize.minimize(objective.fun, objective.pack(), method=solver, **derivatives)
    best = sd.minimize(LOGISTIC, [w, b], tumours)
    assert found.fun == pytest.approx(best.value, rel=1e-5)


def test_derivatives_of_an_objective(tumours):
    objective = sd.scipy_objective(LOGISTIC, [w, b], tumours)
    rng = np.random.default_rng(1)
    x, v = 0.1 * rng.standard_normal((2, 11))
    h = 1e-6
    slopes = [(objective.fun(x + h * e) - objective.fun(x - h * e)) / (2 * h) for e in np.eye(11)]
    np.testing.assert_allclose(objective.jac(x), slopes, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(objective.hess(x) @ v, objective.hessp(x, v), rtol=1e-10)
    np.testing.assert_array_equal(objective.pack(objective.unpack(x)), x)


@pytest.mark.parametrize("function", [sd.minimize, sd.scipy_objective])
def test_data_and_sizes_that_do_not_occur_are_refused(function):
    x, y = sd.vector("x", 2), sd.vector("y", 2)
    with pytest.raises(sd.errors.InputError, match="data: z does not occur in the expression; expected some of y"):
        function(sd.sum(sd.square(x - y)), x, {"y": np.ones(2), "z": np.ones(2)})
    with pytest.raises(sd.errors.InputError, match="sizes: m does not occur in the expression"):
        function(sd.sum(sd.square(x - y)), x, {"y": np.ones(2)}, sizes={"m": 2})
