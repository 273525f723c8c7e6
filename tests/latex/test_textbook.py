"""Formulas as textbooks print them. The expected texts were written by hand, not copied from the output."""

import pytest
import sympy
from sympy import MatrixSymbol, Rational

from symdl.calculus import grad, hessian, jacobian
from symdl.expr.declare import matrix, named, scalar, tensor, vector
from symdl.expr.sizes import dims
from symdl.latex import latex
from symdl.ops import elementwise as ew
from symdl.ops import reductions, softmax, structure
from tests.katex import katex_error

n, p, q, k = dims("n p q k")
X, w, y = matrix("X", n, p), vector("w", p), vector("y", n)
A, S, B = matrix("A", p, p), matrix("S", p, p, symmetric=True), matrix("B", p, p)
u, v, x, z = vector("u", p), vector("v", p), vector("x", p), vector("z", q)
c, lam = scalar("c"), scalar("lambda")
HALF = Rational(1, 2)
SIG, SOFTMAX = r"\sigma_{\mathrm{Sig}}", r"S_{\mathrm{Softmax}}"


def squares(value):
    return reductions.sum(ew.square(value))


def log_loss():
    prediction = ew.sigmoid(X @ w)
    return -reductions.sum(ew.hadamard(y, ew.log(prediction)) + ew.hadamard(1 - y, ew.log(1 - prediction)))


def network():
    """A layer in the book's names: z = W x + b, a = tanh(z), C = v^T a."""
    W, b, a0 = (matrix("W1", q, p, latex="W^{[1]}"), vector("b1", q, latex="b^{[1]}"),
                vector("a0", p, latex="a^{[0]}"))  # fmt: skip
    z1 = named("z1", W @ a0 + b, latex="z^{[1]}")
    return W, b, z.T @ ew.tanh(z1)


def factorisation():
    T, W, H = matrix("X", n, p), matrix("W", n, k), matrix("H", k, p)
    return T, W, H


def check(tex, expected):
    assert tex == expected
    assert katex_error(tex) is None


DECLARED = {
    "residual": (lambda: X @ w - y, r"X w - y"),
    "squared loss": (lambda: squares(X @ w - y), r"\left\lVert X w - y \right\rVert^{2}"),
    "half squared loss": (lambda: HALF * squares(X @ w - y), r"\frac{1}{2} \left\lVert X w - y \right\rVert^{2}"),
    "ridge": (lambda: HALF * squares(X @ w - y) + lam / 2 * squares(w),
              r"\frac{1}{2} \left\lVert X w - y \right\rVert^{2} + \frac{\lambda}{2} \left\lVert w \right\rVert^{2}"),
    "mean squared loss": (lambda: squares(X @ w - y) / n, r"\frac{1}{n} \left\lVert X w - y \right\rVert^{2}"),
    "norm": (lambda: reductions.norm(w), r"\left\lVert w \right\rVert"),
    "Frobenius": (lambda: squares(A), r"\left\lVert A \right\rVert_{F}^{2}"),
    "quadratic form": (lambda: w.T @ A @ w, r"w^{\top} A w"),
    "trace": (lambda: reductions.trace(matrix("A", n, p) @ matrix("X", p, q) @ matrix("B", q, n)),
              r"\operatorname{tr}\left(A X B\right)"),
    "inner product of matrices": (lambda: reductions.sum(ew.hadamard(A, B)),
                                  r"\operatorname{tr}\left(A^{\top} B\right)"),
    "sum": (lambda: reductions.sum(w), r"\mathbf{1}^{\top} w"),
    "row sums": (lambda: reductions.sum(A, axis=1), r"A \mathbf{1}"),
    "column sums": (lambda: reductions.sum(A, axis=0), r"A^{\top} \mathbf{1}"),
    "log loss": (lambda: reductions.sum(ew.log(1 + ew.exp(-ew.hadamard(y, X @ w)))),
                 r"\mathbf{1}^{\top} \log\left(1 + e^{-y \odot X w}\right)"),
    "cosine": (lambda: (v.T @ w) / (reductions.norm(v) * reductions.norm(w)),
               r"\frac{v^{\top} w}{\left\lVert v \right\rVert \left\lVert w \right\rVert}"),
    "weighted": (lambda: X.T @ structure.diag(y) @ X, r"X^{\top} \operatorname{diag}\left(y\right) X"),
    "outer": (lambda: structure.outer(u, v), r"u v^{\top}"),
    "rank one and diagonal": (lambda: structure.diag(u) - structure.outer(u, u),
                              r"\operatorname{diag}\left(u\right) - u u^{\top}"),
    "transposed product": (lambda: (A.T @ w).T, r"w^{\top} A"),
    "scaled": (lambda: (w.T @ v) * u, r"\left(v^{\top} w\right) u"),
    "log-sum-exp": (lambda: softmax.logsumexp(x), r"\log\left(\mathbf{1}^{\top} e^{x}\right)"),
    "quotient": (lambda: ew.divide(u, v), r"u \oslash v"),
    "unit vector": (lambda: w / reductions.norm(w), r"\frac{w}{\left\lVert w \right\rVert}"),
    "maximum": (lambda: reductions.max(w), r"\max_{i} w_{i}"),
    "indicator": (lambda: ew.where(ew.greater_equal(w, 0), 1, 0), r"\mathbf{1}\left\{w \geq 0\right\}"),
    "cases": (lambda: ew.where(ew.greater(w, 0), w, c * w),
              r"\begin{cases} w & \text{if } w > 0 \\ c w & \text{otherwise} \end{cases}"),
    "identity": (lambda: structure.eye(n), r"I"),
    "ridge matrix": (lambda: X.T @ X + lam * structure.eye(p), r"X^{\top} X + \lambda I"),
    "kronecker": (lambda: structure.kron(A, B), r"A \otimes B"),
    "concatenation": (lambda: structure.concat([w, y]), r"\begin{pmatrix} w \\ y \end{pmatrix}"),
    "slice": (lambda: w[1:], r"w_{2:p}"),
    "column": (lambda: A[:, 0], r"A_{:,1}"),
    "entry": (lambda: A[0, 1], r"A_{1, 2}"),
    "log-softmax": (lambda: x - softmax.logsumexp(x) * structure.ones(p),
                    r"x - \log\left(\mathbf{1}^{\top} e^{x}\right) \mathbf{1}"),
    "named": (lambda: vector("y_hat", n) - y, r"\hat{y} - y"),
    "element-wise exponential of a matrix": (lambda: ew.exp(A @ B), r"e^{\odot A B}"),
}  # fmt: skip


