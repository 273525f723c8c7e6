r"""Book chapter 8, specialised architectures: what its formulas are, as (result, expected print, value in NumPy)."""

import sympy

import symdl as sd

n, p, m, h, q, K, E, S, A = sd.dims("n p m h q K E S A")
# 8.1: a Gaussian autoencoder with a linear decoder.
x, W, b = sd.vector("x", p), sd.matrix("W", p, m), sd.vector("b", p)
mu, log_variance, noise = sd.vector("mu", m), sd.vector("s", m, latex=r"\log\sigma^2"), sd.vector("epsilon", m)
sigma, fixed = sd.vector("sigma", m, positive=True), sd.scalar("v", positive=True, latex=r"\sigma^2")
code = sd.named("z", mu + sd.hadamard(sigma, noise))
x_hat = sd.named("x_hat", W @ code + b, latex=r"\hat{x}")
cost = sd.norm(x - x_hat) ** 2 / (2 * fixed) + sd.kl_normal(mu, sd.square(sigma))
logits = sd.vector("z", p)
# 8.3: scores of a real and a generated sample, a critic with one hidden layer.
real, fake = sd.scalar("r", latex=r"D(x)"), sd.scalar("f", latex=r"D(G)")
w, made = sd.vector("w", p), sd.vector("c", p)
on_real = sd.named("D", sd.sigmoid(w @ x))
on_made = sd.named("D_made", sd.sigmoid(w @ made), latex="D^*")
game = sd.log(on_real) + sd.log(1 - on_made)
W1, b1, w2 = sd.matrix("W1", h, p, latex="W_1"), sd.vector("b1", h, latex="b_1"), sd.vector("w2", h, latex="w_2")
v = sd.vector("v", p)
slope = sd.grad(w2 @ sd.tanh(W1 @ x + b1), x)
# 8.4: a policy's value, temporal differences, scores of actions.
P, rewards, gamma, visits = sd.matrix("P", S, S), sd.vector("r", S), sd.scalar("gamma"), sd.vector("nu", S)
value = sd.solve(sd.eye(S) - gamma * P, rewards)
transitions, prices, V = sd.tensor("P", (A, S, S)), sd.matrix("r", S, A), sd.vector("V", S)
theta, target = sd.matrix("theta", A, p), sd.matrix("theta_old", A, p, latex=r"\theta^-")
s, s_next, action = sd.vector("s", p), sd.vector("s_next", p, latex="s'"), sd.vector("a", A, one_hot=True)
reward = sd.scalar("r")
goal = sd.named("y", reward + gamma * sd.max(target @ s_next))
own_goal = sd.named("y", reward + gamma * sd.stop_gradient(sd.max(theta @ s_next)))
z, chosen, gain, baseline = sd.vector("z", K), sd.vector("a", K, one_hot=True), sd.scalar("G"), sd.scalar("b")
ratio, narrow = sd.scalar("rho"), sd.scalar("epsilon", positive=True)
pi, payoff = sd.named("pi", sd.softmax(z)), sd.vector("r", K)
# 8.5: graphs by matrices and by edges.
adjacency = sd.matrix("A", n, n, symmetric=True)
degree = sd.named("d", adjacency @ sd.ones(n))
root = sd.diag(sd.power(degree, sympy.Rational(-1, 2)))
H, W_g, mixed = sd.matrix("H", n, p), sd.matrix("W", p, q), sd.matrix("A_hat", n, n, latex=r"\hat{A}")
zeta, G = sd.matrix("zeta", n, q), sd.matrix("G", n, p)
Z = sd.named("Z", mixed @ H @ W_g)
layer = sd.sum(sd.hadamard(zeta, sd.named("H_next", sd.tanh(Z), latex="H'")))
to, source = sd.vector("to", E, integer=True, latex="v"), sd.vector("source", E, integer=True, latex="u")
near, far = sd.matrix("W1", p, q, latex="W_1"), sd.matrix("W2", p, q, latex="W_2")
sage = sd.sum(sd.hadamard(zeta, H @ near + mixed @ H @ far))
features, a1, a2 = sd.matrix("Z", n, q), sd.vector("a1", q, latex="a_1"), sd.vector("a2", q, latex="a_2")
pairs, by_pairs = features @ a1, sd.matrix("U_bar", n, n, latex=r"\bar{U}")
pre = sd.sum(sd.hadamard(by_pairs, sd.outer(features @ a1, sd.ones(n)) + sd.outer(sd.ones(n), features @ a2)))
weights, out = sd.named("alpha", sd.softmax(sd.matrix("e", n, n), axis=1)), sd.matrix("R", n, q)
epsilon, h_u, h_v, y = sd.scalar("epsilon"), sd.vector("h_u", p), sd.vector("h_v", p), sd.scalar("y")
isomorphism = sd.sum(sd.hadamard(zeta, ((1 + epsilon) * H + mixed @ H) @ W_g))
chebyshev = [sd.scalar(f"theta{k}") for k in range(3)]
L, line, g = sd.matrix("L", n, n, latex=r"\tilde{L}"), sd.vector("x", n), sd.vector("g", n)
filtered = chebyshev[0] * line + chebyshev[1] * (L @ line) + chebyshev[2] * (2 * L @ (L @ line) - line)

