"""Matrix calculus as in public lists, such as chapter 2 of the Matrix Cookbook (Petersen and Pedersen, 2012).

A row is (value, variable, gradient, print). The value is Python text that is read twice: over symdl's names and
over NumPy's. The gradient is the list's formula in NumPy's names. What is printed was written from the list.
"""

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.katex import katex_error

n, m = sd.dims("n m")
SYMBOLS = {
    **{name: sd.matrix(name, n, n) for name in "AXCD"},
    "B": sd.matrix("B", n, n),
    "S": sd.matrix("S", n, n, symmetric=True),
    "W": sd.matrix("W", n, n, symmetric=True),
    "P": sd.matrix("P", n, n, positive_definite=True),
    "Y": sd.matrix("Y", n, m),
    "F": sd.matrix("F", m, n),
    **{name: sd.vector(name, n) for name in "abcxs"},
}
SIZES = {"n": 4, "m": 2}
SYMBOLIC = {"det": sd.det, "logdet": sd.logdet, "inv": sd.inv, "tr": sd.trace, "kron": sd.kron, "norm": sd.norm,
            "solve": sd.solve, "log": sd.log, **SYMBOLS}  # fmt: skip
NUMERIC = {"det": np.linalg.det, "logdet": lambda a: np.linalg.slogdet(a)[1], "inv": np.linalg.inv, "tr": np.trace,
           "kron": np.kron, "norm": np.linalg.norm, "solve": np.linalg.solve, "log": np.log, "outer": np.outer,
           "eye": np.eye}  # fmt: skip

