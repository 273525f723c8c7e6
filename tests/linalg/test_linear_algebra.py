"""Linear algebra: values, derivatives of first and second order, kernels, and what happens where there is no result."""

import autograd.numpy as anp
import mpmath
import numpy as np
import pytest
import sympy as sp
from autograd import grad
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.errors import ExpressionError, NumericalError, ShapeError
from symdl.expr.batch import batched
from symdl.interpret import evaluate
from symdl.simplify import simplify

n, m, k, T = sd.dims("n m k T")
A, B, M, b = sd.matrix("A", n, n), sd.matrix("B", n, m), sd.matrix("M", n, m), sd.vector("b", n)
P, K = sd.matrix("P", n, n, positive_definite=True), sd.tensor("K", (k, n, n))


def arrays(seed=0, size=4, columns=3):
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((size, size))
    return {
        "A": rng.standard_normal((size, size)) + 3 * np.eye(size),
        "B": rng.standard_normal((size, columns)),
        "M": rng.standard_normal((size, columns)),
        "b": rng.standard_normal(size),
        "P": half @ half.T + np.diag(np.arange(1.0, size + 1)),
        "K": rng.standard_normal((2, size, size)) + 3 * np.eye(size),
    }


# name -> (expression, the variable that is derived, the same with autograd's NumPy)
CASES = {
    "inverse": (sd.inv(A), A, lambda a: anp.linalg.inv(a)),
    "solve": (sd.solve(A, B), A, lambda a, v: anp.linalg.solve(a, v["B"])),
    "solve in the right side": (sd.solve(A, B), B, lambda x, v: anp.linalg.solve(v["A"], x)),
    "solve of a vector": (sd.solve(A, b), A, lambda a, v: anp.linalg.solve(a, v["b"])),
    "inverse times vector": (sd.inv(A) @ b, A, lambda a, v: anp.linalg.solve(a, v["b"])),
    "determinant": (sd.det(A), A, lambda a: anp.linalg.det(a)),
    "logarithm of a determinant": (sd.logdet(P @ A), A, lambda a, v: anp.linalg.slogdet(v["P"] @ a)[1]),
    "cholesky": (sd.cholesky(A + A.T + 9 * sd.eye(n)), A,
                 lambda a: anp.linalg.cholesky(a + a.T + 9 * np.eye(len(a)))),
    "eigenvalues": (sd.eigh(A)[0], A, lambda a: anp.linalg.eigh((a + a.T) / 2)[0]),
    "eigenvectors, squared": (sd.square(sd.eigh(A)[1]), A, lambda a: anp.linalg.eigh((a + a.T) / 2)[1] ** 2),
    "singular values": (sd.svd(M)[1], M, lambda a: anp.linalg.svd(a, full_matrices=False)[1]),
    "left singular vectors, squared": (sd.square(sd.svd(M)[0]), M,
                                       lambda a: anp.linalg.svd(a, full_matrices=False)[0] ** 2),
    "right singular vectors, squared": (sd.square(sd.svd(M)[2]), M,
                                        lambda a: anp.linalg.svd(a, full_matrices=False)[2].T ** 2),
    "nuclear norm": (sd.norm(M, ord="nuc"), M, lambda a: anp.sum(anp.linalg.svd(a, full_matrices=False)[1])),
    "spectral norm": (sd.norm(M, ord=2), M, lambda a: anp.linalg.svd(a, full_matrices=False)[1][0]),
    "batch of inverses": (sd.inv(K), K, lambda a: anp.linalg.inv(a)),
    "batch of determinants": (sd.det(K), K, lambda a: anp.linalg.det(a)),
}  # fmt: skip