SIG, SOFT = r"\sigma_{\text{Sig}}", r"S_{\text{Softmax}}"
TANH, SLOPE = r"\tanh(W_1x+b_1)", r"(1-\tanh^{2}(W_1x+b_1))"
ACTIVE, CURVE = "(1 - np.tanh(W1 @ x + b1) ** 2)", "(-2 * np.tanh(W1 @ x + b1) * (1 - np.tanh(W1 @ x + b1) ** 2))"
ROWS = {
    "8.1-vae, by W": (lambda: sd.grad(cost, W), r"\frac{1}{\sigma^2}(\hat{x}-x)z^{\top}",
                      "outer(W @ (mu + sigma * epsilon) + b - x, mu + sigma * epsilon) / v"),
    "8.1-vae, by b": (lambda: sd.grad(cost, b), r"\frac{1}{\sigma^2}(\hat{x}-x)",
                      "(W @ (mu + sigma * epsilon) + b - x) / v"),
    "8.1-vae, by μ": (lambda: sd.grad(cost, mu), r"\delta+\mu",
                      "W.T @ (W @ (mu + sigma * epsilon) + b - x) / v + mu"),
    "8.1-reparam, by μ": (lambda: sd.grad(sd.sum(sd.cos(code)), mu), r"\delta", "-np.sin(mu + sigma * epsilon)"),
    "8.1-reparam, by σ": (lambda: sd.grad(sd.sum(sd.cos(code)), sigma), r"\delta\odot\epsilon",
                          "-np.sin(mu + sigma * epsilon) * epsilon"),
    "8.1-kl-diag, by μ": (lambda: sd.grad(sd.kl_normal(mu, sd.exp(log_variance)), mu), r"\mu", "mu"),
    "8.1-kl-diag, by log σ²": (lambda: sd.grad(sd.kl_normal(mu, sd.exp(log_variance)), log_variance),
                               r"\frac{1}{2}e^{\log\sigma^2}-\frac{1}{2}", "(np.exp(s) - 1) / 2"),
    "8.1-bernoulli": (lambda: sd.grad(sd.losses.binary_cross_entropy_logits(x, logits), logits),
                      rf"{SIG}(z)-x", "sig(z) - x"),
    "8.3-minimax, by φ": (lambda: sd.grad(game, w), "(1-D)x-D^*c", "(1 - sig(w @ x)) * x - sig(w @ c) * c"),
    "8.3-minimax, by the sample": (lambda: sd.grad(game, made), "-D^*w", "-sig(w @ c) * w"),
    "8.3-nonsat": (lambda: sd.grad(-sd.log(on_made), made), "(D^*-1)w", "-(1 - sig(w @ c)) * w"),
    "8.3-variants, least squares": (lambda: sd.grad((real - 1) ** 2 / 2 + fake**2 / 2, real), "D(x)-1", "r - 1"),
    "8.3-variants, hinge": (lambda: sd.grad(sd.maximum(0, 1 - real) + sd.maximum(0, 1 + fake), real),
                            r"-\mathbf{1}\{1-D(x)>0\}", "-1.0 * (r < 1)"),
    "8.3-wgan": (lambda: sd.minimum(sd.maximum(w, -fixed), fixed), r"\min(\max(w,-\sigma^2),\sigma^2)",
                 "np.clip(w, -v, v)"),
    "8.3-wgangp, ∇f": (lambda: slope, rf"W_1^{{\top}}(w_2\odot {SLOPE})", f"W1.T @ (w2 * {ACTIVE})"),
    "8.3-wgangp, by w₂": (lambda: sd.grad(v @ slope, w2), rf"{SLOPE}\odot W_1v", f"{ACTIVE} * (W1 @ v)"),
    "8.3-wgangp, by b₁": (lambda: sd.grad(v @ slope, b1), rf"-2w_2\odot {TANH}\odot {SLOPE}\odot W_1v",
                          f"w2 * {CURVE} * (W1 @ v)"),
    "8.3-wgangp, by W₁": (
        lambda: sd.grad(v @ slope, W1),
        rf"(w_2\odot {SLOPE})v^{{\top}}-2(w_2\odot {TANH}\odot {SLOPE}\odot W_1v)x^{{\top}}",
        f"outer(w2 * {ACTIVE}, v) + outer(w2 * {CURVE} * (W1 @ v), x)"),
    "8.4-eval": (lambda: value, r"(I-\gamma P)^{-1}r", "inv(eye(S) - gamma * P) @ r"),
    "8.4-eval, by r": (lambda: sd.jacobian(value, rewards), r"(I-\gamma P)^{-1}", "inv(eye(S) - gamma * P)"),
    "8.4-eval, visits": (lambda: sd.grad(visits @ value, rewards), r"(I-\gamma P)^{-\top}\nu",
                         "inv(eye(S) - gamma * P).T @ nu"),
    "8.4-eval, by P": (lambda: sd.grad(visits @ value, P),
                       r"\gamma(I-\gamma P)^{-\top}\nu r^{\top}(I-\gamma P)^{-\top}",
                       "gamma * outer(inv(eye(S) - gamma * P).T @ nu, inv(eye(S) - gamma * P) @ r)"),
    "8.4-bellman": (lambda: sd.max(prices + gamma * sd.transpose(transitions @ V, (1, 0)), axis=1),
                    r"[\max_{j}(\gamma\sum_{k=1}^{S}P_{jik}V_{k}+r_{ij})]_{i}",
                    "(r + gamma * np.einsum('ast,t->sa', P, V)).max(1)"),
    "8.4-dqn": (lambda: sd.grad((goal - action @ (theta @ s)) ** 2, theta), r"2(a^{\top}\theta s-y)as^{\top}",
                "-2 * (r + gamma * (theta_old @ s_next).max() - a @ theta @ s) * outer(a, s)"),
    "8.4-dqn, its own goal": (lambda: sd.grad((own_goal - action @ (theta @ s)) ** 2, theta),
                              r"2(a^{\top}\theta s-y)as^{\top}",
                              "-2 * (r + gamma * (theta @ s_next).max() - a @ theta @ s) * outer(a, s)"),
    "8.4-pg, score": (lambda: sd.grad(chosen @ sd.log(pi), z), r"a-\pi", "a - soft(z)"),
    "8.4-pg": (lambda: sd.grad(chosen @ sd.log_softmax(z) * (gain - baseline), z), rf"(G-b)(a-{SOFT}(z))",
               "(G - b) * (a - soft(z))"),
    "8.4-pg, the expected reward": (lambda: sd.grad(pi @ payoff, z), r"\pi\odot(r-(\pi^{\top}r)\mathbf{1})",
                                    "soft(z) * (r - soft(z) @ r)"),
    "8.4-ac": (lambda: sd.minimum(ratio * gain, sd.minimum(sd.maximum(ratio, 1 - narrow), 1 + narrow) * gain),
               r"\min(G\rho,G\min(\max(\rho,1-\epsilon),\epsilon+1))",
               "min(rho * G, np.clip(rho, 1 - epsilon, 1 + epsilon) * G)"),
    "8.5-graph": (lambda: sd.diag(degree) - adjacency, r"\operatorname{diag}(d)-A", "diag(A.sum(1)) - A"),
    "8.5-gcn, by W": (lambda: sd.grad(layer, W_g),
                      r"H^{\top}\hat{A}^{\top}(\zeta\odot(1-H'^{\odot 2}))",
                      "(A_hat @ H).T @ (zeta * (1 - np.tanh(A_hat @ H @ W) ** 2))"),
    "8.5-gcn, by H": (lambda: sd.grad(layer, H), r"\hat{A}^{\top}(\zeta\odot(1-H'^{\odot 2}))W^{\top}",
                      "A_hat.T @ (zeta * (1 - np.tanh(A_hat @ H @ W) ** 2)) @ W.T"),
    "8.5-cheb": (lambda: filtered, r"\theta_{1}\tilde{L}x+\theta_{2}(2\tilde{L}\tilde{L}x-x)+\theta_{0}x",
                 "theta0 * x + theta1 * L @ x + theta2 * (2 * L @ L @ x - x)"),
    "8.5-cheb, by θ₂": (lambda: sd.grad(g @ filtered, chebyshev[2]), r"g^{\top}(2\tilde{L}\tilde{L}x-x)",
                        "g @ (2 * L @ L @ x - x)"),
    "8.5-mp, by H": (
        lambda: sd.grad(sd.sum(sd.hadamard(G, sd.segment_sum(sd.take(H, source), to, n))), H),
        r"[\delta_{i,u_{j}}]_{ij}[G_{v_{j},i}]_{ij}^{\top}",
        "sum(outer(eye(n)[int(source[e])], G[int(to[e])]) for e in range(E))"),
    "8.5-sage, by W₁": (lambda: sd.grad(sage, near), r"H^{\top}\zeta", "H.T @ zeta"),
    "8.5-sage, by W₂": (lambda: sd.grad(sage, far), r"H^{\top}\hat{A}^{\top}\zeta", "(A_hat @ H).T @ zeta"),
    "8.5-sage, by H": (lambda: sd.grad(sage, H), r"\zeta W_1^{\top}+\hat{A}^{\top}\zeta W_2^{\top}",
                       "zeta @ W1.T + A_hat.T @ zeta @ W2.T"),
    "8.5-gat, by a₁": (lambda: sd.grad(pre, a1), r"Z^{\top}\bar{U}\mathbf{1}", "Z.T @ U_bar.sum(1)"),
    "8.5-gat, by a₂": (lambda: sd.grad(pre, a2), r"Z^{\top}\bar{U}^{\top}\mathbf{1}", "Z.T @ U_bar.sum(0)"),
    "8.5-gat, by Z": (lambda: sd.grad(pre, features),
                      r"\bar{U}\mathbf{1}a_1^{\top}+\bar{U}^{\top}\mathbf{1}a_2^{\top}",
                      "outer(U_bar.sum(1), a1) + outer(U_bar.sum(0), a2)"),
    "8.5-gat, by the scores": (
        lambda: sd.grad(sd.sum(sd.hadamard(out, weights @ features)), sd.matrix("e", n, n)),
        r"\alpha\odot(RZ^{\top}-(R\odot\alpha Z)\mathbf{1}\mathbf{1}^{\top})",
        "soft(e) * (R @ Z.T - (soft(e) * (R @ Z.T)).sum(1, keepdims=True))"),
    "8.5-gin, by ε": (lambda: sd.grad(isomorphism, epsilon), r"\operatorname{tr}(HW\zeta^{\top})",
                      "((H @ W) * zeta).sum()"),
    "8.5-gin, by H": (lambda: sd.grad(isomorphism, H), r"(\epsilon+1)\zeta W^{\top}+\hat{A}^{\top}\zeta W^{\top}",
                      "(1 + epsilon) * zeta @ W.T + A_hat.T @ zeta @ W.T"),
    "8.5-readout": (lambda: sd.grad(sd.vector("g", p) @ sd.sum(H, axis=0), H), r"\mathbf{1}g^{\top}",
                    "np.ones((n, 1)) * g"),
    "8.5-readout, link prediction": (lambda: sd.grad(sd.losses.binary_cross_entropy_logits(y, h_u @ h_v), h_u),
                                     rf"({SIG}(h_{{u}}^{{\top}}h_{{v}})-y)h_{{v}}", "(sig(h_u @ h_v) - y) * h_v"),
}  # fmt: skip

