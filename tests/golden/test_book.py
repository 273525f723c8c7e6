r"""The book's derivations, chapters 3 and 4, appendices A and B: derived, printed as there, and true.

A row is (entry, result, expected, value). The expected text is written by hand from the book's form, not taken from the
output, and is compared up to white space, the size of parentheses and the order of what commutes; numbers that stand
side by side come in the printer's order. A row whose name says "expanded" has another form than the book. The value is
the book's formula in NumPy.
"""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.derivation.gradient import written_out
from symdl.interpret import evaluate
from symdl.minimizers import bfgs
from symdl.simplify import simplify
from tests.golden.book_values import ALIKE, NUMPY, SIZES, values
from tests.golden.order import canonical
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

phi = sd.scalar("phi", positive=True)
odds = sd.named("phi", sd.sigmoid(b + w @ x))
w1, w2, features = sd.scalar("w1"), sd.scalar("w2"), sd.scalar("x")
hidden = sd.named("a", sd.sigmoid(w1 * features))
landscape = (sd.named("y_hat", sd.sigmoid(w2 * hidden)) - t) ** 2
noisy = sd.named("x_tilde", sd.tanh(V1 @ (x + sd.vector("e", p, latex=r"\epsilon"))))
restored = sd.sum(sd.square(x - sd.named("x_hat", V2 @ noisy)))
rates, rho = sd.vector("rates", m, positive=True, latex=r"\hat{\rho}"), sd.scalar("rho", positive=True)
T, beta, g = sd.dims("T"), sd.scalar("beta"), sd.vector("g", p)
symmetric, centre = sd.matrix("B", k, k, symmetric=True), sd.vector("a", k)
scores = sd.vector("z", k)


joint = sd.matrix("P", k, k, positive=True)


def form(at):
    """A quadratic, whose expectation under N(μ, Σ) is its value at μ and half the trace of its Hessian with Σ."""
    return (at - centre).T @ symmetric @ (at - centre)


def average(step):
    """Exponential smoothing over T times, from 0."""
    return sd.recurrence(lambda time, old: beta * old + (1 - beta) * step(time), sd.zeros(p), T, names="u")


def first_step_of_adam():
    """ADAM from no state at t = 0, with the names of its intermediates written out."""
    adam = sd.optimizers.Adam()
    after, _ = adam.update(theta, g, dict.fromkeys(adam.states, sd.zeros(p)), 0)
    return simplify([written_out(after)]).values[0]


weight, column, others = sd.scalar("lambda", nonnegative=True), sd.vector("x", n), sd.vector("r", n)
penalty, rate = weight * sd.sum(sd.abs(theta)), sd.scalar("alpha", positive=True)
model_matrix, border = sd.matrix("H", p, p, symmetric=True, latex="B"), sd.scalar("Delta")


def lagrangian(at):
    """A trust region's: the quadratic model and μ/2 times what ‖d‖² is above Δ²."""
    return at @ g + at.T @ model_matrix @ at / 2 + sd.scalar("mu") / 2 * (sd.norm(at) ** 2 - border**2)


def central_difference():
    """(f(u + h) - f(u - h)) / 2h of the sine, to the second order in h."""
    at, h = sd.scalar("u"), sd.scalar("h")
    difference = (sd.sin(at + h) - sd.sin(at - h)) / 2
    terms = 0
    for power in range(4):
        terms += difference.xreplace({h: sympy.Integer(0)}) * h**power / sympy.factorial(power)
        difference = sd.grad(difference, h)
    return sympy.expand(terms / h)


def taylor(f, order):
    """The Taylor polynomial of a function of one variable around 0, in u."""
    at, terms = sd.scalar("at"), 0
    derivative = f(at)
    for power in range(order + 1):
        terms += derivative.xreplace({at: sympy.Integer(0)}) * z**power / sympy.factorial(power)
        derivative = sd.grad(derivative, at)
    return terms