def loss_of(name):
    expression, variable, peer = CASES[name]
    loss = sd.sum(sd.sin(expression)) if hasattr(expression, "shape") else sd.sin(expression)

    def value(x, v):
        return anp.sum(anp.sin(peer(x, v) if peer.__code__.co_argcount == 2 else peer(x)))

    return loss, variable, value


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_against_autograd(name):
    loss, variable, value = loss_of(name)
    given_arrays = arrays(1)
    x = given_arrays[variable.name]
    assert np.isclose(evaluate(loss, given_arrays), value(x, given_arrays), rtol=1e-12)
    found = evaluate(sd.grad(loss, variable), given_arrays)
    assert np.allclose(found, grad(value)(x, given_arrays), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", [name for name in CASES if "batch" not in name])
def test_hessian_vector_products_against_differences_of_autograd(name):
    loss, variable, value = loss_of(name)
    given_arrays, rng = arrays(2), np.random.default_rng(5)
    x, direction = given_arrays[variable.name], rng.standard_normal(given_arrays[variable.name].shape)
    D = sd.matrix("D", *variable.shape)
    found = evaluate(sd.hvp(loss, variable, D), {**given_arrays, "D": direction})
    ends = [grad(value)(x + step * direction, given_arrays) for step in (1e-5, -1e-5)]
    assert np.allclose(found, (ends[0] - ends[1]) / 2e-5, rtol=1e-5, atol=1e-6 * np.abs(found).max())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.sampled_from(sorted(CASES)), st.integers(0, 10_000), st.integers(2, 5))
def test_slopes_at_50_digits(name, seed, size):
    loss, variable, _ = loss_of(name)
    given_arrays, rng = arrays(seed, size, max(1, size - 1)), np.random.default_rng(seed)
    direction = rng.standard_normal(given_arrays[variable.name].shape)
    if np.linalg.det(given_arrays["A"]) < 0:  # a logarithm of it has a value
        given_arrays["A"][0] *= -1
    gaps = [np.diff(np.linalg.eigvalsh(given_arrays["A"] + given_arrays["A"].T)).min(initial=1.0),
            np.abs(np.diff(np.linalg.svd(given_arrays["M"], compute_uv=False))).min(initial=1.0)]  # fmt: skip
    if "eigen" in name or "singular" in name or "norm" in name:
        assume(min(gaps) > 0.05)  # derivatives grow without bound towards equal values
    with mpmath.workdps(50):
        step = mpmath.mpf(10) ** -20
        exact = np.frompyfunc(lambda entry: mpmath.mpf(float(entry)), 1, 1)
        ends = [
            evaluate(
                loss,
                {**given_arrays, variable.name: exact(given_arrays[variable.name]) + sign * step * exact(direction)},
                precision=50,
            )[()]
            for sign in (1, -1)
        ]
        slope = float((ends[0] - ends[1]) / (2 * step))
    gradient = evaluate(sd.grad(loss, variable), given_arrays)
    assert np.isclose(np.sum(gradient * direction), slope, rtol=1e-8, atol=1e-8 * np.abs(gradient * direction).max())


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_compiled_values(target, dtype):
    U, s, V = sd.svd(M)
    w, vectors = sd.eigh(P)
    values = [sd.inv(A), sd.solve(A, B), sd.solve(A, b), sd.det(A), sd.logdet(P), sd.cholesky(P), w, vectors, U, s, V,
              sd.inv(K), sd.det(K), sd.solve(K, b), b.T @ sd.inv(A), sd.inv(A).T @ B]  # fmt: skip
    given_arrays = arrays(3)
    found = sd.compile(values, target=target, dtype=dtype)(given_arrays)
    tolerance = 1e-12 if dtype == "float64" else 2e-4
    for value, result in zip(values, found, strict=True):
        expected = evaluate(value, given_arrays)
        assert result.dtype == dtype
        assert np.allclose(result, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max()), sd.latex(value)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_compiled_gradients(target):
    losses = [
        loss_of(name) for name in ("solve", "cholesky", "eigenvectors, squared", "right singular vectors, squared")
    ]
    gradients = [sd.grad(loss, variable) for loss, variable, _ in losses]
    given_arrays = arrays(4)
    function = sd.compile(gradients, target=target)
    for result, gradient in zip(
        function({name: given_arrays[name] for name in function.inputs}), gradients, strict=True
    ):
        assert np.allclose(result, evaluate(gradient, given_arrays), rtol=1e-10, atol=1e-10)


