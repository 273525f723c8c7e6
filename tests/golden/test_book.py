r"""The book's derivations, chapters 3 and 4, appendices A and B: derived, printed as there, and true.

A row is (entry, result, expected, value). The expected text is written by hand from the book's form, not taken from the
output, and is compared up to white space and the size of parentheses. The value is the book's formula in NumPy.
"""

import re

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.interpret import evaluate
from tests.katex import katex_error

n, p, k, m, K = sd.dims("n p k m K")
X, y, theta = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("theta", p)
y_hat = sd.named("y_hat", sd.sigmoid(X @ theta))
log_loss = -sd.sum(sd.hadamard(y, sd.log(y_hat)) + sd.hadamard(1 - y, sd.log(1 - y_hat))) / n
model = sd.sigmoid(X @ theta)
written = -sd.sum(sd.hadamard(y, sd.log(model)) + sd.hadamard(1 - y, sd.log(1 - model))) / n
squared = sd.sum(sd.square(y - y_hat)) / n

x, w, b, t, z = sd.vector("x", p), sd.vector("w", p), sd.scalar("b"), sd.scalar("y"), sd.scalar("z")
neuron = sd.named("y_hat", sd.sigmoid(w @ x + b))
guess = sd.scalar("q", positive=True, latex=r"\hat{y}")


def cross_entropy(label, probability):
    return -(label * sd.log(probability) + (1 - label) * sd.log(1 - probability))


s, Y, W, c = sd.vector("z", K), sd.matrix("Y", n, K, one_hot=True), sd.matrix("W", K, p), sd.vector("b", K)
label = sd.vector("y", K, one_hot=True)
share = sd.named("y_hat", sd.softmax(s))
shares = sd.named("Y_hat", sd.softmax(X @ W.T + sd.outer(sd.ones(n), c), axis=1))
softmax_loss = sd.losses.cross_entropy(Y, shares) / n

V1, V2 = sd.matrix("W1", m, p, latex="W^{[1]}"), sd.matrix("W2", p, m, latex="W^{[2]}")
z1 = sd.named("z1", V1 @ x, latex="z^{[1]}")
code = sd.named("x_tilde", sd.tanh(z1))
decoded = sd.named("x_hat", V2 @ code)
autoencoder = sd.sum(sd.square(x - decoded))
v1 = sd.vector("b", m)
contraction = sd.sum(sd.square(sd.jacobian(sd.tanh(V1 @ x + v1), x)))

point = sd.vector("theta", 2)
rosenbrock = (1 - point[0]) ** 2 + 100 * (point[1] - point[0] ** 2) ** 2
place = sd.vector("theta", 3)
running = sd.sin(place[0] * place[1]) + sd.exp(place[1] + place[2]) - 2 * place[2]
one = sd.scalar("theta")
quartic = one**4 - 4 * one**3 - 2 * one**2 + 10 * one + 15

P, h, d, v = sd.matrix("A", p, p, positive_definite=True), sd.vector("b", p), sd.vector("d", p), sd.vector("v", p)
alpha = sd.scalar("alpha")


def quadratic(at):
    return at.T @ P @ at / 2 - h @ at


u, a, r = sd.vector("u", p), sd.vector("a", p), sd.vector("r", m)
A, B, M = sd.matrix("A", p, p), sd.matrix("B", p, p), sd.matrix("M", m, p)
step = sd.matrix("D", p, p)
affine = sd.named("z", M @ u + v1)

prob, other = sd.vector("p", k, positive=True), sd.vector("q", k, positive=True)
S, S1, S2 = (sd.matrix(name, k, k, positive_definite=True) for name in ("Sigma", "Sigma1", "Sigma2"))
q, mu, mu1, mu2 = (sd.vector(name, k) for name in ("x", "mu", "mu1", "mu2"))
sigma = sd.vector("sigma", k, positive=True)
PI = sympy.log(2 * sympy.pi)
density = -k * PI / 2 - sd.logdet(S) / 2 - (q - mu).T @ sd.inv(S) @ (q - mu) / 2
gaussians = (
    sd.trace(sd.inv(S2) @ S1) + (mu2 - mu1).T @ sd.inv(S2) @ (mu2 - mu1) - k + sd.logdet(S2) - sd.logdet(S1)
) / 2