DETERMINANTS = [
    ("det(X)", "X", "det(X) * inv(X).T", r"\det\left(X\right) X^{-\top}"),
    ("det(A @ X @ B)", "X", "det(A @ X @ B) * inv(X).T",
     r"\det\left(A X B\right) A^{\top} \left(A X B\right)^{-\top} B^{\top}"),
    ("det(X.T @ A @ X)", "X", "2 * det(X.T @ A @ X) * inv(X).T", None),
    ("det(Y.T @ S @ Y)", "Y", "2 * det(Y.T @ S @ Y) * S @ Y @ inv(Y.T @ S @ Y)", None),
    ("det(Y.T @ A @ Y)", "Y",
     "det(Y.T @ A @ Y) * (A @ Y @ inv(Y.T @ A @ Y) + A.T @ Y @ inv(Y.T @ A.T @ Y))", None),
    ("logdet(Y.T @ Y)", "Y", "2 * Y @ inv(Y.T @ Y)", r"2 Y \left(Y^{\top} Y\right)^{-1}"),
    ("logdet(X)", "X", "inv(X).T", r"X^{-\top}"),
    ("log(det(X))", "X", "inv(X).T", r"X^{-\top}"),
    ("det(X @ X @ X)", "X", "3 * det(X @ X @ X) * inv(X).T", None),
    ("logdet(P)", "P", "inv(P)", "P^{-1}"),
]  # fmt: skip
INVERSES = [
    ("a.T @ inv(X) @ b", "X", "-inv(X).T @ outer(a, b) @ inv(X).T", r"-X^{-\top} a b^{\top} X^{-\top}"),
    ("a.T @ solve(X, b)", "X", "-inv(X).T @ outer(a, b) @ inv(X).T", None),
    ("det(inv(X))", "X", "-det(inv(X)) * inv(X).T", r"-\frac{X^{-\top}}{\det\left(X\right)}"),
    ("tr(A @ inv(X) @ B)", "X", "-(inv(X) @ B @ A @ inv(X)).T",
     r"-X^{-\top} A^{\top} B^{\top} X^{-\top}"),
    ("tr(inv(X + A))", "X", "-(inv(X + A) @ inv(X + A)).T", None),
    ("tr(inv(X) @ B)", "X", "-(inv(X) @ B @ inv(X)).T", r"-X^{-\top} B^{\top} X^{-\top}"),
    ("tr(inv(Y.T @ S @ Y) @ F @ Y)", "F", "inv(Y.T @ S @ Y).T @ Y.T", None),
    ("tr(inv(X.T @ S @ X) @ A)", "X",
     "-(S @ X @ inv(X.T @ S @ X)) @ (A + A.T) @ inv(X.T @ S @ X)", None),
    ("tr(inv(Y.T @ S @ Y) @ Y.T @ W @ Y)", "Y",
     "-2 * S @ Y @ inv(Y.T @ S @ Y) @ Y.T @ W @ Y @ inv(Y.T @ S @ Y) + 2 * W @ Y @ inv(Y.T @ S @ Y)", None),
    ("x.T @ inv(P) @ x", "P", "-inv(P) @ outer(x, x) @ inv(P)", r"-P^{-1} x x^{\top} P^{-1}"),
    ("x.T @ inv(P) @ x", "x", "2 * inv(P) @ x", "2 P^{-1} x"),
]  # fmt: skip
FORMS = [
    ("x.T @ a", "x", "a", "a"),
    ("a.T @ X @ b", "X", "outer(a, b)", r"a b^{\top}"),
    ("a.T @ X.T @ b", "X", "outer(b, a)", r"b a^{\top}"),
    ("a.T @ X @ a", "X", "outer(a, a)", r"a a^{\top}"),
    ("b.T @ X.T @ X @ c", "X", "X @ (outer(b, c) + outer(c, b))", None),
    ("x.T @ B @ x", "x", "(B + B.T) @ x", None),
    ("b.T @ X.T @ D @ X @ c", "X", "D.T @ X @ outer(b, c) + D @ X @ outer(c, b)", None),
    ("(X @ b + c).T @ D @ (X @ b + c)", "X", "outer((D + D.T) @ (X @ b + c), b)", None),
    ("(x - A @ s).T @ W @ (x - A @ s)", "s", "-2 * A.T @ W @ (x - A @ s)", None),
    ("(x - A @ s).T @ W @ (x - A @ s)", "x", "2 * W @ (x - A @ s)", None),
    ("(x - A @ s).T @ W @ (x - A @ s)", "A", "-2 * outer(W @ (x - A @ s), s)", None),
]
TRACES = [
    ("tr(X)", "X", "eye(4)", "I"),
    ("tr(X @ A)", "X", "A.T", r"A^{\top}"),
    ("tr(A @ X @ B)", "X", "A.T @ B.T", r"A^{\top} B^{\top}"),
    ("tr(A @ X.T @ B)", "X", "B @ A", "B A"),
    ("tr(X.T @ A)", "X", "A", "A"),
    ("tr(A @ X.T)", "X", "A", "A"),
    ("tr(kron(A, X))", "X", "tr(A) * eye(4)", None),
    ("tr(X @ X)", "X", "2 * X.T", r"2 X^{\top}"),
    ("tr(X @ X @ B)", "X", "(X @ B + B @ X).T", None),
    ("tr(X.T @ B @ X)", "X", "B @ X + B.T @ X", None),
    ("tr(X @ B @ X.T)", "X", "X @ B.T + X @ B", None),
    ("tr(X.T @ X)", "X", "2 * X", "2 X"),
    ("tr(B.T @ X.T @ C @ X @ B)", "X", "C.T @ X @ B @ B.T + C @ X @ B @ B.T", None),
    ("tr(X.T @ B @ X @ C)", "X", "B @ X @ C + B.T @ X @ C.T", None),
    ("tr(A @ X @ B @ X.T @ C)", "X", "A.T @ C.T @ X @ B.T + C @ A @ X @ B", None),
    ("tr((A @ X @ B + C) @ (A @ X @ B + C).T)", "X", "2 * A.T @ (A @ X @ B + C) @ B.T", None),
    ("tr(X @ X @ X)", "X", "3 * (X @ X).T", r"3 X^{\top} X^{\top}"),
    (
        "norm(x - a)",
        "x",
        "(x - a) / norm(x - a)",
        r"\frac{1}{\left\lVert x - a \right\rVert} \left(x - a\right)",
    ),
    ("norm(X) ** 2", "X", "2 * X", "2 X"),
]
BY_ELEMENTS = {"tr(kron(A, X))"}  # a sum over a Kronecker product's quotients and remainders has no matrix notation yet
IDENTITIES = [*DETERMINANTS, *INVERSES, *FORMS, *TRACES]
NAMES = [f"{row[0]} by {row[1]}" for row in IDENTITIES]


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    size = {n: SIZES["n"], m: SIZES["m"]}
    found = {}
    for name, symbol in SYMBOLS.items():
        value = rng.standard_normal([size[extent] for extent in symbol.shape])
        if symbol.order == 2 and symbol.shape[0] == symbol.shape[1]:
            value = value + 3 * np.eye(len(value))
        if "symmetric" in symbol.properties:
            value = (value + value.T) / 2 + ("positive_definite" in symbol.properties) * 4 * np.eye(len(value))
        found[name] = value
    return found


