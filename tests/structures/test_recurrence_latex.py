"""Recurrences and backpropagation through time print as in book §7.2 and §7.3; the expected text is the catalogue's."""

import pytest

import symdl as sd
from symdl.models.recurrent import gru, lstm, rnn
from tests.katex import katex_error

T, m, p, q = sd.dims("T m p q")
x, target = sd.matrix("x", T, p), sd.matrix("y", T, m)
W_hh, W_hx = sd.matrix("W_hh", m, m, latex="W_{hh}"), sd.matrix("W_hx", m, p, latex="W_{hx}")
W_yh, b_h, b_y = sd.matrix("W_yh", q, m, latex="W_{yh}"), sd.vector("b_h", m), sd.vector("b_y", q)
h0 = sd.vector("h_0", m)
y = sd.matrix("y", T, q, one_hot=True)

NOW, BEFORE, NEXT = r"\langle t \rangle", r"\langle t-1 \rangle", r"\langle t+1 \rangle"
H = rf"h^{{{NOW}}} &= \tanh\left(W_{{hh}} h^{{{BEFORE}}} + W_{{hx}} x^{{{NOW}}} + b_{{h}}\right)"
START, END = r"h^{\langle 0 \rangle} = 0", r"\delta^{\langle T+1 \rangle} = 0"


def simple(start=None):
    first = sd.zeros(m) if start is None else start
    return sd.recurrence(lambda t, h: sd.tanh(W_hh @ h + W_hx @ x[t] + b_h), first, T, names="h")


def loss_of(h):
    y_hat = sd.named("y_hat", sd.softmax(h @ W_yh.T + sd.broadcast(b_y, (T, q)), axis=1), latex=r"\hat{y}")
    return -sd.sum(sd.hadamard(y, sd.log(y_hat))) / T


def aligned(*rows):
    return r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"


def steps(derivation):
    return {step.left: step.right for step in derivation.steps}


def test_a_recurrence_is_its_equation():
    assert sd.latex(simple()) == aligned(rf"{H}, \quad {START}")
    assert sd.latex(simple(h0)) == aligned(rf"{H}, \quad h^{{\langle 0 \rangle}} = h_{{0}}")


def test_a_reversed_recurrence_starts_at_the_end():
    h = sd.recurrence(lambda t, h: sd.tanh(W_hh @ h), h0, T, names="h", reverse=True)
    right = rf"\tanh\left(W_{{hh}} h^{{{NEXT}}}\right), \quad h^{{\langle T+1 \rangle}} = h_{{0}}"
    assert sd.latex(h) == aligned(rf"h^{{{NOW}}} &= {right}")


def test_gradients_are_sums_of_outer_products():
    f = sd.sum(sd.square(simple() - target)) / 2
    zeta = rf"\zeta^{{{NOW}}} &= W_{{hh}}^{{\top}} \delta^{{{NEXT}}} + h^{{{NOW}}} - y^{{{NOW}}}"
    power = rf"\left(h^{{{NOW}}}\right)^{{\odot 2}}"
    delta = rf"\delta^{{{NOW}}} &= \zeta^{{{NOW}}} \odot \left(1 - {power}\right), \quad {END}"
    sums = {
        W_hh: rf"\sum_{{t=1}}^{{T}} \delta^{{{NOW}}} h^{{{BEFORE}\top}}",
        W_hx: rf"\sum_{{t=1}}^{{T}} \delta^{{{NOW}}} x^{{{NOW}\top}}",
        b_h: rf"\sum_{{t=1}}^{{T}} \delta^{{{NOW}}}",
        x: rf"W_{{hx}}^{{\top}} \delta^{{{NOW}}}",
    }
    for variable, expected in sums.items():
        text = sd.latex(sd.grad(f, variable))
        assert text == aligned(f"& {expected}", rf"{H}, \quad {START}", zeta, delta)
        assert katex_error(text) is None


def test_derivation_of_backpropagation_through_time():
    """7.2-bptt: e⟨t⟩ = (ŷ⟨t⟩ - y⟨t⟩)/T, ζ⟨t⟩ = W_yhᵀ e⟨t⟩ + W_hhᵀ δ⟨t+1⟩, δ⟨t⟩ = σ̇ ⊙ ζ⟨t⟩, δ⟨T+1⟩ = 0."""
    derivation = sd.derivation(loss_of(simple()), [W_hh, W_hx, b_h, W_yh, b_y])
    assert katex_error(derivation.latex()) is None
    text = derivation.text()
    for line in (
        "h⟨t⟩     = tanh(Wₕₕ h⟨t−1⟩ + Wₕₓ x⟨t⟩ + bₕ)",
        "ŷ⟨t⟩     = S_Softmax(W_yh h⟨t⟩ + b_y)",
        "h⟨0⟩     = 0",
        "ζ⟨t⟩     = Wₕₕᵀ δ⟨t+1⟩ + 1/T W_yhᵀ (ŷ⟨t⟩ − y⟨t⟩)",
        "δ⟨t⟩     = ζ⟨t⟩ ⊙ (1 − (h⟨t⟩)⊙²)",
        "δ⟨T+1⟩   = 0",
        "∂C/∂Wₕₕ  = Σₜ₌₁ᵀ δ⟨t⟩ h⟨t−1⟩ᵀ",
        "∂C/∂Wₕₓ  = Σₜ₌₁ᵀ δ⟨t⟩ x⟨t⟩ᵀ",
        "∂C/∂bₕ   = Σₜ₌₁ᵀ δ⟨t⟩",
        "∂C/∂W_yh = Σₜ₌₁ᵀ 1/T (ŷ⟨t⟩ − y⟨t⟩) h⟨t⟩ᵀ",
        "∂C/∂b_y  = Σₜ₌₁ᵀ 1/T (ŷ⟨t⟩ − y⟨t⟩)",
    ):
        assert line in text, text
    assert "for t = T, …, 1" in text