BOOK = {
    "3.1-likelihood": (lambda: sd.grad(written, theta), r"\frac{1}{n}X^{\top}(\sigma_{\text{Sig}}(X\theta)-y)",
                       "X.T @ (sig(X @ theta) - y) / n"),
    "3.1-likelihood, with a name": (lambda: sd.grad(log_loss, theta), r"\frac{1}{n}X^{\top}(\hat{y}-y)",
                                    "X.T @ (sig(X @ theta) - y) / n"),
    "3.1-likelihood, score": (lambda: sd.grad(-n * log_loss, theta), r"X^{\top}(y-\hat{y})",
                              "X.T @ (y - sig(X @ theta))"),
    "3.1-hessian": (lambda: sd.hessian(log_loss, theta),
                    r"\frac{1}{n}X^{\top}\operatorname{diag}(\hat{y}\odot(1-\hat{y}))X",
                    "X.T @ np.diag(sig(X @ theta) * sig(-X @ theta)) @ X / n"),
    "3.1-irls": (lambda: theta - sd.solve(sd.hessian(log_loss, theta), sd.grad(log_loss, theta)),
                 r"\theta-(X^{\top}\operatorname{diag}(\hat{y}\odot(1-\hat{y}))X)^{-1}X^{\top}(\hat{y}-y)",
                 "theta - inv(X.T @ np.diag(sig(X @ theta) * sig(-X @ theta)) @ X) @ X.T @ (sig(X @ theta) - y)"),
    "3.2-neuron": (lambda: sd.sigmoid(b + w @ x), r"\sigma_{\text{Sig}}(w^{\top}x+b)", "sig(w @ x + b)"),
    "3.2-bce, by the prediction": (lambda: sd.grad(cross_entropy(t, guess), guess),
                                   r"\frac{\hat{y}-y}{\hat{y}(1-\hat{y})}", "(q - y0) / (q * (1 - q))"),
    "3.2-bce, by z": (lambda: sd.grad(cross_entropy(t, sd.sigmoid(z)), z), r"\sigma_{\text{Sig}}(z)-y",
                      "sig(z0) - y0"),
    "3.2-bce, by w": (lambda: sd.grad(cross_entropy(t, neuron), w), r"(\hat{y}-y)x", "(sig(w @ x + b) - y0) * x"),
    "3.2-bce, by b": (lambda: sd.grad(cross_entropy(t, neuron), b), r"\hat{y}-y", "sig(w @ x + b) - y0"),
    "3.2-bcelogits": (lambda: sd.losses.binary_cross_entropy_logits(t, z), r"\operatorname{softplus}(z)-yz",
                      "np.log1p(np.exp(z0)) - y0 * z0"),
    "3.2-mse-logistic": (lambda: sd.grad(squared, theta),
                         r"\frac{2}{n}X^{\top}(\hat{y}\odot(1-\hat{y})\odot(\hat{y}-y))",
                         "2 / n * X.T @ ((sig(X @ theta) - y) * sig(X @ theta) * sig(-X @ theta))"),
    "3.2-mse-logistic, Hessian, expanded inside": (
        lambda: sd.hessian(squared, theta),
        r"\frac{2}{n}X^{\top}\operatorname{diag}(\hat{y}\odot(1-\hat{y})\odot"
        r"(2\hat{y}\odot y+2\hat{y}-3\hat{y}^{\odot 2}-y))X",
        "X.T @ np.diag(2 * f(X @ theta) * (f(X @ theta) + (sig(X @ theta) - y) * (1 - 2 * sig(X @ theta)))) @ X / n"),
    "3.3-softmaxjac": (lambda: sd.jacobian(share, s), r"\operatorname{diag}(\hat{y})-\hat{y}\hat{y}^{\top}",
                       "np.diag(soft(z)) - np.outer(soft(z), soft(z))"),
    "3.3-cce": (lambda: sd.grad(-sd.sum(sd.hadamard(label, sd.log(share))), s), r"\hat{y}-y", "soft(z) - y1"),
    "3.3-cce, by logits": (lambda: sd.losses.cross_entropy_logits(label, s), r"\log(\mathbf{1}^{\top}e^{z})-y^{\top}z",
                           "np.log(np.exp(z).sum()) - y1 @ z"),
    "3.3-softmaxgrad, W": (lambda: sd.grad(softmax_loss, W), r"\frac{1}{n}(\hat{Y}-Y)^{\top}X",
                           "(rows(X @ W.T + bK) - Y).T @ X / n"),
    "3.3-softmaxgrad, b": (lambda: sd.grad(softmax_loss, c), r"\frac{1}{n}(\hat{Y}-Y)^{\top}\mathbf{1}",
                           "(rows(X @ W.T + bK) - Y).sum(0) / n"),
    "3.3-softmaxhess": (
        lambda: sd.hessian(softmax_loss, W),
        r"(\frac{1}{n}\sum_{m=1}^{n}(\operatorname{diag}(\hat{Y}_{m,:}^{\top})-\hat{Y}_{m,:}^{\top}\hat{Y}_{m,:})"
        r"\otimes X_{m,:}^{\top}X_{m,:})_{(ij),(kl)}",
        "sum(np.einsum('ik,jl->ijkl', np.diag(q) - np.outer(q, q), np.outer(x, x))"
        " for q, x in zip(rows(X @ W.T + bK), X)) / n"),
    "3.5-ae, W2": (lambda: sd.grad(autoencoder, V2), r"2(\hat{x}-x)\tilde{x}^{\top}",
                   "2 * np.outer(W2 @ np.tanh(W1 @ x) - x, np.tanh(W1 @ x))"),
    "3.5-ae, W1": (lambda: sd.grad(autoencoder, V1), r"\delta^{[1]}x^{\top}",
                   "np.outer((W2.T @ (2 * (W2 @ np.tanh(W1 @ x) - x))) * (1 - np.tanh(W1 @ x) ** 2), x)"),
    "3.5-sparse, contractive": (
        lambda: contraction, r"\lVert\operatorname{diag}(1-\tanh^{2}(W^{[1]}x+b))W^{[1]}\rVert_{F}^{2}",
        "((1 - np.tanh(W1 @ x + bm) ** 2) ** 2 * (W1 ** 2).sum(1)).sum()"),
    "4.1-rosenbrock, gradient": (
        lambda: sd.grad(rosenbrock, point),
        r"\begin{pmatrix}2\theta_{1}-2-400\theta_{1}(\theta_{2}-\theta_{1}^{2})\\"
        r"200(\theta_{2}-\theta_{1}^{2})\end{pmatrix}",
        "np.array([-2 * (1 - t[0]) - 400 * t[0] * (t[1] - t[0] ** 2), 200 * (t[1] - t[0] ** 2)])"),
    "4.1-rosenbrock, Hessian": (
        lambda: sd.hessian(rosenbrock, point),
        r"\begin{pmatrix}1200\theta_{1}^{2}-400\theta_{2}+2&-400\theta_{1}\\-400\theta_{1}&200\end{pmatrix}",
        "np.array([[2 - 400 * (t[1] - 3 * t[0] ** 2), -400 * t[0]], [-400 * t[0], 200]])"),
    "4.4-example": (
        lambda: sd.grad(running, place),
        r"\begin{pmatrix}\theta_{2}\cos(\theta_{1}\theta_{2})\\"
        r"\theta_{1}\cos(\theta_{1}\theta_{2})+e^{\theta_{2}+\theta_{3}}\\e^{\theta_{2}+\theta_{3}}-2\end{pmatrix}",
        "np.array([T[1] * np.cos(T[0] * T[1]), T[0] * np.cos(T[0] * T[1]) + np.exp(T[1] + T[2]),"
        " np.exp(T[1] + T[2]) - 2])"),
    "4.4-hvp": (lambda: sd.hvp(written, theta, v),
                r"\frac{1}{n}X^{\top}(\sigma_{\text{Sig}}(X\theta)\odot(1-\sigma_{\text{Sig}}(X\theta))\odot X v)",
                "X.T @ (f(X @ theta) * (X @ v)) / n"),
    "4.5-ls-exact, slope": (lambda: sd.grad(quadratic(theta + alpha * d), alpha),
                            r"d^{\top}(A(\theta+\alpha d)-b)", "d @ (P @ (theta + alpha * d) - bp)"),
    "4.5-ls-exact, curvature": (lambda: sd.hessian(quadratic(theta + alpha * d), alpha), r"d^{\top}A d", "d @ P @ d"),
    "4.6-newton1": (lambda: sd.grad(quartic, one), r"4\theta^{3}-12\theta^{2}-4\theta+10",
                    "4 * z0 ** 3 - 12 * z0 ** 2 - 4 * z0 + 10"),
    "4.6-newton1, curvature": (lambda: sd.hessian(quartic, one), r"12\theta^{2}-24\theta-4",
                               "12 * z0 ** 2 - 24 * z0 - 4"),
    "4.6-gn": (lambda: sd.gauss_newton(lambda f: sd.sum(sd.square(f - y)) / 2, sd.tanh(X @ theta), theta),
               r"X^{\top}\operatorname{diag}((1-\tanh^{2}(X\theta))^{\odot 2})X",
               "X.T @ np.diag((1 - np.tanh(X @ theta) ** 2) ** 2) @ X"),
    "4.6-natural": (lambda: sd.gauss_newton(lambda f: sd.sum(sd.softplus(f) - sd.hadamard(y, f)) / n, X @ theta, theta),
                    r"\frac{1}{n}X^{\top}\operatorname{diag}(\sigma_{\text{Sig}}(X\theta)\odot"
                    r"(1-\sigma_{\text{Sig}}(X\theta)))X", "X.T @ np.diag(f(X @ theta)) @ X / n"),
    "A.1-norms, cosine": (lambda: u @ v / (sd.norm(u) * sd.norm(v)),
                          r"\frac{u^{\top}v}{\lVert u\rVert\lVert v\rVert}", "u @ v / (norm(u) * norm(v))"),
    "A.1-norms": (lambda: sd.grad(sd.norm(u), u), r"\frac{u}{\lVert u\rVert}", "u / norm(u)"),
    "A.1-norms, squared": (lambda: sd.grad(sd.norm(u) ** 2, u), r"2u", "2 * u"),
    "A.2-gradient, directional": (lambda: sd.jvp(sd.logsumexp(u), {u: v}), r"v^{\top}S_{\text{Softmax}}(u)",
                                  "v @ soft(u)"),
    "A.2-jacobian": (lambda: sd.jacobian(sd.tanh(M @ u), u), r"\operatorname{diag}(1-\tanh^{2}(M u))M",
                     "np.diag(1 - np.tanh(M @ u) ** 2) @ M"),
    "A.2-identities, linear": (lambda: sd.grad(a @ u, u), "a", "a"),
    "A.2-identities, quadratic": (lambda: sd.grad(u.T @ A @ u, u), r"(A+A^{\top})u", "(A + A.T) @ u"),
    "A.2-identities, squares": (lambda: sd.grad(sd.norm(M @ u - r) ** 2, u), r"2M^{\top}(M u-r)",
                                "2 * M.T @ (M @ u - r)"),
    "A.2-identities, bilinear": (lambda: sd.grad(r.T @ M @ a, M), r"r a^{\top}", "np.outer(r, a)"),
    "A.2-identities, log det": (lambda: sd.grad(sd.logdet(A), A), r"A^{-\top}", "inv(A).T"),
    "A.2-identities, inverse": (lambda: sd.jvp(sd.inv(A), {A: step}), r"-A^{-1}D A^{-1}", "-inv(A) @ D @ inv(A)"),
    "A.2-identities, trace": (lambda: sd.grad(sd.trace(A @ B), A), r"B^{\top}", "B.T"),
    "A.2-identities, log-sum-exp": (lambda: sd.grad(sd.logsumexp(u), u), r"S_{\text{Softmax}}(u)", "soft(u)"),
    "A.2-identities, log-sum-exp, Hessian": (
        lambda: sd.hessian(sd.logsumexp(u), u),
        r"\operatorname{diag}(S_{\text{Softmax}}(u))-S_{\text{Softmax}}(u)S_{\text{Softmax}}(u)^{\top}",
        "np.diag(soft(u)) - np.outer(soft(u), soft(u))"),
    "A.3-affine, W": (lambda: sd.grad(r @ sd.tanh(affine), M), r"\delta u^{\top}",
                      "np.outer(r * (1 - np.tanh(M @ u + bm) ** 2), u)"),
    "A.3-affine, b": (lambda: sd.grad(r @ sd.tanh(affine), v1), r"\delta", "r * (1 - np.tanh(M @ u + bm) ** 2)"),
    "A.3-affine, u": (lambda: sd.grad(r @ sd.tanh(affine), u), r"M^{\top}\delta",
                      "M.T @ (r * (1 - np.tanh(M @ u + bm) ** 2))"),
    "A.3-affine, Jacobian by W": (lambda: sd.jacobian(M @ u + v1, M), r"(I\otimes u^{\top})_{i,(jk)}",
                                  "np.einsum('ij,k->ijk', np.eye(m), u)"),
    "B.1-kl": (lambda: sd.sum(sd.hadamard(prob, sd.log(prob) - sd.log(other))), r"p^{\top}(\log(p)-\log(q))",
               "(p * np.log(p / qk)).sum()"),
    "B.1-entropy": (lambda: -sd.sum(sd.hadamard(prob, sd.log(prob))), r"-p^{\top}\log(p)", "-(p * np.log(p)).sum()"),
    "B.1-entropy, cross entropy by q": (lambda: sd.grad(-sd.sum(sd.hadamard(prob, sd.log(other))), other),
                                        r"-p\oslash q", "-p / qk"),
    "B.1-js": (lambda: sd.grad(sd.js_divergence(prob, other), prob),
               r"\frac{1}{2}(\log(p)-\log(\frac{1}{2}(p+q)))", "(np.log(p) - np.log((p + qk) / 2)) / 2"),
    "B.2-mvn": (lambda: density,
                r"-\frac{1}{2}(x-\mu)^{\top}\Sigma^{-1}(x-\mu)-\frac{1}{2}\log\det(\Sigma)-\frac{k}{2}\log(2\pi)",
                "-k / 2 * np.log(2 * np.pi) - logdet(S) / 2 - (xk - mu) @ inv(S) @ (xk - mu) / 2"),
    "B.2-mvn, by the mean": (lambda: sd.grad(density, mu), r"\Sigma^{-1}(x-\mu)", "inv(S) @ (xk - mu)"),
    "B.2-mvn, by the covariance": (
        lambda: sd.grad(density, S), r"\frac{1}{2}(\Sigma^{-1}(x-\mu)(x-\mu)^{\top}\Sigma^{-1}-\Sigma^{-1})",
        "(inv(S) @ np.outer(xk - mu, xk - mu) @ inv(S) - inv(S)) / 2"),
    "B.2-mvn-entropy, by the covariance": (lambda: sd.grad((k * (1 + PI) + sd.logdet(S)) / 2, S),
                                           r"\frac{1}{2}\Sigma^{-1}", "inv(S) / 2"),
    "B.2-mvn-kl": (
        lambda: gaussians,
        r"\frac{1}{2}(\mu_{2}-\mu_{1})^{\top}\Sigma_{2}^{-1}(\mu_{2}-\mu_{1})+\frac{1}{2}\log\det(\Sigma_{2})"
        r"+\frac{1}{2}\operatorname{tr}(\Sigma_{2}^{-1}\Sigma_{1})-\frac{1}{2}\log\det(\Sigma_{1})-\frac{k}{2}",
        "(np.trace(inv(S2) @ S1) + (mu2 - mu1) @ inv(S2) @ (mu2 - mu1) - k + logdet(S2) - logdet(S1)) / 2"),
    "B.2-mvn-kl, by a mean": (lambda: sd.grad(gaussians, mu1), r"\Sigma_{2}^{-1}(\mu_{1}-\mu_{2})",
                              "inv(S2) @ (mu1 - mu2)"),
    "B.2-mvn-kl, by a covariance": (lambda: sd.grad(gaussians, S1), r"\frac{1}{2}(\Sigma_{2}^{-1}-\Sigma_{1}^{-1})",
                                    "(inv(S2) - inv(S1)) / 2"),
    "B.2-mvn-kl, to N(0, I)": (
        lambda: sd.sum(sd.square(mu) + sd.square(sigma) - 1 - sd.log(sd.square(sigma))) / 2,
        r"\frac{1}{2}\mathbf{1}^{\top}(\mu^{\odot 2}+\sigma^{\odot 2}-1-\log(\sigma^{\odot 2}))",
        "(mu ** 2 + sigma ** 2 - 1 - np.log(sigma ** 2)).sum() / 2"),
    "B.2-mvn-kl, equal covariances": (
        lambda: sd.norm(mu1 - mu2) ** 2 / (2 * sd.scalar("z") ** 2), r"\frac{\lVert\mu_{1}-\mu_{2}\rVert^{2}}{2z^{2}}",
        "((mu1 - mu2) ** 2).sum() / (2 * z0 ** 2)"),
}  # fmt: skip

