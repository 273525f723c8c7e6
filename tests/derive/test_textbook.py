"""Textbook forms: gradients and Hessians equal the formulas of a book, as numbers and in what they are made of."""

import numpy as np
import pytest
import sympy as sp
from sympy import KroneckerDelta

import symdl as sd
from symdl.expr.ingest import ingest
from symdl.expr.system import trace
from symdl.interpret import evaluate
from symdl.ops.softmax import Softmax
from tests.property.oracle import assert_gradient, inputs

SIZES = {"n": 5, "p": 3, "q": 4, "m": 2}
n, p, q, m = sd.dims("n p q m")
X, w, y, x = sd.matrix("X", n, p), sd.vector("w", p), sd.vector("y", n), sd.vector("x", p)
A, S = sd.matrix("A", p, p), sd.matrix("S", p, p, symmetric=True)
W, V, H = sd.matrix("W", p, q), sd.vector("v", q), sd.matrix("H", q, m)
F, G, Z = sd.matrix("F", n, q), sd.matrix("G", q, m), sd.matrix("Z", n, m)
lam = sd.scalar("lambda", positive=True)
u = sd.vector("u", q)
target = sd.vector("t", q, simplex=True)
P, Q, R = sp.MatrixSymbol("P", n, p), sp.MatrixSymbol("Q", p, q), sp.MatrixSymbol("R", q, n)
margin = sd.hadamard(y, X @ w)
probability = sd.sigmoid(X @ w)
hidden = W.T @ x
s = sd.softmax(u)

# name: (scalar, variable, gradient, Hessian or None)
FORMS = {
    "least squares": (sd.sum(sd.square(X @ w - y)) / 2, w, X.T @ (X @ w - y), X.T @ X),
    "least squares, norm": (sd.norm(X @ w - y) ** 2 / 2, w, X.T @ (X @ w - y), X.T @ X),
    "ridge": (
        sd.sum(sd.square(X @ w - y)) / 2 + lam / 2 * (w.T @ w), w, X.T @ (X @ w - y) + lam * w,
        X.T @ X + lam * sd.eye(p)),
    "quadratic form": (w.T @ A @ w, w, (A + A.T) @ w, A + A.T),
    "symmetric quadratic form": (w.T @ S @ w, w, 2 * (S @ w), 2 * S),
    "quadratic form, matrix": (w.T @ A @ w, A, w @ w.T, None),
    "logistic loss": (
        -sd.sum(sd.hadamard(y, sd.log(probability)) + sd.hadamard(1 - y, sd.log(1 - probability))), w,
        X.T @ (probability - y), X.T @ sd.diag(sd.hadamard(probability, 1 - probability)) @ X),
    "logistic loss, softplus": (
        sd.sum(sd.softplus(X @ w) - sd.hadamard(y, X @ w)), w, X.T @ (probability - y),
        X.T @ sd.diag(sd.hadamard(probability, 1 - probability)) @ X),
    "logistic loss, margins": (
        sd.sum(sd.log(1 + sd.exp(-margin))), w, -X.T @ sd.hadamard(y, sd.sigmoid(-margin)), None),
    "softmax cross-entropy": (-sd.sum(sd.hadamard(target, sd.log(s))), u, s - target, sd.diag(s) - s @ s.T),
    "softmax cross-entropy, logits": (
        -sd.sum(sd.hadamard(target, sd.log_softmax(u))), u, s - target, sd.diag(s) - s @ s.T),
    "trace of a product": (sp.Trace(P * Q * R), Q, ingest(P.T * R.T), None),
    "trace, first factor": (sp.Trace(P * Q * R), P, ingest((Q * R).T), None),
    "factorisation, left": (sd.norm(Z - F @ G) ** 2, F, -2 * ((Z - F @ G) @ G.T), None),
    "factorisation, right": (sd.norm(Z - F @ G) ** 2, G, -2 * (F.T @ (Z - F @ G)), None),
    "hidden layer": (
        V.T @ sd.tanh(hidden), W, x @ sd.hadamard(V, 1 - sd.square(sd.tanh(hidden))).T, None),
    "log-sum-exp": (sd.logsumexp(u), u, s, sd.diag(s) - s @ s.T),
    "norm": (sd.norm(w), w, w / sd.norm(w), sd.eye(p) / sd.norm(w) - w @ w.T / sd.norm(w) ** 3),
    "mean": (sd.mean(w), w, sd.ones(p) / p, sd.zeros(p, p)),
    "cubic": (sd.sum(sd.power(w, 3)), w, 3 * sd.square(w), 6 * sd.diag(w)),
    "trace of a square": (sd.trace(A @ A), A, 2 * A.T, None),
    "Frobenius norm": (sd.trace(A.T @ A), A, 2 * A, None),
}  # fmt: skip


def assert_same(found, expected, arrays):
    left, right = evaluate(found, arrays, SIZES), evaluate(expected, arrays, SIZES)
    assert left.shape == right.shape
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-13)


def deltas(value):
    return [node for equation in trace([ingest(value)]).equations for node in equation.body.atoms(KroneckerDelta)]


@pytest.mark.parametrize("name", FORMS)
def test_gradient(name):
    f, variable, expected, _ = FORMS[name]
    gradient = sd.grad(f, variable)
    assert_same(gradient, expected, inputs(f, sizes=SIZES))
    assert deltas(gradient) == [], "first derivatives need no Kronecker delta"


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form[3] is not None])
def test_hessian(name):
    f, variable, _, expected = FORMS[name]
    assert_same(sd.hessian(f, variable), expected, inputs(f, sizes=SIZES))


