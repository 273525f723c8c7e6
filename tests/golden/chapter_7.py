r"""Book chapter 7, sequence models: what its formulas are, as (result, expected print, value in NumPy)."""

import symdl as sd

T, V, p, m, q, d, K, n = sd.dims("T V p m q d K n")
words, table, received = sd.vector("i", T, integer=True), sd.matrix("E", p, V), sd.matrix("G", p, T)
W, e, g = sd.matrix("W", m, V), sd.vector("e", V, one_hot=True), sd.vector("g", m)
u, v = sd.vector("u", n), sd.vector("v", n)
u_hat, v_hat = (sd.named(f"{s.name}_hat", s / sd.norm(s), latex=rf"\hat{{{s.name}}}") for s in (u, v))
centre, outside, others = sd.vector("v_c", n), sd.vector("u_o", n), sd.matrix("U", K, n)
negative = -sd.log(sd.sigmoid(outside @ centre)) - sd.sum(sd.log(sd.sigmoid(-(others @ centre))))
vocabulary, chosen = sd.matrix("U", V, n), sd.vector("o", V, one_hot=True)
skip_gram = -sd.sum(sd.hadamard(chosen, sd.log_softmax(vocabulary @ centre)))

W_hh, W_hx = sd.matrix("W_hh", m, m, latex="W_{hh}"), sd.matrix("W_hx", m, p, latex="W_{hx}")
h, x, b = sd.vector("h", m), sd.vector("x", p), sd.vector("b", m)
unit = sd.tanh(sd.named("z", W_hh @ h + W_hx @ x + b))

z_q, z_k, w_s = sd.vector("z_q", m), sd.vector("z_k", p), sd.vector("w_s", d)
W_s, W_a, W_b = sd.matrix("W_s", m, p), sd.matrix("W_a", d, m, latex="W_s^a"), sd.matrix("W_b", d, p, latex="W_s^b")
additive = w_s @ sd.named("a", sd.tanh(W_a @ z_q + W_b @ z_k))
joined = sd.matrix("W_t", d, m + p, latex=r"\widetilde{W}_s")
values, s, back = sd.matrix("V", d, T), sd.vector("s", T), sd.vector("g", d)
alpha = sd.named("alpha", sd.softmax(s))