def test_one_decomposition_serves_all_its_results():
    function = sd.compile(list(sd.svd(M)))
    assert sum("gesvd(gesvd_code" in kernel.source for kernel in function.kernels) == 1


def test_products_with_an_inverse_are_solved():
    source = sd.compile(sd.inv(A) @ B).source
    assert "gesv(" in source
    assert "getri(" not in source


FAILURES = {
    "inverse of A": (sd.inv(A), {"A": np.zeros((2, 2))}),
    "solve of A": (sd.solve(A, b), {"A": np.ones((2, 2)), "b": np.ones(2)}),
    "logdet of A": (sd.logdet(A), {"A": np.diag([1.0, -1.0])}),
    "cholesky of P": (sd.cholesky(sd.matrix("P", n, n, symmetric=True)), {"P": np.diag([1.0, -1.0])}),
}


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("name", FAILURES)
def test_no_result_is_an_error_that_names_the_matrix(name, target):
    expression, given_arrays = FAILURES[name]
    function = sd.compile(expression, target=target)
    with pytest.raises(NumericalError, match=f"^{name}: .*(singular|positive)"):
        function(given_arrays)
    good = {key: np.eye(2) if value.ndim == 2 else value for key, value in given_arrays.items()}
    assert np.all(np.isfinite(function(good))), "the failure of a call says nothing of the next one"
    with pytest.raises(NumericalError):
        evaluate(expression, given_arrays)


def test_cuda_refuses_by_name():
    with pytest.raises(ExpressionError, match="cuda target has no linear algebra: inverse"):
        sd.compile(sd.inv(A), target="cuda")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sd.inv(B), "square matrix.*B"),
        (lambda: sd.det(b), "square matrix"),
        (lambda: sd.solve(A, sd.vector("c", m)), "right side with n rows"),
        (lambda: sd.svd(b), "expected a matrix"),
        (lambda: sd.norm(b, ord=2, axis=0) + sd.norm(K, ord="nuc"), "one matrix"),
    ],
)
def test_shapes_are_checked_where_they_are_written(build, message):
    with pytest.raises(ShapeError, match=message):
        build()


S, Q = sd.matrix("S", n, n, symmetric=True), sd.matrix("Q", n, n, orthogonal=True)
D, d, c = sd.matrix("D", n, n, diagonal=True), sd.vector("d", n), sd.scalar("c", positive=True)
RULES = {
    "inverse of an inverse": (sd.inv(sd.inv(A)), A),
    "from the right": (A @ sd.inv(A), sd.eye(n)),
    "from the left": (sd.inv(A) @ A, sd.eye(n)),
    "transposed": (sd.inv(A.T), sd.inv(A).T),
    "multiple": (sd.inv(c * A), sd.inv(A) / c),
    "determinant of a multiple": (sd.det(c * A), c**n * sd.det(A)),
    "determinant of an inverse": (sd.det(sd.inv(A)), 1 / sd.det(A)),
    "diagonal": (sd.inv(sd.diag(d)), sd.diag(sd.divide(1, d))),
    "determinant of a diagonal": (sd.det(sd.diag(d)), sd.prod(d)),
    "orthogonal": (sd.inv(Q), Q.T),
    "orthogonal columns": (Q.T @ Q, sd.eye(n)),
    "solved": (A @ sd.solve(A, B), B),
    "cholesky": (sd.cholesky(S) @ sd.cholesky(S).T, S),
    "eigenvectors": (sd.eigh(S)[1].T @ sd.eigh(S)[1], sd.eye(n)),
    "symmetric": (sd.inv(S).T, sd.inv(S)),
}


