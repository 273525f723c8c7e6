r"""Matrix calculus by public lists: norms, Hadamard and Kronecker products, second derivatives, symmetry.

A row is (name, value, variable, kind, formula): the value is Python text read over symdl's names; ``grad``,
``jacobian`` or ``hessian`` of it is compared with the formula over NumPy's names, and with differences of its values.
The lists are those of the Matrix Cookbook (Petersen and Pedersen, 2012) and, marked MN, of Magnus and Neudecker. For a
matrix declared symmetric the gradient is the symmetric matrix G with df = tr(G dX) for every symmetric dX (the Cookbook
counts each off-diagonal entry twice instead: that is G + G - diag(G)). More of the Cookbook's traces, determinants and
inverses are in tests/derive/test_identities.py.
"""

import re

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.katex import katex_error

n, m = sd.dims("n m")
SYMBOLS = {
    **{name: sd.matrix(name, n, n) for name in "ABX"},
    "S": sd.matrix("S", n, n, symmetric=True),
    "P": sd.matrix("P", n, n, positive_definite=True),
    "Y": sd.matrix("Y", m, n),
    "Z": sd.matrix("Z", m, n, latex="Z"),
    **{name: sd.vector(name, n) for name in "abx"},
    "r": sd.vector("r", m),
    "p": sd.vector("p", n, positive=True),
}
SIZES = {"n": 3, "m": 2}
OPS = (
    "norm", "hadamard", "divide", "kron", "diag", "outer", "trace", "inv", "logdet", "det", "sum", "exp", "log", "tanh",
    "sqrt", "square", "sigmoid", "softplus", "softmax", "logsumexp", "solve", "transpose", "eigh", "svd", "cholesky",
    "max", "mean", "var", "sin",
)  # fmt: skip
SYMBOLIC = {name: getattr(sd, name) for name in OPS} | {"n": n, **SYMBOLS}
I = np.eye(3)
K = np.einsum("il,jk->ijkl", I, I)  # the commutation: K vec X = vec X'


