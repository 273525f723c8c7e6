"""LaTeX read back into Unicode."""

import pytest

from symdl.derivation import plain, plain_rows, plain_text
from symdl.derivation.plain import width


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"W^{[1]\top} \delta^{[\ell]}", "W[1]ᵀ δ[ℓ]"),
        (r"a^{[\ell - 1]\top}", "a[ℓ−1]ᵀ"),
        (r"\left(a^{[1]}\right)^{\odot 2}", "(a[1])⊙²"),
        (r"\frac{1}{2} \left\lVert u \right\rVert_{F}^{2}", "½ ‖u‖_F²"),
        (r"\frac{\partial^{2} C}{\partial w \partial w^{\top}}", "∂²C/∂w ∂wᵀ"),
        (r"\frac{a + b}{c}", "(a + b)/c"),
        (r"\sigma_{\mathrm{Sig}}\left(X w\right)", "σ_Sig(X w)"),
        (r"\operatorname{diag}\left(v\right)", "diag(v)"),
        (r"\bar{u}_{12}", "ū₁₂"),
        (r"\hat{y}^{\top}", "ŷᵀ"),
        (r"\sum_{i=1}^{n} x_{ij}", "Σᵢ₌₁ⁿ xᵢⱼ"),
        (r"e^{-x}", "e^(−x)"),
        (r"e^{x}", "e^x"),
        (r"x^{-1}", "x⁻¹"),
        (r"\theta^{(t)}", "θ^(t)"),
        (r"\sqrt{x}", "√x"),
        (r"\sqrt{x + 1}", "√(x + 1)"),
        (r"\mathbf{1}\left\{u \geq 0\right\}", "𝟏{u ≥ 0}"),
        (r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}", "{x if x > 0; 0 otherwise}"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "(a, b; c, d)"),
        (r"\begin{cases} 1 & \text{if } Z_{s_{i}, j} \geq 0 \\ a_{i, j} & \text{otherwise} \end{cases}",
         "{1 if Z_(sᵢ, j) ≥ 0; aᵢ,ⱼ otherwise}"),
        (r"\operatorname{rot}_{180} K, \mathord{\uparrow}_{2} b", "rot₁₈₀ K, ↑₂ b"),
        (r"\log\varsigma^2", "logς²"),
        (r"\unknown x", "unknown x"),
    ],
)  # fmt: skip
def test_formulas(latex, expected):
    assert plain(latex) == expected


def test_prose_with_formulas():
    assert plain_text(r"chain rule through $z^{[1]}$, $\hat{y}$") == "chain rule through z[1], ŷ"


def test_rows_of_an_aligned_block():
    block = "\\begin{aligned}\nv &\\leftarrow \\beta v \\\\\n\\theta &= 1\n\\end{aligned}"
    assert plain_rows(block) == ["v ← β v", "θ = 1"]


def test_accents_take_no_column():
    assert width(plain(r"\bar{\hat{y}}")) == 1
    assert width("abc") == 3