@pytest.mark.parametrize("name", RULES)
def test_simplification(name):
    before, after = (simplify([value]).values[0] for value in RULES[name])
    assert sd.latex(before) == sd.latex(after)


@pytest.mark.parametrize("name", RULES)
def test_simplified_values_are_those_that_were_written(name):
    given_arrays, rng = arrays(6), np.random.default_rng(7)
    orthogonal, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    given_arrays |= {"S": given_arrays["P"], "Q": orthogonal, "d": rng.uniform(1, 2, 4), "c": np.float64(1.5)}
    written = RULES[name]
    simplified = [simplify([value]).values[0] for value in written]
    expected = evaluate(written[1], given_arrays, {"n": 4})
    for value in (written[0], *simplified):
        assert np.allclose(evaluate(value, given_arrays, {"n": 4}), expected, rtol=1e-10, atol=1e-10)


def test_gradients_lie_in_the_space_of_their_variable():
    x, y = sd.vector("x", n), sd.vector("y", n)
    assert sd.latex(sd.grad(x.T @ S @ y, S)) == r"\frac{1}{2} \left(x y^{\top} + y x^{\top}\right)"
    found = evaluate(sd.grad(sd.trace(D @ A), D), {"D": np.eye(3), "A": np.arange(9.0).reshape(3, 3)})
    assert np.array_equal(found, np.diag([0.0, 4.0, 8.0]))


def test_equal_eigenvalues_are_never_silently_wrong():
    """Values have derivatives of which symmetric functions are right; vectors have none, and say so."""
    same = {"S": np.eye(3)}
    assert np.array_equal(evaluate(sd.grad(sd.sum(sd.eigh(S)[0]), S), same, {"n": 3}), np.eye(3))
    assert not np.all(np.isfinite(evaluate(sd.grad(sd.sum(sd.sin(sd.eigh(S)[1])), S), same)))


def test_sympy_expressions():
    X, Y, v = sp.MatrixSymbol("X", n, n), sp.MatrixSymbol("Y", n, n), sp.MatrixSymbol("v", n, 1)
    assert sd.latex(v.T * X.inv() * v) == r"v^{\top} X^{-1} v"
    assert sd.latex(sp.log(sp.Determinant(X))) == r"\log\left(\det\left(X\right)\right)"
    assert sd.latex(sp.KroneckerProduct(X, Y)) == r"X \otimes Y"
    assert sd.latex(X**-2) == "X^{-1} X^{-1}"
    assert sd.latex(sd.grad(sp.Trace(X.inv() * Y), X)) == r"-X^{-\top} Y^{\top} X^{-\top}"


def test_a_batch_axis_goes_in_front():
    x, Sigma = sd.vector("x", n), sd.matrix("Sigma", n, n)
    [value] = batched([x.T @ sd.inv(Sigma) @ x + sd.logdet(Sigma)], [Sigma, x], k)
    rng = np.random.default_rng(0)
    X, covariances = rng.standard_normal((5, 3)), np.stack([np.diag(rng.uniform(1, 2, 3)) for _ in range(5)])
    expected = [row @ np.linalg.inv(c) @ row + np.linalg.slogdet(c)[1] for row, c in zip(X, covariances, strict=True)]
    assert np.allclose(sd.compile(value)(x=X, Sigma=covariances), expected)