ENTRIES = (
    "latent elbo vae reparam kl-diag bernoulli linearvae betavae IWAE hvae | forward marginal posterior elbo eps "
    "simple "
    "gaussopt sample score timeembed | minimax optD nonsat variants dirac wasserstein wgan wgangp mode | mdp eval "
    "bellman "
    "engage q td dqn pg ac | graph mp gcn cheb sage gat gin readout equiv oversmooth"
)
VAE, DIFFUSION = "tests.models.test_generative_vae", "tests.models.test_generative_diffusion"
GAN, LEARNING = "tests.models.test_generative_adversarial", "tests.models.test_reinforcement"
ELSEWHERE = {
    "8.1-latent": "tests.models.test_generative_models:test_samples_of_the_autoencoder",
    "8.1-elbo": f"{VAE}:test_the_cost_of_a_gaussian_autoencoder",
    "8.1-linearvae": "tests.models.test_generative_models:test_components_are_where_the_gradient_of_the_bound_vanishes",
    "8.1-IWAE": f"{VAE}:test_iwae",
    "8.1-hvae": f"{VAE}:test_a_chain_of_latent_variables",
    "8.2-forward": f"{DIFFUSION}:test_the_marginal_of_the_forward_process",
    "8.2-marginal": f"{DIFFUSION}:test_the_marginal_of_the_forward_process",
    "8.2-posterior": f"{DIFFUSION}:test_the_posterior_completes_the_square",
    "8.2-elbo": f"{DIFFUSION}:test_the_divergence_in_terms_of_the_noise",
    "8.2-eps": f"{DIFFUSION}:test_the_divergence_in_terms_of_the_noise",
    "8.2-simple": f"{DIFFUSION}:test_the_simple_loss",
    "8.2-gaussopt": f"{DIFFUSION}:test_the_optimum_for_normal_data",
    "8.2-sample": "tests.models.test_generative_models:test_sampling_takes_the_noise_out_step_by_step",
    "8.2-score": f"{DIFFUSION}:test_the_score",
    "8.2-timeembed": "tests.ops.test_attention:test_positions",
    "8.3-optD": f"{GAN}:test_the_best_discriminator",
    "8.3-dirac": f"{GAN}:test_the_dirac_game_turns",
    "8.3-wasserstein": "tests.models.test_generative_models:test_measures_of_quality",
    "8.3-mode": "tests.models.test_generative_models:test_measures_of_quality",
    "8.4-engage": f"{LEARNING}:test_actions_of_the_random_walk",
    "8.4-q": f"{LEARNING}:test_q_learning_is_the_update_of_the_book_one_transition_after_the_other",
    "8.5-equiv": "tests.models.test_graphs:test_permuted_nodes_have_permuted_outputs",
    "8.5-oversmooth": "tests.models.test_graphs:test_repeated_averaging_smooths_everything_out",
}
NO_ROW = {
    "8.1-betavae": "8.1-elbo with a factor before the divergence",
    "8.4-mdp": "a definition; its value is 8.4-eval",
    "8.4-td": "data of a target: symdl has no GAE; the differences are 8.4-q's, the returns policy_gradient's",
}
OTHER_FORM = {
    "8.1-elbo": "E_q is a mean over draws: the decomposition by Jensen is not derived as a formula of expectations",
    "8.2-marginal": "by the derived Jacobian of the recurrence, equal in numbers; no induction over a symbolic t is "
                    "printed",
    "8.1-vae": "by the adjoint δ of the named z", "8.1-reparam": "by the adjoint δ of the named z, which is ∇f(z)",
    "8.3-wgangp": "σ̈ written out as -2 tanh (1 - tanh²)",
    "8.4-pg": "for one action, drawn or given: the sum over times is the batch's",
    "8.5-mp": "the gather and the scatter as products with incidence matrices; δ is Kronecker's",
    "8.5-gat": "dense, as matrices; along edges it is tests.ops.test_gather's",
}  # fmt: skip