z, gamma, beta, g_n = sd.vector("z", n), sd.vector("gamma", n), sd.vector("beta", n), sd.vector("g", n)
epsilon, sharpness = sd.scalar("epsilon", positive=True), sd.scalar("tau", positive=True, latex=r"\mathcal{T}")
z_bar = sd.named("z_bar", sd.layer_norm(z, epsilon=epsilon), latex=r"\bar{z}")
tokens, G, logits = sd.matrix("U", p, T), sd.matrix("G", p, T), sd.vector("z", K)
W1, b1 = sd.matrix("W1", m, p, latex="W^{[1]}"), sd.vector("b1", m, latex="b^{[1]}")
W2, b2 = sd.matrix("W2", p, m, latex="W^{[2]}"), sd.vector("b2", p, latex="b^{[2]}")
hidden = sd.named("A", sd.relu(sd.named("Z", W1 @ tokens + sd.outer(b1, sd.ones(T)))))
feedforward = sd.sum(sd.hadamard(G, W2 @ hidden + sd.outer(b2, sd.ones(T))))
VARIANCE = r"\frac{1}{n}\lVert z-\frac{1}{n}(\mathbf{1}^{\top}z)\mathbf{1}\rVert^{2}"
ROOT = "np.sqrt(z.var() + epsilon)"
Z_BAR = f"((z - z.mean()) / {ROOT})"
SIG, SOFT, INNER = r"\sigma_{\text{Sig}}", r"S_{\text{Softmax}}", r"(w_{s}\odot(1-a^{\odot 2}))"
SLOPE = "(w_s * (1 - np.tanh(W_a @ z_q + W_b @ z_k) ** 2))"
LOCAL = "(1 - np.tanh(W_hh @ h + W_hx @ x + b) ** 2)"
ROWS = {
    "7.1-onehot": (lambda: W @ e, "We", "W[:, e.argmax()]"),
    "7.1-onehot, by W": (lambda: sd.grad(g @ (W @ e), W), r"ge^{\top}", "outer(g, e)"),
    "7.1-embed": (lambda: sd.take(table, words, axis=1), r"[E_{j,i_{k}}]_{jk}", "E[:, i.astype(int)]"),
    "7.1-embed, by E": (lambda: sd.grad(sd.sum(sd.hadamard(received, sd.take(table, words, axis=1))), table),
                        r"G[\delta_{j,i_{k}}]_{jk}^{\top}", "G @ eye(V)[i.astype(int)]"),
    "7.1-embed, cosine": (lambda: u @ v / (sd.norm(u) * sd.norm(v)),
                          r"\frac{u^{\top}v}{\lVert u\rVert\lVert v\rVert}", "u @ v / norm(u) / norm(v)"),
    "7.1-embed, cosine, by u": (lambda: sd.grad(u_hat @ v_hat, u),
                                r"\frac{1}{\lVert u\rVert}(\hat{v}-(\hat{u}^{\top}\hat{v})\hat{u})",
                                "(v / norm(v) - u @ v / norm(u) / norm(v) * u / norm(u)) / norm(u)"),
    "7.1-word2vec": (lambda: skip_gram, rf"-o^{{\top}}\log {SOFT}(Uv_{{c}})",
                     "-(U @ v_c)[o.argmax()] + np.log(np.exp(U @ v_c).sum())"),
    "7.1-word2vec, by v_c": (lambda: sd.grad(skip_gram, centre), rf"U^{{\top}}({SOFT}(Uv_{{c}})-o)",
                             "U.T @ (soft(U @ v_c) - o)"),
    "7.1-word2vec, by U": (lambda: sd.grad(skip_gram, vocabulary), rf"({SOFT}(Uv_{{c}})-o)v_{{c}}^{{\top}}",
                           "outer(soft(U @ v_c) - o, v_c)"),
    "7.1-word2vec, negative sampling, by v_c": (
        lambda: sd.grad(negative, centre),
        rf"U^{{\top}}{SIG}(Uv_{{c}})+({SIG}(u_{{o}}^{{\top}}v_{{c}})-1)u_{{o}}",
        "(sig(u_o @ v_c) - 1) * u_o + U.T @ sig(U @ v_c)"),
    "7.1-word2vec, negative sampling, by u_o": (
        lambda: sd.grad(negative, outside), rf"({SIG}(u_{{o}}^{{\top}}v_{{c}})-1)v_{{c}}",
        "(sig(u_o @ v_c) - 1) * v_c"),
    "7.1-word2vec, negative sampling, by U": (
        lambda: sd.grad(negative, others), rf"{SIG}(Uv_{{c}})v_{{c}}^{{\top}}", "outer(sig(U @ v_c), v_c)"),
    "7.2-local, by h": (lambda: sd.jacobian(unit, h).T, r"W_{hh}^{\top}\operatorname{diag}(1-\tanh^{2}(z))",
                        f"W_hh.T @ diag({LOCAL})"),
    "7.2-local, by W": (lambda: sd.jacobian(unit, W_hh),
                        r"(\operatorname{diag}(1-\tanh^{2}(z))\otimes h^{\top})_{i,(jk)}",
                        f"np.einsum('i,ij,k->ijk', {LOCAL}, eye(m), h)"),
    "7.4-attention, by V": (lambda: sd.grad(back @ (values @ alpha), values), r"g\alpha^{\top}", "outer(g, soft(s))"),
    "7.4-attention, by the scores": (
        lambda: sd.grad(back @ (values @ alpha), s), r"\alpha\odot(V^{\top}g-(g^{\top}V\alpha)\mathbf{1})",
        "soft(s) * (V.T @ g - g @ V @ soft(s))"),
    "7.4-scores, general, by z_q": (lambda: sd.grad(z_q.T @ W_s @ z_k, z_q), "W_{s}z_{k}", "W_s @ z_k"),
    "7.4-scores, general, by z_k": (lambda: sd.grad(z_q.T @ W_s @ z_k, z_k), r"W_{s}^{\top}z_{q}", "W_s.T @ z_q"),
    "7.4-scores, general, by W": (lambda: sd.grad(z_q.T @ W_s @ z_k, W_s), r"z_{q}z_{k}^{\top}", "outer(z_q, z_k)"),
    "7.4-scores, additive, by w": (lambda: sd.grad(additive, w_s), "a", "np.tanh(W_a @ z_q + W_b @ z_k)"),
    "7.4-scores, additive, by z_q": (lambda: sd.grad(additive, z_q), rf"(W_s^a)^{{\top}}{INNER}", f"W_a.T @ {SLOPE}"),
    "7.4-scores, additive, by W": (lambda: sd.grad(additive, W_a), rf"{INNER}z_{{q}}^{{\top}}", f"outer({SLOPE}, z_q)"),
    "7.4-scores, concatenation": (
        lambda: w_s @ sd.tanh(joined @ sd.concat([z_q, z_k])),
        r"w_{s}^{\top}\tanh(\widetilde{W}_s\begin{pmatrix}z_{q}\\z_{k}\end{pmatrix})",
        "w_s @ np.tanh(W_t @ np.concatenate([z_q, z_k]))"),
    "7.5-ln": (lambda: sd.layer_norm(z, gamma, beta, epsilon=epsilon), r"\gamma\odot\operatorname{norm}(z)+\beta",
               f"gamma * {Z_BAR} + beta"),
    "7.5-ln, Jacobian": (lambda: sd.jacobian(sd.hadamard(gamma, z_bar) + beta, z),
                         rf"\frac{{1}}{{\sqrt{{{VARIANCE}+\epsilon}}}}\operatorname{{diag}}(\gamma)"
                         r"(I-\frac{1}{n}\bar{z}\bar{z}^{\top}-\frac{1}{n}\mathbf{1}\mathbf{1}^{\top})",
                         f"diag(gamma) @ (eye(n) - 1 / n - outer({Z_BAR}, {Z_BAR}) / n) / {ROOT}"),
    "7.5-ln, backward": (lambda: sd.grad(g_n @ z_bar, z),
                         rf"\frac{{1}}{{\sqrt{{{VARIANCE}+\epsilon}}}}"
                         r"(g-\frac{1}{n}(\mathbf{1}^{\top}g)\mathbf{1}-\frac{1}{n}(\bar{z}^{\top}g)\bar{z})",
                         f"(g - g.mean() - {Z_BAR} * (g * {Z_BAR}).mean()) / {ROOT}"),
    "7.5-ln, by γ": (lambda: sd.grad(g_n @ (sd.hadamard(gamma, z_bar) + beta), gamma), r"\bar{z}\odot g",
                     f"g * {Z_BAR}"),
    "7.5-ffn, by U": (lambda: sd.grad(feedforward, tokens), r"W^{[1]\top}\bar{Z}",
                      "W1.T @ ((W2.T @ G) * (W1 @ U + b1[:, None] >= 0))"),
    "7.5-ffn, by W2": (lambda: sd.grad(feedforward, W2), r"GA^{\top}", "G @ np.maximum(W1 @ U + b1[:, None], 0).T"),
    "7.5-ffn, by b2": (lambda: sd.grad(feedforward, b2), r"G\mathbf{1}", "G.sum(1)"),
    "7.5-autoreg, temperature": (lambda: sd.softmax(logits / sharpness), rf"{SOFT}(\frac{{1}}{{\mathcal{{T}}}}z)",
                                 "soft(z / tau)"),
}  # fmt: skip