def test_inside_a_recurrence():
    """The covariance of a Kalman filter, and its derivative through time."""
    times = 4
    start, F, R = sd.matrix("P0", n, n), sd.matrix("F", n, n), sd.matrix("R", n, n)
    path = sd.recurrence(lambda t, p: F @ p @ F.T + sd.eye(n) - p @ sd.inv(p + R) @ p, start, times)
    loss = sd.sum(sd.square(path))
    rng = np.random.default_rng(0)
    given_arrays = {"P0": np.eye(3), "F": 0.4 * rng.standard_normal((3, 3)), "R": 2 * np.eye(3)}

    def value(f):
        p, total = given_arrays["P0"], 0.0
        for _ in range(times):
            p = anp.dot(anp.dot(f, p), f.T) + np.eye(3) - anp.dot(anp.dot(p, anp.linalg.inv(p + given_arrays["R"])), p)
            total = total + anp.sum(p**2)
        return total

    function = sd.compile([loss, sd.grad(loss, F)])
    found, gradient = function(given_arrays)
    assert np.isclose(found, value(given_arrays["F"]), rtol=1e-12)
    assert np.allclose(gradient, grad(value)(given_arrays["F"]), rtol=1e-9)


@pytest.mark.parametrize("checkpoint", [None, 2])
@pytest.mark.parametrize("of_input", [False, True])
def test_a_decomposition_in_a_step_serves_its_derivative(of_input, checkpoint):
    """What the reversed loop, or what stands beside the loop, asks of it is kept where it is computed first."""
    x, start = sd.tensor("x", (T, 3, 2)), sd.matrix("h", 3, 2)

    def step(t, h):
        return sd.tanh(h @ sd.svd(x[t] if of_input else x[t] + h)[2]) + h / 2

    h = sd.recurrence(step, start, T, checkpoint=checkpoint)
    loss = sd.sum(sd.square(h)) + (sd.sum(sd.svd(x)[1]) if of_input else 0)
    values = [loss, *sd.grad(loss, [x, start])]
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(5, 3, 2)), "h": rng.normal(size=(3, 2))}
    for target in ("numpy", "cpu"):
        function = sd.compile(values, target=target)
        for found, value in zip(function(arrays), values, strict=True):
            np.testing.assert_allclose(found, evaluate(value, arrays), rtol=1e-11, atol=1e-13, err_msg=target)
    assert sum("gesvd(gesvd_code" in kernel.source for kernel in function.kernels) == 1


@pytest.mark.parametrize("expression", [sd.trace(sd.inv(A) @ A @ A), sd.logdet(P), sd.sum(sd.cholesky(P))])
def test_check(expression):
    assert sd.check(expression, sizes={n: 3}).ok


def gaussian(noise):
    """The negative log-likelihood of a Gaussian with covariance W Wᵀ + noise I."""
    x, mu, W = sd.vector("x", 2), sd.vector("mu", 2), sd.matrix("W", 2, 2)
    covariance = W @ W.T + noise * sd.eye(2)
    loss = (sd.logdet(covariance) + (x - mu).T @ sd.inv(covariance) @ (x - mu)) / 2
    return sd.Model(loss=loss, parameters=[mu, W], inputs=[x], targets=[], init={W: np.eye(2)})


def test_training_finds_the_covariance():
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((200, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]]) + 1
    model = gaussian(sp.Rational(1, 10))
    sd.fit(model, {"x": samples}, optimizer=sd.optimizers.Adam(alpha=0.05), epochs=150, batch_size=200,
           dtype="float64", target="numpy")  # fmt: skip
    found = model.values["W"] @ model.values["W"].T + np.eye(2) / 10
    assert np.allclose(found, np.cov(samples.T, bias=True), atol=1e-3)
    assert np.allclose(model.values["mu"], samples.mean(axis=0), atol=1e-3)


def test_a_failure_in_training_stops_like_a_loss_that_is_not_finite():
    A = sd.matrix("A", 2, 2)
    x = sd.vector("x", 2)
    model = sd.Model(loss=sd.logdet(A) + x.T @ x, parameters=[A], inputs=[x], targets=[], init={A: np.diag([1.0, -1])})
    for target in ("numpy", "cpu"):
        with pytest.warns(RuntimeWarning, match="the loss is not finite"):
            sd.fit(model, {"x": np.ones((4, 2))}, epochs=1, batch_size=4, target=target)