SIZES = {"n": 6, "p": 4, "k": 3, "m": 2, "K": 3}


def values():
    """Arrays by the names of the symbols; what two symbols are called alike, by its own name for NumPy's text."""
    rng = np.random.default_rng(5)
    draw = rng.standard_normal
    definite = [(lambda g: g @ g.T + np.eye(len(g)))(draw((size, size))) for size in (4, 3, 3, 3)]
    own = {
        "X": draw((6, 4)), "y": rng.integers(0, 2, 6) * 1.0, "theta": draw(4), "x": draw(4), "w": draw(4), "b": 0.3,
        "q": 0.7, "Y": np.eye(3)[rng.integers(0, 3, 6)], "W": draw((3, 4)), "z": draw(3), "W1": draw((2, 4)),
        "W2": draw((4, 2)), "u": draw(4), "v": draw(4), "a": draw(4), "r": draw(2), "d": draw(4), "alpha": 0.4,
        "A": draw((4, 4)), "B": draw((4, 4)), "M": draw((2, 4)), "D": draw((4, 4)), "p": rng.dirichlet(np.ones(3)),
        "sigma": rng.uniform(0.5, 2, 3), "mu": draw(3), "mu1": draw(3), "mu2": draw(3),
        "Sigma": definite[1], "Sigma1": definite[2], "Sigma2": definite[3],
    }  # fmt: skip
    alike = {
        "y0": 1.0, "z0": 1.7, "y1": np.eye(3)[1], "bK": draw(3), "bm": draw(2), "bp": draw(4), "P": definite[0],
        "qk": rng.dirichlet(np.ones(3)), "xk": draw(3), "t": np.array([0.2, -0.3]), "T": np.array([np.pi / 6, 2, 5]),
    }  # fmt: skip
    return own, alike