BOOK = {
    "3.1-logodds": (lambda: sympy.solve(sd.logit(phi) - (b + w @ x), phi)[0], r"\sigma_{\text{Sig}}(w^{\top}x+b)",
                    "1 / (1 + np.exp(-(0.3 + w @ x)))"),
    "3.1-logodds, slope": (lambda: sd.grad(sd.log(odds / (1 - odds)), x), "w", "w"),
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
                         r"\frac{2}{n}X^{\top}((\hat{y}-y)\odot\hat{y}\odot(1-\hat{y}))",
                         "2 / n * X.T @ ((sig(X @ theta) - y) * sig(X @ theta) * sig(-X @ theta))"),
    "3.2-mse-logistic, Hessian, expanded inside": (
        lambda: sd.hessian(squared, theta),
        r"\frac{2}{n}X^{\top}\operatorname{diag}(\hat{y}\odot(1-\hat{y})\odot"
        r"(2\hat{y}\odot y+2\hat{y}-3\hat{y}^{\odot 2}-y))X",
        "X.T @ np.diag(2 * f(X @ theta) * (f(X @ theta) + (sig(X @ theta) - y) * (1 - 2 * sig(X @ theta)))) @ X / n"),
    "3.3-softmaxjac": (lambda: sd.jacobian(share, s), r"\operatorname{diag}(\hat{y})-\hat{y}\hat{y}^{\top}",
                       "np.diag(soft(z)) - np.outer(soft(z), soft(z))"),
    "3.3-cce": (lambda: sd.grad(-sd.sum(sd.hadamard(label, sd.log(share))), s), r"\hat{y}-y", "soft(z) - y1"),
    "3.3-cce, by logits": (lambda: sd.losses.cross_entropy_logits(label, s), r"-y^{\top}z+\log(\mathbf{1}^{\top}e^{z})",
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
    "3.5-sparse, contractive, by b": (
        lambda: sd.grad(contraction, v1),
        r"-4\tanh(W^{[1]}x+b)\odot(1-\tanh^{2}(W^{[1]}x+b))^{\odot 2}\odot(W^{[1]})^{\odot 2}\mathbf{1}",
        "-4 * np.tanh(W1 @ x + bm) * (1 - np.tanh(W1 @ x + bm) ** 2) ** 2 * (W1 ** 2).sum(1)"),
    "3.5-sparse, divergence of the rates": (
        lambda: sd.grad(sd.sum(rho * (sd.log(rho) - sd.log(rates)) + (1 - rho) * (sd.log(1 - rho) - sd.log(1 - rates))),
                        rates),
        r"(\hat{\rho}-\rho)\oslash(\hat{\rho}\odot(1-\hat{\rho}))", "(rates - rho) / (rates * (1 - rates))"),
    "3.5-linear-ae": (lambda: sd.norm(X - X @ V1.T @ V2.T) ** 2,
                      r"\lVert X-XW^{[1]\top}W^{[2]\top}\rVert_{F}^{2}", "((X - X @ W1.T @ W2.T) ** 2).sum()"),
    "3.5-denoise, W2": (lambda: sd.grad(restored, V2), r"2(\hat{x}-x)\tilde{x}^{\top}",
                        "2 * np.outer(W2 @ np.tanh(W1 @ (x + e)) - x, np.tanh(W1 @ (x + e)))"),
    "3.3-softmax": (lambda: sd.softmax(c + W @ x), r"S_{\text{Softmax}}(Wx+b)", "soft(W @ x + bK)"),
    "3.3-multinom": (lambda: sd.exp(v1) / (1 + sd.sum(sd.exp(v1))), r"\frac{e^{b}}{1+\mathbf{1}^{\top}e^{b}}",
                     "np.exp(bm) / (1 + np.exp(bm).sum())"),
    # The boundary between two classes: where their log-probabilities are equal.
    "3.3-map": (lambda: simplify([sd.log_softmax(W @ x + c)[0] - sd.log_softmax(W @ x + c)[1]]).values[0],
                r"(W_{1,:}-W_{2,:})x+b_{1}-b_{2}", "(W[0] - W[1]) @ x + bK[0] - bK[1]"),
    "3.4-features": (lambda: sd.grad(cross_entropy(t, sd.named("y_hat", sd.sigmoid(b + w @ x + x.T @ A @ x))), A),
                     r"(\hat{y}-y)xx^{\top}", "(sig(0.3 + w @ x + x @ A @ x) - y0) * np.outer(x, x)"),
    "3.5-interp": (lambda: alpha * u + (1 - alpha) * v, r"\alpha u+(1-\alpha)v", "alpha * u + (1 - alpha) * v"),
    "4.2-landscape": (lambda: sd.grad(landscape, w2), r"2\hat{y}a(1-\hat{y})(\hat{y}-y)",
                      "2 * sig(w2 * sig(w1 * x0)) * sig(-w2 * sig(w1 * x0)) * (sig(w2 * sig(w1 * x0)) - y0)"
                      " * sig(w1 * x0)"),
    "4.3-scaled": (lambda: theta - alpha * sd.hadamard(sd.vector("r", p), g), r"\theta-\alpha r\odot g",
                   "theta - 0.4 * r4 * g"),
    # The derivative and h²/6 times the third one, which for the sine is minus the first.
    "4.4-numeric": (central_difference, r"\cos(u)-\frac{1}{6}h^{2}\cos(u)", "np.cos(u0) - h ** 2 / 6 * np.cos(u0)"),
    "4.3-ema": (lambda: sd.closed_form(average(lambda time: sd.tensor("U", (T, p))[time])),
                r"(1-\beta)U^{\top}[\beta^{T-i}]_{i}", "(1 - beta) * sum(beta ** (4 - k) * U[k] for k in range(5))"),
    "4.3-ema, the sum of the weights": (lambda: sd.closed_form(average(lambda time: g)), r"(1-\beta^{T})g",
                                        "(1 - beta ** 5) * g"),
    "4.3-adam, first step": (first_step_of_adam, r"\theta-\alpha g\oslash(|g|+\varepsilon)",
                             "theta - alpha * g / (abs(g) + 1e-3)"),
    "4.4-forward": (lambda: sd.jvp(sd.sin(w1 * w2), {w1: sd.scalar("dw1", latex=r"\dot{w}_{1}")}),
                    r"\dot{w}_{1}w_{2}\cos(w_{1}w_{2})", "w2 * np.cos(w1 * w2) * 0.2"),
    "4.4-dual": (lambda: sd.jvp(w1 * w2, {w1: sd.scalar("dw1", latex="w_{1}'"), w2: sd.scalar("dw2", latex="w_{2}'")}),
                 r"w_{1}'w_{2}+w_{1}w_{2}'", "0.2 * w2 + 0.6 * w1"),
    "4.4-jvp-vjp, forward": (lambda: sd.jvp(sd.tanh(M @ u), {u: v}), r"(1-\tanh^{2}(Mu))\odot Mv",
                             "(1 - np.tanh(M @ u) ** 2) * (M @ v)"),
    "4.4-jvp-vjp, reverse": (lambda: sd.vjp(sd.tanh(M @ u), u, r), r"M^{\top}(r\odot(1-\tanh^{2}(Mu)))",
                             "M.T @ (r * (1 - np.tanh(M @ u) ** 2))"),
    "4.5-subgrad": (lambda: sd.grad(sd.sum(sd.abs(u)), u), r"\operatorname{sign}(u)", "np.sign(u)"),
    "4.5-prox": (lambda: sd.prox(penalty, theta, v, rate),
                 r"\operatorname{sign}(v)\odot\max(|v|-\alpha\lambda,0)",
                 "np.sign(v) * np.maximum(abs(v) - 0.4 * lam, 0)"),
    # The soft threshold of xᵀr/n over ‖x‖²/n, as 2.5-lasso has it, here with n in the numerator.
    "4.5-coord": (
        lambda: sd.minimizers.minimizer_of(sd.norm(others - one * column) ** 2 / (2 * n) + weight * sd.abs(one), one),
        r"\frac{n\max(|\frac{1}{n}r^{\top}x|-\lambda,0)\operatorname{sign}(\frac{1}{n}r^{\top}x)}{\lVert x\rVert^{2}}",
        "np.sign(xn @ rn) * max(abs(xn @ rn) / n - lam, 0) / (xn @ xn / n)"),
    # (B + μI)d = -g where it is 0.
    "4.6-trust": (lambda: sd.grad(lagrangian(d), d), r"g+Bd+\mu d", "H @ d + 0.5 * d + g"),
    "4.6-newton": (lambda: theta - sd.solve(sd.hessian(quadratic(theta), theta), sd.grad(quadratic(theta), theta)),
                   r"\theta-A^{-1}(A\theta-b)", "inv(P) @ bp"),
    "4.6-damped": (
        lambda: sd.hessian(log_loss, theta) + sd.scalar("mu") * sd.eye(p),
        r"\frac{1}{n}X^{\top}\operatorname{diag}(\hat{y}\odot(1-\hat{y}))X+\mu I",
        "X.T @ np.diag(f(X @ theta)) @ X / n + 0.5 * np.eye(4)"),
    "4.6-bfgs": (lambda: bfgs.UPDATE, r"(I-\rho sy^{\top})H(I-\rho sy^{\top})^{\top}+\rho ss^{\top}",
                 "(np.eye(4) - np.outer(s4, y4) / (y4 @ s4)) @ H @ (np.eye(4) - np.outer(y4, s4) / (y4 @ s4))"
                 " + np.outer(s4, s4) / (y4 @ s4)"),
    "A.2-matgrad": (lambda: sd.grad(sd.norm(M) ** 2, M), "2M", "2 * M"),
    "A.2-hessian": (lambda: sd.hessian(u.T @ A @ u, u), r"A+A^{\top}", "A + A.T"),
    "A.3-chain": (lambda: sd.grad(sd.logsumexp(M @ u), u), r"M^{\top}S_{\text{Softmax}}(Mu)", "M.T @ soft(M @ u)"),
    "A.4-taylor1": (lambda: taylor(lambda at: sd.exp(2 * at), 2), r"1+2z+2z^{2}", "1 + 2 * z0 + 2 * z0 ** 2"),
    "A.4-taylorn, first order": (
        lambda: sd.logsumexp(v) + (u - v).T @ sd.grad(sd.logsumexp(v), v),
        r"\log(\mathbf{1}^{\top}e^{v})+(u-v)^{\top}S_{\text{Softmax}}(v)", "lse(v) + (u - v) @ soft(v)"),
    "A.4-taylorn, second order": (
        lambda: sd.logsumexp(v) + (u - v).T @ sd.grad(sd.logsumexp(v), v)
        + (u - v).T @ sd.hessian(sd.logsumexp(v), v) @ (u - v) / 2,
        r"\log(\mathbf{1}^{\top}e^{v})+(u-v)^{\top}S_{\text{Softmax}}(v)+\frac{1}{2}(u-v)^{\top}"
        r"(\operatorname{diag}(S_{\text{Softmax}}(v))-S_{\text{Softmax}}(v)S_{\text{Softmax}}(v)^{\top})(u-v)",
        "lse(v) + (u - v) @ soft(v)"
        " + (u - v) @ (np.diag(soft(v)) - np.outer(soft(v), soft(v))) @ (u - v) / 2"),
    "A.4-linearisation": (lambda: sd.tanh(M @ v) + sd.jacobian(sd.tanh(M @ v), v) @ (u - v),
                          r"\tanh(Mv)+(1-\tanh^{2}(Mv))\odot M(u-v)",
                          "np.tanh(M @ v) + (1 - np.tanh(M @ v) ** 2) * (M @ (u - v))"),
    "B.1-chain, mutual information": (
        lambda: sd.sum(sd.hadamard(joint, sd.log(joint) - sd.log(sd.outer(prob, other)))),
        r"\operatorname{tr}(P^{\top}(\log(P)-\log(pq^{\top})))", "(PK * np.log(PK / np.outer(p, qk))).sum()"),
    "B.1-mle": (lambda: sd.grad(-sd.sum(sd.hadamard(sd.vector("p", k, simplex=True), sd.log_softmax(scores))), scores),
                r"S_{\text{Softmax}}(z)-p", "soft(z) - p"),
    "B.2-mvn-entropy, expectation of a quadratic": (
        lambda: form(mu) + sd.trace(sd.hessian(form(q), q) @ S) / 2,
        r"\operatorname{tr}(B\Sigma)+(\mu-a)^{\top}B(\mu-a)",
        "(mu - ak) @ Bk @ (mu - ak) + np.trace(Bk @ S)"),
    "4.1-rosenbrock, gradient, expanded in part": (
        lambda: sd.grad(rosenbrock, point),
        r"\begin{pmatrix}-2+2\theta_{1}-400\theta_{1}(\theta_{2}-\theta_{1}^{2})\\"
        r"200(\theta_{2}-\theta_{1}^{2})\end{pmatrix}",
        "np.array([-2 * (1 - t[0]) - 400 * t[0] * (t[1] - t[0] ** 2), 200 * (t[1] - t[0] ** 2)])"),
    "4.1-rosenbrock, Hessian, expanded": (
        lambda: sd.hessian(rosenbrock, point),
        r"\begin{pmatrix}2-400\theta_{2}+1200\theta_{1}^{2}&-400\theta_{1}\\-400\theta_{1}&200\end{pmatrix}",
        "np.array([[2 - 400 * (t[1] - 3 * t[0] ** 2), -400 * t[0]], [-400 * t[0], 200]])"),
    "4.4-example": (
        lambda: sd.grad(running, place),
        r"\begin{pmatrix}\theta_{2}\cos(\theta_{1}\theta_{2})\\"
        r"\theta_{1}\cos(\theta_{1}\theta_{2})+e^{\theta_{2}+\theta_{3}}\\e^{\theta_{2}+\theta_{3}}-2\end{pmatrix}",
        "np.array([t3[1] * np.cos(t3[0] * t3[1]), t3[0] * np.cos(t3[0] * t3[1]) + np.exp(t3[1] + t3[2]),"
        " np.exp(t3[1] + t3[2]) - 2])"),
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
                r"-\frac{k}{2}\log(2\pi)-\frac{1}{2}\log\det(\Sigma)-\frac{1}{2}(x-\mu)^{\top}\Sigma^{-1}(x-\mu)",
                "-k / 2 * np.log(2 * np.pi) - logdet(S) / 2 - (xk - mu) @ inv(S) @ (xk - mu) / 2"),
    "B.2-mvn, by the mean": (lambda: sd.grad(density, mu), r"\Sigma^{-1}(x-\mu)", "inv(S) @ (xk - mu)"),
    "B.2-mvn, by the covariance": (
        lambda: sd.grad(density, S), r"\frac{1}{2}(\Sigma^{-1}(x-\mu)(x-\mu)^{\top}\Sigma^{-1}-\Sigma^{-1})",
        "(inv(S) @ np.outer(xk - mu, xk - mu) @ inv(S) - inv(S)) / 2"),
    "B.2-mvn-entropy, by the covariance": (lambda: sd.grad((k * (1 + PI) + sd.logdet(S)) / 2, S),
                                           r"\frac{1}{2}\Sigma^{-1}", "inv(S) / 2"),
    "B.2-mvn-kl, expanded": (
        lambda: gaussians,
        r"\frac{1}{2}\operatorname{tr}(\Sigma_{2}^{-1}\Sigma_{1})+\frac{1}{2}(\mu_{2}-\mu_{1})^{\top}\Sigma_{2}^{-1}"
        r"(\mu_{2}-\mu_{1})-\frac{k}{2}+\frac{1}{2}\log\det(\Sigma_{2})-\frac{1}{2}\log\det(\Sigma_{1})",
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


@pytest.mark.parametrize("entry", BOOK)
def test_printed_as_in_the_book(entry):
    result, expected, _ = BOOK[entry]
    found = sd.latex(result())
    assert canonical(found) == canonical(expected)
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