@pytest.mark.parametrize("name", DECLARED)
def test_what_is_declared(name):
    build, expected = DECLARED[name]
    check(latex(build()), expected)


DERIVED = {
    "least squares": (lambda: grad(HALF * squares(X @ w - y), w), r"X^{\top} \left(X w - y\right)"),
    "least squares, mean": (lambda: grad(squares(X @ w - y) / n, w), r"\frac{2}{n} X^{\top} \left(X w - y\right)"),
    "least squares, Hessian": (lambda: hessian(HALF * squares(X @ w - y), w), r"X^{\top} X"),
    "ridge": (lambda: grad(HALF * squares(X @ w - y) + lam / 2 * squares(w), w),
              r"X^{\top} \left(X w - y\right) + \lambda w"),
    "quadratic form": (lambda: grad(w.T @ A @ w, w), r"\left(A + A^{\top}\right) w"),
    "quadratic form, symmetric": (lambda: grad(w.T @ S @ w, w), r"2 S w"),
    "quadratic form, Hessian": (lambda: hessian(w.T @ A @ w, w), r"A + A^{\top}"),
    "linear form": (lambda: grad(v.T @ w, w), r"v"),
    "bilinear form": (lambda: grad(u.T @ A @ v, A), r"u v^{\top}"),
    "logistic": (lambda: grad(log_loss(), w), rf"X^{{\top}} \left({SIG}\left(X w\right) - y\right)"),
    "logistic, Hessian": (
        lambda: hessian(log_loss(), w),
        r"X^{\top} \operatorname{diag}\left("
        rf"{SIG}\left(X w\right) \odot \left(1 - {SIG}\left(X w\right)\right)\right) X",
    ),
    "trace": (lambda: grad(reductions.trace(matrix("A", n, p) @ matrix("X", p, q) @ matrix("B", q, n)),
                           matrix("X", p, q)), r"A^{\top} B^{\top}"),
    "tanh": (lambda: grad(z.T @ ew.tanh(matrix("W", p, q).T @ x), matrix("W", p, q)),
             r"x \left(z \odot \left(1 - \tanh^{2}\left(W^{\top} x\right)\right)\right)^{\top}"),
    "log-sum-exp": (lambda: grad(softmax.logsumexp(x), x), rf"{SOFTMAX}\left(x\right)"),
    "log-sum-exp, Hessian": (
        lambda: hessian(softmax.logsumexp(x), x),
        rf"\operatorname{{diag}}\left({SOFTMAX}\left(x\right)\right) "
        rf"- {SOFTMAX}\left(x\right) {SOFTMAX}\left(x\right)^{{\top}}",
    ),
    "softmax cross-entropy": (
        lambda: grad(-reductions.sum(ew.hadamard(vector("y", q, simplex=True), ew.log(softmax.softmax(z)))), z),
        rf"{SOFTMAX}\left(z\right) - y",
    ),
    "norm": (lambda: grad(reductions.norm(x), x), r"\frac{x}{\left\lVert x \right\rVert}"),
    "matrix factorisation": (lambda: grad(squares(X - matrix("W", n, k) @ matrix("H", k, p)), matrix("W", n, k)),
                             r"2 \left(W H - X\right) H^{\top}"),
    "matrix factorisation, Hessian": (
        lambda: hessian(HALF * squares(X - matrix("U", n, k) @ matrix("V", p, k).T), matrix("U", n, k)),
        r"\left(I \otimes V^{\top} V\right)_{\left(ij\right), \left(kl\right)}",
    ),
    "affine": (lambda: jacobian(X @ w, w), r"X"),
    "layer": (lambda: jacobian(ew.tanh(X @ w), w), r"\operatorname{diag}\left(1 - \tanh^{2}\left(X w\right)\right) X"),
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVED)
def test_what_is_derived(name):
    build, expected = DERIVED[name]
    check(latex(build()), expected)