@pytest.mark.parametrize("name", [name for name, form in FORMS.items() if form[3] is None])
def test_hessian_by_the_oracle(name):
    f, variable, _, _ = FORMS[name]
    shapes = [getattr(symbol, "shape", ()) for symbol in ingest(f).free_symbols]
    used = set().union(*(size.free_symbols for shape in shapes for size in shape))
    assert sd.check(f, wrt=[variable], sizes={size: 3 if size == n else 2 for size in (n, p, q, m) if size in used}).ok


def test_softmax_is_recognised():
    for f in (sd.logsumexp(u), sd.log(sd.sum(sd.exp(u))), -sd.sum(sd.hadamard(target, sd.log(s)))):
        assert sd.grad(f, u).atoms(Softmax), f
    rows = sd.grad(sd.sum(sd.logsumexp(X, axis=1)), X)
    assert rows == sd.softmax(X, axis=1)
    assert sd.grad(sd.sum(sd.logsumexp(X, axis=0)), X) == sd.softmax(X, axis=0)


def test_the_hessian_of_log_sum_exp_is_factored():
    """The Hessian reads one softmax, and is diag(s) - ssᵀ entry by entry."""
    hessian = sd.hessian(sd.logsumexp(u), u)
    assert len(hessian.atoms(Softmax)) == 1
    assert sp.count_ops(hessian.body) <= 6


def test_a_simplex_target_leaves_no_sum():
    gradient = sd.grad(-sd.sum(sd.hadamard(target, sd.log(s))), u)
    assert len(trace([gradient]).equations) <= 4
    general = sd.vector("t", q)
    other = sd.grad(-sd.sum(sd.hadamard(general, sd.log(s))), u)
    arrays = {"t": np.array([0.5, 1.0, 2.0, -1.0]), "u": np.array([0.1, 0.4, -0.3, 0.2])}
    assert_same(other, s * sd.sum(general) - general, arrays)


def test_quadratic_forms_know_symmetry():
    assert str(sd.grad(w.T @ S @ w, w)) == "{2*add[r0<p](w[r0]*S[i0, r0]) : i0<p}"
    assert sd.hessian(w.T @ S @ w, w) == 2 * S


def test_several_variables():
    b = sd.scalar("b")
    f = sd.sum(sd.square(X @ w + b - y)) / 2
    gw, gb = sd.grad(f, [w, b])
    arrays = inputs(f, sizes=SIZES)
    residual = arrays["X"] @ arrays["w"] + arrays["b"] - arrays["y"]
    np.testing.assert_allclose(evaluate(gw, arrays), arrays["X"].T @ residual)
    np.testing.assert_allclose(evaluate(gb, arrays), residual.sum())
    (ww, wb), (bw, bb) = sd.hessian(f, [w, b])
    np.testing.assert_allclose(evaluate(ww, arrays), arrays["X"].T @ arrays["X"])
    np.testing.assert_allclose(evaluate(wb, arrays), arrays["X"].sum(0))
    np.testing.assert_allclose(evaluate(bw, arrays), arrays["X"].sum(0))
    np.testing.assert_allclose(evaluate(bb, arrays, SIZES), 5)


def test_jacobians_and_products():
    g = sd.tanh(X @ w)
    arrays = inputs(g, sizes=SIZES) | {"u": np.arange(5.0), "dw": np.array([1.0, -2.0, 0.5]), "dX": np.ones((5, 3))}
    slope = 1 - np.tanh(arrays["X"] @ arrays["w"]) ** 2
    jacobian = slope[:, None] * arrays["X"]
    u, dw, dX = sd.vector("u", n), sd.vector("dw", p), sd.matrix("dX", n, p)
    np.testing.assert_allclose(evaluate(sd.jacobian(g, w), arrays), jacobian)
    np.testing.assert_allclose(evaluate(sd.vjp(g, w, u), arrays), jacobian.T @ arrays["u"])
    np.testing.assert_allclose(evaluate(sd.jvp(g, {w: dw}), arrays), jacobian @ arrays["dw"])
    both = jacobian @ arrays["dw"] + slope * (arrays["dX"] @ arrays["w"])
    np.testing.assert_allclose(evaluate(sd.jvp(g, {w: dw, X: dX}), arrays), both)
    by_matrix = evaluate(sd.jacobian(g, X), arrays)
    assert by_matrix.shape == (5, 5, 3)
    np.testing.assert_allclose(by_matrix, np.eye(5)[:, :, None] * slope[:, None, None] * arrays["w"])


@pytest.mark.parametrize("notation", ["matrices", "indexed"])
def test_the_other_notations(notation):
    arrays = {"P": np.arange(15.0).reshape(5, 3) / 7, "c": np.arange(3.0)[:, None], "d": np.ones((5, 1))}
    residual = arrays["P"] @ arrays["c"] - arrays["d"]
    if notation == "matrices":
        c, d = sp.MatrixSymbol("c", p, 1), sp.MatrixSymbol("d", n, 1)
        f = (P * c - d).T * (P * c - d) / 2
        expected = arrays["P"].T @ residual
    else:
        i, j = sp.symbols("i j", integer=True)
        base, c, d = (sp.IndexedBase(name, shape=shape) for name, shape in [("P", (n, p)), ("c", (p,)), ("d", (n,))])
        f = sp.Sum((sp.Sum(base[i, j] * c[j], (j, 0, p - 1)) - d[i]) ** 2, (i, 0, n - 1)) / 2
        arrays |= {"c": arrays["c"][:, 0], "d": arrays["d"][:, 0]}
        expected = (arrays["P"].T @ residual)[:, 0]
    np.testing.assert_allclose(evaluate(sd.grad(f, c), arrays), expected, atol=1e-12)
    assert_gradient(f, c, sizes=SIZES, arrays=arrays)
