r"""The rows of appendices A and B: (entry, result, expected text, value); see ``test_book``."""

import sympy

import symdl as sd

p, k, m = sd.dims("p k m")
u, a, r, v, v1 = sd.vector("u", p), sd.vector("a", p), sd.vector("r", m), sd.vector("v", p), sd.vector("b", m)
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

z, symmetric, centre = sd.scalar("z"), sd.matrix("B", k, k, symmetric=True), sd.vector("a", k)
scores = sd.vector("z", k)
joint = sd.matrix("P", k, k, positive=True)


def form(at):
    """A quadratic, whose expectation under N(μ, Σ) is its value at μ and half the trace of its Hessian with Σ."""
    return (at - centre).T @ symmetric @ (at - centre)


def taylor(f, order):
    """The Taylor polynomial of a function of one variable around 0, in u."""
    at, terms = sd.scalar("at"), 0
    derivative = f(at)
    for power in range(order + 1):
        terms += derivative.xreplace({at: sympy.Integer(0)}) * z**power / sympy.factorial(power)
        derivative = sd.grad(derivative, at)
    return terms


APPENDICES = {
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
