r"""Book chapter 5, feedforward networks: what its formulas are, as (result, expected print, value in NumPy)."""

import sympy

import symdl as sd
from symdl.simplify import simplify

n, p, m, q, K = sd.dims("n p m q K")
u, z, s, x, g = sd.scalar("u"), sd.vector("z", K), sd.vector("s", n), sd.vector("x", p), sd.vector("g", p)
slope, beta = sd.scalar("epsilon", latex=r"\varepsilon"), sd.scalar("beta")
W1, b1 = sd.matrix("W1", m, p, latex="W^{[1]}"), sd.vector("b1", m, latex="b^{[1]}")
W2, b2 = sd.matrix("W2", q, m, latex="W^{[2]}"), sd.vector("b2", q, latex="b^{[2]}")
A, D = sd.matrix("A", p, n), sd.matrix("Delta", m, n, latex=r"\Delta")
batch = W1 @ A + sd.outer(b1, sd.ones(n))
theta = [sd.vector("t1", p, latex=r"\theta^{[1]}"), *(sd.scalar(f"t{k}", latex=rf"\theta^{{[{k}]}}") for k in (2, 3))]
y, lam, c = sd.scalar("y"), sd.scalar("lam", latex=r"\lambda"), sd.scalar("c", positive=True)
x1, x2 = sd.scalar("x1"), sd.scalar("x2")
mask, keep = sd.vector("mask", p, latex="m"), sd.scalar("keep", positive=True, latex=r"p_{\text{keep}}")
theta_all, alpha, label = sd.vector("theta", p), sd.scalar("alpha"), sd.vector("y", K, simplex=True)
smoothing = sd.scalar("eps", latex=r"\epsilon")
Z, G = sd.matrix("Z", n, m), sd.matrix("G", n, m)
gamma, shift, eps = sd.vector("gamma", m), sd.vector("beta", m), sd.scalar("epsilon", positive=True)


def chain():
    """Three layers of one unit, figure 5.8."""
    a = sd.named("a1", sd.tanh(theta[0] @ x), latex="a^{[1]}")
    for k in (2, 3):
        a = sd.named(f"a{k}", sd.tanh(theta[k - 1] * a), latex=f"a^{{[{k}]}}")
    return (a - y) ** 2


CHAIN = (
    "(lambda a: [2 * (a[2] - y) * t3 * (1 - a[2] ** 2) * t2 * (1 - a[1] ** 2) * (1 - a[0] ** 2) * x,"
    " 2 * (a[2] - y) * t3 * (1 - a[2] ** 2) * (1 - a[1] ** 2) * a[0], 2 * (a[2] - y) * (1 - a[2] ** 2) * a[1]])"
    "((lambda a: (a, np.tanh(t2 * a), np.tanh(t3 * np.tanh(t2 * a))))(np.tanh(t1 @ x)))"
)


def gate(rate):
    """The multiplication gate with softplus units, up to its factor."""
    both, less = rate * (x1 + x2), rate * (x1 - x2)
    return sd.softplus(both) + sd.softplus(-both) - sd.softplus(less) - sd.softplus(-less)


def second_order():
    """The coefficient of λ² in the gate."""
    rate = sd.scalar("rate")
    return simplify([(sd.hessian(gate(rate), rate) / 2).xreplace({rate: sympy.Integer(0)})]).values[0]


def normalised():
    """Batch normalisation of a design matrix whose rows are samples."""
    bar = sd.named("Z_bar", sd.batch_norm(Z, batch_axis=0, epsilon=eps), latex=r"\bar{Z}")
    return sd.sum(sd.hadamard(G, bar @ sd.diag(gamma) + sd.outer(sd.ones(n), shift)))