ENTRIES = (
    "onehot embed word2vec | rnn feedback loss bptt local vanish tbptt teacher | birnn stacked lstm lstm-back gru "
    "gru-back | "
    "encdec attention scores decoder train | selfattn matrix attn-back mask mha perm pos-onehot pos-learned pos-sin "
    "ln ffn "
    "block cross decblock encdec autoreg parallel"
)
ELSEWHERE = {
    "7.2-rnn": "tests.structures.test_recurrence_latex:test_a_recurrence_is_its_equation",
    "7.2-loss": "tests.structures.test_recurrence_latex:test_derivation_of_backpropagation_through_time",
    "7.2-bptt": "tests.structures.test_recurrence_catalogue:test_backpropagation_through_time "
    "tests.structures.test_recurrence_latex:test_derivation_of_backpropagation_through_time",
    "7.2-vanish": "tests.structures.test_recurrence_catalogue:test_linearised_adjoint",
    "7.2-tbptt": "tests.structures.test_truncated:test_gradients_are_those_of_a_loop_over_stretches",
    "7.3-birnn": "tests.structures.test_recurrence_catalogue:test_bidirectional",
    "7.3-stacked": "tests.structures.test_recurrence_catalogue:test_stacked "
    "tests.structures.test_recurrence_latex:test_layers_on_layers",
    "7.3-lstm": "tests.structures.test_recurrence_latex:test_long_short_term_memory",
    "7.3-lstm-back": "tests.structures.test_recurrence_catalogue:test_long_short_term_memory "
    "tests.structures.test_recurrence_latex:test_long_short_term_memory",
    "7.3-gru": "tests.structures.test_recurrence_latex:test_gated_recurrent_unit",
    "7.3-gru-back": "tests.structures.test_recurrence_catalogue:test_gated_recurrent_unit "
    "tests.structures.test_recurrence_latex:test_gated_recurrent_unit",
    "7.4-encdec": "tests.structures.test_recurrence_catalogue:test_attention_decoder",
    "7.4-decoder": "tests.structures.test_recurrence_catalogue:test_attention_decoder",
    "7.5-selfattn": "tests.ops.test_attention:test_rows_and_columns",
    "7.5-matrix": "tests.derivation.test_attention:test_six_lines",
    "7.5-attn-back": "tests.ops.test_attention:test_catalogue_7_5_attn_back "
    "tests.derivation.test_attention:test_six_lines",
    "7.5-mask": "tests.ops.test_attention:test_masked_weights_are_exactly_zero_and_nothing_is_nan",
    "7.5-mha": "tests.ops.test_attention:test_the_books_heads",
    "7.5-perm": "tests.ops.test_attention:test_permutation_equivariance",
    "7.5-pos-sin": "tests.ops.test_attention:test_positions",
    "7.5-block": "tests.models.test_transformer:test_blocks",
    "7.5-cross": "tests.models.test_transformer:test_the_code_is_read_by_every_decoder_block",
    "7.5-decblock": "tests.models.test_transformer:test_blocks",
    "7.5-encdec": "tests.models.test_transformer:test_an_encoder_decoder_reverses",
    "7.5-parallel": "tests.models.test_transformer:test_all_places_at_once_equal_one_after_the_other",
}
NO_ROW = {
    "7.2-feedback": "the recurrence of 7.4-decoder, whose step reads what was put out before",
    "7.2-teacher": "which data the decoder reads; 7.4-decoder is trained so",
    "7.4-train": "a sum of losses and a mask of data; the losses' gradients are 7.2-bptt and 3.3-cce",
    "7.5-pos-onehot": "a concatenation with a unit vector: 7.4-scores, concatenation, has its gradient",
    "7.5-pos-learned": "a layer of a network, 5.4-backprop-fc, over 7.5-pos-onehot",
}
OTHER_FORM = {
    "7.1-onehot": "a product with the one-hot vector, for the column that it selects",
    "7.1-embed": "the scatter-add as a product with the matrix of the tokens' one-hot rows",
    "7.2-local": "all units at once, a Kronecker product of diag(σ̇) and hᵀ, for σ̇(z_j) e_j hᵀ of unit j",
    "7.5-ffn": "by the adjoint of the named Z, which the derivation gives",
}