@pytest.mark.parametrize(("value", "name", "formula", "_"), IDENTITIES, ids=NAMES)
def test_the_gradient_is_the_listed_formula(value, name, formula, _):
    symbolic, given = eval(value, SYMBOLIC), arrays()
    gradient = sd.grad(symbolic, SYMBOLS[name])
    found = evaluate(gradient, given, SIZES)
    assert np.allclose(evaluate(symbolic, given, SIZES), eval(value, {**NUMERIC, **given}), rtol=1e-12)
    assert np.allclose(found, eval(formula, {**NUMERIC, **given}), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("value", "name", "formula", "_"), IDENTITIES, ids=NAMES)
def test_the_listed_formula_is_the_slope(value, name, formula, _):
    """The list itself against differences of NumPy's value, so that a misprint in either place is found."""
    given, rng = arrays(1), np.random.default_rng(2)
    direction = rng.standard_normal(given[name].shape)
    if "symmetric" in SYMBOLS[name].properties:
        direction = direction + direction.T
    ends = [eval(value, {**NUMERIC, **given, name: given[name] + step * direction}) for step in (1e-6, -1e-6)]
    slope = np.sum(eval(formula, {**NUMERIC, **given}) * direction)
    assert np.isclose((ends[0] - ends[1]) / 2e-6, slope, rtol=1e-6)


@pytest.mark.parametrize(("value", "name", "formula", "printed"), IDENTITIES, ids=NAMES)
def test_the_gradient_prints_as_a_textbook_would(value, name, formula, printed):
    text = sd.latex(sd.grad(eval(value, SYMBOLIC), SYMBOLS[name]))
    assert printed is None or text == printed
    assert katex_error(text) is None
    assert "[" not in text or value in BY_ELEMENTS, "no elements where matrices will do"
    assert not any(word in text for word in ("inverse", "solve", "partial", "§", "t1"))


def test_the_inverse_by_its_elements():
    """∂(X⁻¹)_kl / ∂X_ij = -(X⁻¹)_ki (X⁻¹)_jl."""
    given = arrays()
    found = evaluate(sd.jacobian(sd.inv(SYMBOLS["X"]), SYMBOLS["X"]), given, SIZES)
    inverse = np.linalg.inv(given["X"])
    assert np.allclose(found, -np.einsum("ki,jl->klij", inverse, inverse), rtol=1e-12)


def test_differential_of_the_inverse():
    """Book appendix A: d(A⁻¹) = -A⁻¹ dA A⁻¹."""
    A, B = SYMBOLS["A"], SYMBOLS["B"]
    assert sd.latex(sd.jvp(sd.inv(A), {A: B})) == "-A^{-1} B A^{-1}"
    assert sd.latex(sd.jvp(sd.logdet(A), {A: B})) == r"\operatorname{tr}\left(A^{-1} B\right)"


def test_eigenvalues_and_vectors():
    """First order perturbation of a symmetric matrix: dλ_k = v_kᵀ dP v_k, dv_k = (λ_k I - P)⁺ dP v_k."""
    given, P = arrays(), SYMBOLS["P"]
    rng = np.random.default_rng(3)
    direction = rng.standard_normal((4, 4))
    direction = direction + direction.T
    values, vectors = np.linalg.eigh(given["P"])
    D = sd.matrix("D", n, n, symmetric=True)
    slopes = evaluate(sd.jvp(sd.eigh(P)[0], {P: D}), {**given, "D": direction}, SIZES)
    assert np.allclose(slopes, np.diag(vectors.T @ direction @ vectors), rtol=1e-12, atol=1e-12)
    own = evaluate(sd.eigh(P)[1], given, SIZES)
    moved = evaluate(sd.jvp(sd.eigh(P)[1], {P: D}), {**given, "D": direction}, SIZES)
    for k in range(4):
        expected = np.linalg.pinv(values[k] * np.eye(4) - given["P"], rcond=1e-10) @ direction @ own[:, k]
        assert np.allclose(moved[:, k], expected, rtol=1e-9, atol=1e-9)