BAR = "((Z - Z.mean(0)) / np.sqrt(Z.var(0) + epsilon))"
VARIANCE = r"\frac{1}{n}(Z^{\top}-\frac{1}{n}Z^{\top}\mathbf{1}\mathbf{1}^{\top})^{\odot 2}\mathbf{1}"
SIG = r"\sigma_{\text{Sig}}"
ROWS = {
    "5.1-mlp": (lambda: sd.tanh(W2 @ sd.tanh(W1 @ x + b1) + b2), r"\tanh(W^{[2]}\tanh(W^{[1]}x+b^{[1]})+b^{[2]})",
                "np.tanh(W2 @ np.tanh(W1 @ x + b1) + b2)"),
    "5.1-collapse, W": (lambda: sd.jacobian(W2 @ (W1 @ x + b1) + b2, x), r"W^{[2]}W^{[1]}", "W2 @ W1"),
    "5.1-collapse, b": (lambda: W2 @ b1 + b2, r"W^{[2]}b^{[1]}+b^{[2]}", "W2 @ b1 + b2"),
    "5.1-batchform, columns": (lambda: batch, r"W^{[1]}A+b^{[1]}\mathbf{1}^{\top}", "W1 @ A + b1[:, None]"),
    "5.1-batchform, rows": (lambda: A.T @ W1.T + sd.outer(sd.ones(n), b1),
                            r"\mathbf{1}b^{[1]\top}+A^{\top}W^{[1]\top}", "A.T @ W1.T + b1"),
    "5.2-uat": (lambda: W2 @ sd.sigmoid(W1 @ x + b1), rf"W^{{[2]}}{SIG}(W^{{[1]}}x+b^{{[1]}})",
                "W2 @ sig(W1 @ x + b1)"),
    "5.2-multgate, first order": (lambda: sd.grad(gate(u), u).xreplace({u: sympy.Integer(0)}), "0", "0"),
    "5.2-multgate, second order: 4σ̈(0) x₁ x₂": (second_order, "x_{1}x_{2}", "x1 * x2"),
    "5.3-step": (lambda: sd.grad(sd.step(u), u), "0", "0"),
    "5.3-step, sign": (lambda: sd.grad(sd.sign(u), u), "0", "0"),
    "5.3-sigmoid": (lambda: sd.grad(sd.sigmoid(u), u), rf"{SIG}(u)(1-{SIG}(u))", "sig(u) * (1 - sig(u))"),
    "5.3-sigmoid, from exponentials": (lambda: sd.grad(sd.exp(u) / (1 + sd.exp(u)), u), rf"{SIG}(u)(1-{SIG}(u))",
                                       "sig(u) * (1 - sig(u))"),
    "5.3-sigmoid, second": (lambda: sd.hessian(sd.sigmoid(u), u), rf"{SIG}(u)(1-{SIG}(u))(1-2{SIG}(u))",
                            "sig(u) * (1 - sig(u)) * (1 - 2 * sig(u))"),
    "5.3-tanh": (lambda: sd.grad(sd.tanh(u), u), r"1-\tanh^{2}(u)", "1 - np.tanh(u) ** 2"),
    "5.3-tanh, second": (lambda: sd.hessian(sd.tanh(u), u), r"-2\tanh(u)(1-\tanh^{2}(u))",
                         "-2 * np.tanh(u) * (1 - np.tanh(u) ** 2)"),
    "5.3-relu": (lambda: sd.grad(sd.relu(u), u), r"\mathbf{1}\{u\geq 0\}", "1.0 * (u >= 0)"),
    "5.3-leaky": (lambda: sd.grad(sd.leaky_relu(u, slope), u),
                  r"\begin{cases}1&\text{if }u\geq 0\\\varepsilon&\text{otherwise}\end{cases}",
                  "(u >= 0) + epsilon * (u < 0)"),
    "5.3-prelu": (lambda: sd.grad(sd.sum(sd.leaky_relu(s, slope)), slope), r"\mathbf{1}^{\top}\min(0,s)",
                  "np.minimum(0, s).sum()"),
    "5.3-elu": (lambda: sd.grad(sd.elu(u, alpha), u),
                r"\begin{cases}1&\text{if }u\geq 0\\\alpha e^{u}&\text{otherwise}\end{cases}",
                "(u >= 0) + (u < 0) * (alpha * (np.exp(u) - 1) + alpha)"),
    "5.3-selu": (lambda: sd.grad(sd.selu(u), u),
                 r"1.0507009873554805(\begin{cases}1&\text{if }u\geq 0\\1.6732632423543772e^{u}&"
                 r"\text{otherwise}\end{cases})",
                 "1.0507009873554805 * (1 if u >= 0 else 1.6732632423543772 * np.exp(u))"),
    "5.3-softplus": (lambda: sd.grad(sd.softplus(u), u), rf"{SIG}(u)", "sig(u)"),
    "5.3-swish": (lambda: sd.grad(u * sd.sigmoid(beta * u), u), rf"{SIG}(\beta u)(1+\beta u(1-{SIG}(\beta u)))",
                  "sig(beta * u) + beta * u * sig(beta * u) * (1 - sig(beta * u))"),
    "5.3-swish, by its parameter": (lambda: sd.grad(u * sd.sigmoid(beta * u), beta),
                                    rf"u^{{2}}{SIG}(\beta u)(1-{SIG}(\beta u))",
                                    "u ** 2 * sig(beta * u) * (1 - sig(beta * u))"),
    "5.3-silu": (lambda: sd.grad(sd.swish(u), u), rf"{SIG}(u)(1+u(1-{SIG}(u)))", "sig(u) + u * sig(u) * (1 - sig(u))"),
    "5.3-gelu": (lambda: sd.grad(sd.gelu(u), u), r"\Phi(u)+u\varphi(u)",
                 "(1 + erf(u / np.sqrt(2))) / 2 + u * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)"),
    "5.3-others, softsign": (lambda: sd.grad(sd.softsign(u), u), r"\frac{1}{(1+|u|)^{2}}", "1 / (1 + abs(u)) ** 2"),
    "5.3-others, mish": (
        lambda: sd.grad(sd.mish(u), u),
        rf"\tanh(\operatorname{{softplus}}(u))+u{SIG}(u)(1-\tanh^{{2}}(\operatorname{{softplus}}(u)))",
        "np.tanh(softplus(u)) + u * sig(u) * (1 - np.tanh(softplus(u)) ** 2)"),
    "5.3-softmaxlayer": (lambda: sd.jacobian(sd.log_softmax(z), z).T, r"I-S_{\text{Softmax}}(z)\mathbf{1}^{\top}",
                         "np.eye(3) - soft(z)[:, None]"),
    "5.4-backprop-batch, W": (lambda: sd.grad(sd.sum(sd.hadamard(D, batch)) / n, W1), r"\frac{1}{n}\Delta A^{\top}",
                              "Delta @ A.T / n"),
    "5.4-backprop-batch, b": (lambda: sd.grad(sd.sum(sd.hadamard(D, batch)) / n, b1),
                              r"\frac{1}{n}\Delta\mathbf{1}", "Delta.sum(1) / n"),
    "5.4-scalarchain, 1": (lambda: sd.grad(chain(), theta[0]), r"\zeta^{[1]}(1-(a^{[1]})^{2})x", f"{CHAIN}[0]"),
    "5.4-scalarchain, 2": (lambda: sd.grad(chain(), theta[1]), r"\zeta^{[2]}a^{[1]}(1-(a^{[2]})^{2})", f"{CHAIN}[1]"),
    "5.4-scalarchain, 3": (lambda: sd.grad(chain(), theta[2]), r"\zeta^{[3]}a^{[2]}(1-(a^{[3]})^{2})", f"{CHAIN}[2]"),
    "5.4-clip": (lambda: g * sd.minimum(1, c / sd.norm(g)), r"\min(1,\frac{c}{\lVert g\rVert})g",
                 "g * min(1, c / norm(g))"),
    "5.6-bn-back, by Z": (
        lambda: sd.grad(normalised(), Z),
        r"(G-\frac{1}{n}\mathbf{1}\mathbf{1}^{\top}G-\frac{1}{n}\bar{Z}\operatorname{diag}((G^{\top}\odot\bar{Z}^{\top})"
        rf"\mathbf{{1}}))\operatorname{{diag}}(\gamma\oslash\sqrt{{{VARIANCE}+\epsilon}})",
        f"(lambda g: (g - g.mean(0) - {BAR} * (g * {BAR}).mean(0)) / np.sqrt(Z.var(0) + epsilon))(gamma * G)"),
    "5.6-bn-back, by γ": (lambda: sd.grad(normalised(), gamma), r"(G^{\top}\odot\bar{Z}^{\top})"
                                                                r"\mathbf{1}", f"(G * {BAR}).sum(0)"),
    "5.6-bn-back, by β": (lambda: sd.grad(normalised(), shift), r"G^{\top}\mathbf{1}", "G.sum(0)"),
    "5.7-dropout": (lambda: sd.grad(g @ (sd.hadamard(mask, x) / keep), x), r"\frac{1}{p_{\text{keep}}}g\odot m",
                    "mask * g / keep"),
    "5.7-l2": (lambda: sd.grad(sd.norm(W1 @ x - b1) ** 2 + lam / 2 * sd.norm(W1) ** 2, W1),
               r"2(W^{[1]}x-b^{[1]})x^{\top}+\lambda W^{[1]}", "2 * outer(W1 @ x - b1, x) + lam * W1"),
    "5.7-l2, step": (lambda: theta_all - alpha * (g + sd.grad(lam / 2 * sd.norm(theta_all) ** 2, theta_all)),
                     r"\theta-\alpha(g+\lambda\theta)", "(1 - alpha * lam) * theta - alpha * g"),
    "5.7-l1": (lambda: sd.grad(lam * sd.sum(sd.abs(theta_all)), theta_all), r"\lambda\operatorname{sign}(\theta)",
               "lam * np.sign(theta)"),
    "5.7-l1, group": (lambda: sd.grad(lam * sd.norm(theta_all), theta_all),
                      r"\frac{\lambda\theta}{\lVert\theta\rVert}", "lam * theta / norm(theta)"),
    "5.7-labelsmooth": (
        lambda: sd.grad(-sd.sum(sd.hadamard(sd.vector("y", K, simplex=True, latex="y'"), sd.log_softmax(z))), z),
        r"S_{\text{Softmax}}(z)-y'", "soft(z) - y"),
    "5.7-labelsmooth, written out": (
        lambda: sd.grad(-sd.sum(sd.hadamard((1 - smoothing) * label + smoothing / K * sd.ones(K), sd.log_softmax(z))),
                        z),
        r"S_{\text{Softmax}}(z)+\epsilon y-y-\frac{\epsilon}{K}", "soft(z) - (1 - eps) * y - eps / 3"),
}  # fmt: skip