# Symbols that share a name with another one: (name, shape) -> the name of its value.
ALIKE = {
    ("y", ()): "y0", ("z", ()): "z0", ("y", (K,)): "y1", ("b", (K,)): "bK", ("b", (m,)): "bm", ("b", (p,)): "bp",
    ("q", (k,)): "qk", ("x", (k,)): "xk", ("theta", (2,)): "t", ("theta", (3,)): "T", ("theta", ()): "z0",
}  # fmt: skip
NUMPY = {
    "np": np, "inv": np.linalg.inv, "norm": np.linalg.norm, "logdet": lambda g: np.linalg.slogdet(g)[1],
    "sig": lambda g: 1 / (1 + np.exp(-g)), "soft": lambda g: np.exp(g) / np.exp(g).sum(),
    "rows": lambda g: np.exp(g) / np.exp(g).sum(1, keepdims=True),
    "f": lambda g: np.exp(g) / (1 + np.exp(g)) ** 2, "S": None, **SIZES,
}  # fmt: skip


def plain(tex):
    """Return LaTeX without white space and sizes of parentheses."""
    return re.sub(r"\s|\\left|\\right|\{\}", "", tex.replace(r"\text{", r"\mathrm{"))


@pytest.mark.parametrize("entry", BOOK)
def test_printed_as_in_the_book(entry):
    result, expected, _ = BOOK[entry]
    found = sd.latex(result())
    assert plain(found) == plain(expected)
    assert katex_error(found) is None


@pytest.mark.parametrize("entry", BOOK)
def test_the_value_is_that_of_the_formula(entry):
    result, _, formula = BOOK[entry]
    expression = result()
    own, alike = values()
    arrays = {}
    for symbol in expression.free_symbols:
        name = ALIKE.get((symbol.name, tuple(getattr(symbol, "shape", ()))), symbol.name)
        definite = "positive_definite" in getattr(symbol, "properties", ()) and symbol.name == "A"
        arrays[symbol.name] = alike["P"] if definite else alike[name] if name in alike else own.get(name)
    found = evaluate(expression, {name: value for name, value in arrays.items() if value is not None}, SIZES)
    expected = eval(formula, {**NUMPY, **own, **alike, "S": own["Sigma"], "S1": own["Sigma1"], "S2": own["Sigma2"]})
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