def soft(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


NUMPY = {
    "np": np, "inv": np.linalg.inv, "norm": np.linalg.norm, "outer": np.outer, "diag": np.diag, "eye": I, "soft": soft,
    "sig": lambda x: 1 / (1 + np.exp(-x)), "K": K, "ein": np.einsum, "n": 3, "tr": np.trace, "det": np.linalg.det,
    "eigh": np.linalg.eigh, "svd": np.linalg.svd,
}  # fmt: skip

NORMS = [
    ("distance", "norm(x - a)", "x", "grad", "(x - a) / norm(x - a)"),
    (
        "unit vector",
        "(x - a) / norm(x - a)",
        "x",
        "jacobian",
        "eye / norm(x - a) - outer(x - a, x - a) / norm(x - a) ** 3",
    ),
    ("squared norm", "norm(x) ** 2", "x", "grad", "2 * x"),
    ("norm, Hessian", "norm(x)", "x", "hessian", "(eye - outer(x, x) / norm(x) ** 2) / norm(x)"),
    ("Frobenius norm", "norm(X)", "X", "grad", "X / norm(X)"),
    ("Frobenius distance", "norm(A @ X - B) ** 2", "X", "grad", "2 * A.T @ (A @ X - B)"),
    ("least squares by the matrix", "norm(Y @ x - r) ** 2", "Y", "grad", "2 * outer(Y @ x - r, x)"),
    ("weighted norm", "x.T @ P @ x", "x", "hessian", "2 * P"),
    ("root of a quadratic form", "sqrt(x.T @ P @ x)", "x", "grad", "P @ x / np.sqrt(x @ P @ x)"),
    (
        "Rayleigh quotient",
        "(x.T @ S @ x) / (x.T @ x)",
        "x",
        "grad",
        "2 * (S @ x - (x @ S @ x) / (x @ x) * x) / (x @ x)",
    ),
    ("cosine", "(a @ x) / (norm(a) * norm(x))", "x", "grad", "(a / norm(x) - (a @ x) * x / norm(x) ** 3) / norm(a)"),
    ("norm of a product", "norm(X @ a)", "X", "grad", "outer(X @ a, a) / norm(X @ a)"),
]
HADAMARD = [
    ("Hadamard, sum", "sum(hadamard(A, X))", "X", "grad", "A"),
    ("Hadamard, quadratic", "a.T @ hadamard(X, X) @ b", "X", "grad", "2 * X * outer(a, b)"),
    ("Hadamard, form", "x.T @ hadamard(A, B) @ x", "x", "grad", "(A * B + (A * B).T) @ x"),
    ("Hadamard, diagonal", "hadamard(a, x)", "x", "jacobian", "diag(a)"),
    ("quotient", "divide(a, p)", "p", "jacobian", "diag(-a / p ** 2)"),
    ("diagonal inside", "a.T @ diag(x) @ b", "x", "grad", "a * b"),
    ("diagonal of a product", "trace(diag(x) @ A @ diag(x) @ B)", "x", "grad", "(A * B.T + A.T * B) @ x"),
    ("product of the entries, its logarithm", "sum(log(p))", "p", "grad", "1 / p"),
    ("exponential of a product", "sum(exp(A @ x))", "x", "grad", "A.T @ np.exp(A @ x)"),
    ("exponential of a product, Hessian", "sum(exp(A @ x))", "x", "hessian", "A.T @ diag(np.exp(A @ x)) @ A"),
    ("function of a product", "a @ tanh(A @ x)", "x", "grad", "A.T @ (a * (1 - np.tanh(A @ x) ** 2))"),
    ("function of a product, by the matrix", "a @ sin(X @ b)", "X", "grad", "outer(a * np.cos(X @ b), b)"),
    ("variance", "var(x)", "x", "grad", "2 / n * (x - x.mean())"),
    ("variance, Hessian", "var(x)", "x", "hessian", "2 / n * (eye - np.ones((3, 3)) / n)"),
]
PRODUCTS = [
    ("MN, AXB", "A @ X @ B", "X", "jacobian", "ein('ik,lj->ijkl', A, B)"),
    ("MN, AX", "A @ X", "X", "jacobian", "ein('ik,jl->ijkl', A, eye)"),
    ("MN, X'", "transpose(X)", "X", "jacobian", "K"),
    ("MN, XX", "X @ X", "X", "jacobian", "ein('ik,lj->ijkl', eye, X) + ein('ik,jl->ijkl', X, eye)"),
    ("MN, X'X", "X.T @ X", "X", "jacobian", "ein('il,kj->ijkl', eye, X) + ein('ki,jl->ijkl', X, eye)"),
    ("inverse", "inv(X)", "X", "jacobian", "-ein('ik,lj->ijkl', inv(X), inv(X))"),
    ("inverse, a product", "A @ inv(X) @ B", "X", "jacobian", "-ein('ik,lj->ijkl', A @ inv(X), inv(X) @ B)"),
    ("product with a vector", "Y @ x", "Y", "jacobian", "ein('ij,k->ijk', np.eye(2), x)"),
    ("outer square", "outer(x, x)", "x", "jacobian", "ein('ik,j->ijk', eye, x) + ein('jk,i->ijk', eye, x)"),
    ("trace of a quadratic form, Hessian", "trace(X @ S @ X.T) / 2", "X", "hessian", "ein('ik,jl->ijkl', eye, S)"),
    ("quadratic in a matrix, Hessian", "trace(X.T @ S @ X) / 2", "X", "hessian", "ein('ik,jl->ijkl', S, eye)"),
    ("factorisation, Hessian", "norm(A - X @ B) ** 2 / 2", "X", "hessian", "ein('ik,jl->ijkl', eye, B @ B.T)"),
    (
        "log det, Hessian",
        "logdet(P)",
        "P",
        "hessian",
        "-(ein('il,jk->ijkl', inv(P), inv(P)) + ein('ik,jl->ijkl', inv(P), inv(P))) / 2",
    ),
]
SYMMETRIC = [
    ("log-determinant, symmetric", "logdet(P)", "P", "grad", "inv(P)"),
    ("trace, symmetric", "trace(A @ S)", "S", "grad", "(A + A.T) / 2"),
    ("symmetric form", "a.T @ S @ b", "S", "grad", "(outer(a, b) + outer(b, a)) / 2"),
    ("symmetric square", "trace(S @ S)", "S", "grad", "2 * S"),
    ("symmetric inverse", "a.T @ inv(P) @ a", "P", "grad", "-outer(inv(P) @ a, inv(P) @ a)"),
    ("sum of the eigenvalues", "sum(eigh(S)[0])", "S", "grad", "eye"),
    ("sum of the eigenvalues' squares", "sum(square(eigh(S)[0]))", "S", "grad", "2 * S"),
    ("a function of the eigenvalues", "sum(log(eigh(P)[0]))", "P", "grad", "inv(P)"),
    ("largest eigenvalue", "max(eigh(S)[0])", "S", "grad", "outer(eigh(S)[1][:, -1], eigh(S)[1][:, -1])"),
    ("nuclear norm", "sum(svd(X)[1])", "X", "grad", "svd(X)[0] @ svd(X)[2]"),
    (
        "determinant by Cholesky",
        "2 * sum(log(cholesky(P) @ a))",
        "a",
        "grad",
        "2 * np.linalg.cholesky(P).T @ (1 / (np.linalg.cholesky(P) @ a))",
    ),
]
EXPONENTIALS = [
    ("log-sum-exp of a product", "logsumexp(A @ x)", "x", "grad", "A.T @ soft(A @ x)"),
    ("log-sum-exp of a product, Hessian", "logsumexp(A @ x)", "x", "hessian",
     "A.T @ (diag(soft(A @ x)) - outer(soft(A @ x), soft(A @ x))) @ A"),
    ("softmax of a product", "softmax(A @ x)", "x", "jacobian",
     "(diag(soft(A @ x)) - outer(soft(A @ x), soft(A @ x))) @ A"),
    ("logistic", "sum(softplus(A @ x)) - b.T @ A @ x", "x", "grad", "A.T @ (sig(A @ x) - b)"),
    ("logistic, Hessian", "sum(softplus(A @ x)) - b.T @ A @ x", "x", "hessian",
     "A.T @ diag(sig(A @ x) * sig(-A @ x)) @ A"),
    ("entropy", "sum(hadamard(p, log(p)))", "p", "grad", "1 + np.log(p)"),
    ("entropy, Hessian", "sum(hadamard(p, log(p)))", "p", "hessian", "diag(1 / p)"),
    ("Poisson", "sum(exp(A @ x)) - b.T @ A @ x", "x", "grad", "A.T @ (np.exp(A @ x) - b)"),
    ("inverse times a vector", "inv(A) @ x", "x", "jacobian", "inv(A)"),
    ("solve, by the matrix", "a @ solve(X, b)", "X", "grad", "-outer(inv(X).T @ a, inv(X) @ b)"),
]  # fmt: skip
IDENTITIES = [*NORMS, *HADAMARD, *PRODUCTS, *SYMMETRIC, *EXPONENTIALS]
# What has no matrix notation, and why: the commutation matrix is no Kronecker product, nor is a sum with it; the place
# of the largest eigenvalue is an indicator.
ELEMENTS = {"MN, X'", "MN, X'X", "log det, Hessian", "largest eigenvalue"}


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    size = {n: SIZES["n"], m: SIZES["m"]}
    found = {}
    for name, symbol in SYMBOLS.items():
        value = rng.standard_normal([size[extent] for extent in symbol.shape])
        if name in "AXP":  # well conditioned
            value = value + 3 * np.eye(3)
        if name in "SP":
            value = (value + value.T) / 2 + 2 * np.eye(3) * (name == "P")
        found[name] = np.abs(value) + 0.2 if name == "p" else value
    return {**found, "a": np.abs(found["a"]) + 0.5}


def derived(row):
    _, value, name, kind, _ = row
    return getattr(sd, kind)(eval(value, SYMBOLIC), SYMBOLS[name])


def rows(function):
    return pytest.mark.parametrize("row", IDENTITIES, ids=[row[0] for row in IDENTITIES])(function)


@rows
def test_the_derivative_is_the_listed_formula(row):
    given = arrays()
    expected = eval(row[4], {**NUMPY, **given})
    np.testing.assert_allclose(evaluate(derived(row), given, SIZES), expected, rtol=1e-9, atol=1e-9)


@rows
def test_the_listed_formula_is_the_slope(row):
    """The list against differences of symdl's value along a direction, symmetric where the variable is."""
    _, value, name, kind, formula = row
    given, rng = arrays(1), np.random.default_rng(2)
    direction = rng.standard_normal(given[name].shape)
    if "symmetric" in SYMBOLS[name].properties:
        direction = direction + direction.T
    function = sd.grad(eval(value, SYMBOLIC), SYMBOLS[name]) if kind == "hessian" else eval(value, SYMBOLIC)
    ends = [evaluate(function, {**given, name: given[name] + step * direction}, SIZES) for step in (1e-6, -1e-6)]
    slope = np.tensordot(eval(formula, {**NUMPY, **given}), direction, direction.ndim)
    np.testing.assert_allclose((np.asarray(ends[0]) - ends[1]) / 2e-6, slope, rtol=1e-5, atol=1e-6)


@rows
def test_the_derivative_is_presentable(row):
    text = sd.latex(derived(row))
    assert katex_error(text) is None
    assert not re.search(r"inverse|solve|partial|§|\bt\d|Array|Element|_bar|\bi0|\br0|cases", text), text
    assert "[" not in text or row[0] in ELEMENTS, text


def test_there_are_sixty():
    assert len(IDENTITIES) >= 60
    assert len({row[0] for row in IDENTITIES}) == len(IDENTITIES)