def test_signs_and_factors_stay_as_the_body_has_them():
    T, W, H = factorisation()
    check(latex(-2 * (T - W @ H) @ H.T), r"-2 \left(X - W H\right) H^{\top}")
    check(latex(y - X @ w), r"y - X w")
    check(latex(-(X @ w) - y), r"-X w - y")
    check(latex((2 * A + 2 * B) @ w), r"2 \left(A + B\right) w")


def test_backpropagation_in_the_books_symbols():
    W, b, loss = network()
    check(latex(grad(loss, W)), r"\delta^{[1]} a^{[0]\top}")
    check(latex(grad(loss, b)), r"\delta^{[1]}")


def test_index_notation():
    check(latex(X @ w - y, notation="index"), r"\sum_{j=1}^{p} X_{ij} w_{j} - y_{i}")
    check(latex(X.T @ X, notation="index"), r"\sum_{k=1}^{n} X_{ki} X_{kj}")
    check(latex(squares(w), notation="index"), r"\sum_{i=1}^{p} w_{i}^{2}")
    check(latex(structure.diag(w), notation="index"), r"w_{i} \delta_{ij}")
    check(latex(softmax.softmax(x), notation="index"), rf"{SOFTMAX}\left(x\right)_{{i}}")
    check(latex(structure.eye(n) - 1, notation="index"), r"\delta_{ij} - 1")
    check(latex(reductions.argmax(w), notation="index"), r"\arg\max_{i} w_{i} - 1")
    check(
        latex(structure.kron(A, B), notation="index"),
        r"A_{\left\lceil \frac{i}{p} \right\rceil, \left\lceil \frac{j}{p} \right\rceil} "
        r"B_{1 + \left(\left(i - 1\right) \bmod p\right), 1 + \left(\left(j - 1\right) \bmod p\right)}",
    )
    check(
        latex(ew.hadamard(x, softmax.log_softmax(x)), notation="index"), rf"x_{{i}} \log {SOFTMAX}\left(x\right)_{{i}}"
    )
    check(latex(w[1:], notation="index"), r"w_{i + 1}")
    check(latex(w[::-1], notation="index"), r"w_{p + 1 - i}")
    check(latex(matrix("X", k, n) @ y, notation="index"), r"\sum_{j=1}^{n} X_{ij} y_{j}")
    check(latex(matrix("j", n, p) @ matrix("Y", p, q), notation="index"), r"\sum_{l=1}^{p} Y_{lk} j_{il}")


def test_orders_three_and_four():
    K = tensor("K", (n, p, q))
    check(latex(K), r"K")
    check(latex(2 * K), r"\left[2 K_{ijk}\right]_{ijk}")
    check(latex(reductions.sum(K, axis=2)), r"\left[\sum_{k=1}^{q} K_{ijk}\right]_{ij}")
    check(latex(jacobian(structure.outer(u, u), u)), r"\left(I \otimes u + u \otimes I\right)_{\left(ij\right), k}")


def test_sympy_matrices():
    X, w, y = MatrixSymbol("X", n, p), MatrixSymbol("w", p, 1), MatrixSymbol("y", n, 1)
    check(latex(X * w - y), r"X w - y")
    check(latex((X * w - y).T * (X * w - y)), r"\left\lVert X w - y \right\rVert^{2}")
    check(latex(grad((X * w - y).T * (X * w - y), w)), r"2 X^{\top} \left(X w - y\right)")
    check(latex(grad(w.T * MatrixSymbol("A", p, p) * w, w)), r"\left(A + A^{\top}\right) w")
    check(latex(sympy.Trace(X.T * X)), r"\left\lVert X \right\rVert_{F}^{2}")
    check(latex(sympy.Matrix([[1, 2], [3, 4]])), r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}")


def test_sympy_indexed_notation():
    i, j = sympy.symbols("i j", integer=True)
    M, a = sympy.IndexedBase("M", shape=(n, p)), sympy.IndexedBase("a", shape=(p,))
    check(latex(sympy.Sum(M[0, j] * a[j], (j, 0, p - 1))), r"M_{1,:} a")
    check(latex(sympy.Sum(a[j] ** 2, (j, 0, p - 1))), r"\left\lVert a \right\rVert^{2}")
    check(latex(sympy.Sum(a[j] * M[i, j], (j, 0, p - 1)).subs(i, 1)), r"M_{2,:} a")


def test_sympys_own_printer_prints_symdls_nodes():
    assert sympy.latex(squares(w) + c) == r"c + \left\lVert w \right\rVert^{2}"
    assert sympy.latex(ew.exp(w[0])) == "e^{w_{1}}"
    assert sympy.latex(X) == "X"
    assert (X @ w)._repr_latex_() == r"$\displaystyle X w$"
