r"""The rows of chapters 3 and 4: (entry, result, expected text, value); see ``test_book``."""

import sympy

import symdl as sd
from symdl.derivation.gradient import written_out
from symdl.minimizers import bfgs
from symdl.simplify import simplify

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


u, r, A, M = sd.vector("u", p), sd.vector("r", m), sd.matrix("A", p, p), sd.matrix("M", m, p)
phi = sd.scalar("phi", positive=True)
odds = sd.named("phi", sd.sigmoid(b + w @ x))
w1, w2, features = sd.scalar("w1"), sd.scalar("w2"), sd.scalar("x")
hidden = sd.named("a", sd.sigmoid(w1 * features))
landscape = (sd.named("y_hat", sd.sigmoid(w2 * hidden)) - t) ** 2
noisy = sd.named("x_tilde", sd.tanh(V1 @ (x + sd.vector("e", p, latex=r"\epsilon"))))
restored = sd.sum(sd.square(x - sd.named("x_hat", V2 @ noisy)))
rates, rho = sd.vector("rates", m, positive=True, latex=r"\hat{\rho}"), sd.scalar("rho", positive=True)
T, beta, g = sd.dims("T"), sd.scalar("beta"), sd.vector("g", p)


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


CHAPTERS = {
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
}  # fmt: skip