ENTRIES = (
    "mlp collapse batchform | uat relu-interp multgate depth | step sigmoid tanh relu leaky prelu elu selu softplus "
    "swish "
    "silu gelu others softmaxlayer | backprop-general backprop-fc backprop-batch scalarchain vanish clip | symmetry "
    "xavier "
    "he other | bn bn-back bn-infer | dropout l2 l1 augment ensemble labelsmooth"
)
ELSEWHERE = {
    "5.2-relu-interp": "tests.golden.test_chapters:test_one_layer_interpolates",
    "5.4-backprop-general": "tests.golden.test_recursion:test_printed_as_in_the_book",
    "5.4-backprop-fc": "tests.golden.test_recursion:test_the_recursion_gives_the_gradients_of_the_layers_written_out",
    "5.4-vanish": "tests.structures.test_recurrence_catalogue:test_linearised_adjoint",
    "5.5-symmetry": "tests.golden.test_chapters:test_equal_units_stay_equal",
    "5.5-xavier": "tests.test_init:test_variance",
    "5.5-he": "tests.test_init:test_variance",
    "5.5-other": "tests.test_init:test_orthogonal",
    "5.6-bn": "tests.ops.test_normalisation:test_catalogue_5_6_bn_back",
    "5.6-bn-infer": "tests.train.test_states:test_running_statistics_of_batch_norm",
}
NO_ROW = {
    "5.2-depth": "a count of gates, each of which is 5.2-multgate",
    "5.7-augment": "what is done with data before they are read",
    "5.7-ensemble": "a variance over several models; symdl derives for one",
}
OTHER_FORM = {
    "5.1-collapse": "with numbers of layers: an ordered product over a symbolic depth is not printed as Π",
    "5.3-elu": "α e^u for σ + α", "5.3-selu": "as the ELU",
    "5.3-swish": "σ(1 + βu(1 - σ)), factored", "5.3-silu": "σ(1 + u(1 - σ)), factored",
    "5.4-scalarchain": "by the adjoints ζ, a recursion, in place of the product over layers",
    "5.7-labelsmooth": "y' written out is multiplied out",
}  # fmt: skip
