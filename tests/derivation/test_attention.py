"""The gradient of attention, catalogue 7.5-attn-back: six matrix lines, tokens as columns."""

import symdl as sd

T, m, d, p = sd.dims("T m d p")
LINES = [
    r"\bar{V} = G A^{\top}",
    r"\bar{A} = V^{\top} G",
    r"\bar{S} = A \odot \left(\bar{A} - \mathbf{1} \mathbf{1}^{\top} \left(A \odot \bar{A}\right)\right)",
    r"\bar{Q} = \frac{1}{\sqrt{m}} K \bar{S}",
    r"\bar{K} = \frac{1}{\sqrt{m}} Q \bar{S}^{\top}",
    r"\frac{\partial C}{\partial W_{q}} = \bar{Q} X^{\top}",
    r"\frac{\partial C}{\partial W_{k}} = \bar{K} X^{\top}",
    r"\frac{\partial C}{\partial W_{v}} = \bar{V} X^{\top}",
    r"\frac{\partial C}{\partial X} = W_{k}^{\top} \bar{K} + W_{q}^{\top} \bar{Q} + W_{v}^{\top} \bar{V}",
]


def test_six_lines():
    X, G, M = sd.matrix("X", p, T), sd.matrix("G", d, T), sd.matrix("M", T, T)
    W_q, W_k, W_v = sd.matrix("W_q", m, p), sd.matrix("W_k", m, p), sd.matrix("W_v", d, p)
    Q, K, V = sd.named("Q", W_q @ X), sd.named("K", W_k @ X), sd.named("V", W_v @ X)
    S = sd.named("S", K.T @ Q / sd.sqrt(m) + M)
    U = sd.named("U", V @ sd.named("A", sd.softmax(S, axis=0)))
    found = sd.derivation(sd.sum(sd.hadamard(G, U)), [W_q, W_k, W_v, X]).latex()
    for line in LINES:
        assert f"& {line} &&" in found, line
    causal = sd.attention(Q, K, V, mask="causal", token_axis=1)
    short = sd.derivation(sd.sum(sd.hadamard(G, causal)), [W_q, W_k, W_v, X]).latex()
    for line in LINES[-4:]:
        assert f"& {line} &&" in short, line
    assert r"-\infty & \text{otherwise}" in short


def test_layer_normalisation_prints_its_projection():
    """7.5-ln: one mean and one inner product are taken off, all of it divided by √(σ² + ε)."""
    n = sd.dims("n")
    x, g, epsilon = sd.vector("x", n), sd.vector("g", n), sd.scalar("epsilon", positive=True)
    found = sd.latex(sd.grad(sd.sum(sd.hadamard(g, sd.layer_norm(x, epsilon=epsilon))), x))
    centred = r"x - \frac{1}{n} \left(\mathbf{1}^{\top} x\right) \mathbf{1}"
    variance = rf"\frac{{1}}{{n}} \left\lVert {centred} \right\rVert^{{2}} + \epsilon"
    means = r"g - \frac{1}{n} \left(\mathbf{1}^{\top} g\right) \mathbf{1}"
    share = rf"\frac{{g^{{\top}} \left({centred}\right)}}{{n \left({variance}\right)}}"
    assert found == (rf"\frac{{1}}{{\sqrt{{{variance}}}}} \left({means} - {share} \left({centred}\right)\right)")