def test_long_short_term_memory():
    """7.3-lstm-back."""
    layer = lstm(x, m)
    derivation = sd.derivation(sd.sum(sd.square(layer.h - target)) / 2, list(layer.parameters[:2]))
    assert katex_error(derivation.latex()) is None
    text = derivation.text()
    for line in (
        "= c̃⟨t⟩ ⊙ gᵢ⟨t⟩ + c⟨t−1⟩ ⊙ g_f⟨t⟩",
        "= gₒ⟨t⟩ ⊙ tanh(c⟨t⟩)",
        "= W_(c̃ h)ᵀ δ_(c̃)⟨t+1⟩ + W_fhᵀ δ_f⟨t+1⟩ + Wᵢₕᵀ δᵢ⟨t+1⟩ + Wₒₕᵀ δₒ⟨t+1⟩ + h⟨t⟩ − y⟨t⟩",
        "= ζ_c⟨t+1⟩ ⊙ g_f⟨t+1⟩ + ζₕ⟨t⟩ ⊙ gₒ⟨t⟩ ⊙ (1 − tanh²(c⟨t⟩))",
        "= ζ_c⟨t⟩ ⊙ c⟨t−1⟩ ⊙ g_f⟨t⟩ ⊙ (1 − g_f⟨t⟩)",
        "= c̃⟨t⟩ ⊙ ζ_c⟨t⟩ ⊙ gᵢ⟨t⟩ ⊙ (1 − gᵢ⟨t⟩)",
        "= ζₕ⟨t⟩ ⊙ gₒ⟨t⟩ ⊙ tanh(c⟨t⟩) ⊙ (1 − gₒ⟨t⟩)",
        "= ζ_c⟨t⟩ ⊙ gᵢ⟨t⟩ ⊙ (1 − (c̃⟨t⟩)⊙²)",
        "= Σₜ₌₁ᵀ δ_f⟨t⟩ h⟨t−1⟩ᵀ",
        "= Σₜ₌₁ᵀ δ_f⟨t⟩ x⟨t⟩ᵀ",
    ):
        assert line in text, text


def test_gated_recurrent_unit():
    """7.3-gru-back, with ν⟨t⟩ = W_h̃hᵀ δ_h̃⟨t⟩."""
    layer = gru(x, m)
    derivation = sd.derivation(sd.sum(sd.square(layer.h - target)) / 2, list(layer.parameters[-3:-2]))
    assert katex_error(derivation.latex()) is None
    text = derivation.text()
    for line in (
        "ν⟨t⟩      ",
        "= ζ⟨t⟩ ⊙ gᵤ⟨t⟩ ⊙ (1 − (h̃⟨t⟩)⊙²)",
        "= ν⟨t⟩ ⊙ gᵣ⟨t⟩ ⊙ h⟨t−1⟩ ⊙ (1 − gᵣ⟨t⟩)",
        "ν⟨t+1⟩ ⊙ gᵣ⟨t+1⟩ + ζ⟨t+1⟩ ⊙ (1 − gᵤ⟨t+1⟩)",
        "= Σₜ₌₁ᵀ δ_(h̃)⟨t⟩ (gᵣ⟨t⟩ ⊙ h⟨t−1⟩)ᵀ",
    ):
        assert line in text, text


def test_layers_on_layers():
    """7.3-stacked, (7.15): ζ of the lower layer receives from the next time and from the layer above."""
    first = rnn(x, m, "1")
    second = rnn(first.h, m, "2")
    derivation = sd.derivation(sd.sum(sd.square(second.h - target)) / 2, first.parameters[0])
    found = steps(derivation)
    lower = found[rf"\zeta_{{1}}^{{{NOW}}}"]
    assert rf"\delta_{{1}}^{{{NEXT}}}" in lower
    assert rf"W_{{hx}}^{{2\top}} \left(\zeta_{{2}}^{{{NOW}}} \odot" in lower
    assert katex_error(derivation.latex()) is None


@pytest.mark.parametrize("notation", ["matrix", "index"])
def test_second_derivatives_parse(notation):
    f = sd.sum(sd.square(simple() - target))
    assert katex_error(sd.latex(sd.hvp(f, b_h, sd.vector("v", m)), notation)) is None


def test_the_last_state_alone():
    found = steps(sd.derivation(sd.norm(simple()[T - 1]) ** 2 / 2, W_hh))
    assert found["C"] == r"\frac{1}{2} \left\lVert h^{\langle T \rangle} \right\rVert^{2}"
    assert r"\mathbf{1}\left\{t = T\right\} h^{\langle T \rangle}" in found[rf"\zeta^{{{NOW}}}"]


def test_a_product_inside_an_inverse():
    A, X, H = sd.matrix("A", m, m), sd.tensor("x", (T, m, m)), sd.matrix("H", m, m)
    h = sd.recurrence(lambda t, h: sd.inv(A @ h + X[t]), H, T, names="h")
    row = rf"h^{{{NOW}}} &= \left(A h^{{{BEFORE}}} + x^{{{NOW}}}\right)^{{-1}}, \quad h^{{\langle 0 \rangle}} = H"
    assert sd.latex(h) == aligned(row)
    sums = sd.recurrence(lambda t, h: sd.inv(sd.eye(m) * sd.sum(X) + h), H, T)  # over all times, inside of the inverse
    assert katex_error(sd.latex(sd.grad(sd.sum(sums), X))) is None
