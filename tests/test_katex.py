"""The formula checker itself: what it must let through and what it must catch."""

import pytest

from tests.katex import katex_error


@pytest.mark.parametrize(
    "tex",
    [
        r"X^{\top} \left(X w - y\right)",
        r"\delta^{[\ell]} = \dot{S}^{[\ell]} \odot {W^{[\ell+1]}}^{\top} \delta^{[\ell+1]}",
        r"\begin{aligned} h^{\langle t\rangle} &= \sigma_{\text{Sig}}(z) \\ &= 0 \end{aligned}",
        r"\begin{cases} 1 & \text{for}\: x > 0 \\ 0 & \text{otherwise} \end{cases}",
        r"\operatorname{diag}(s) - s s^{\top}, \quad \mathbf{1}^{\top} \log\left(1 + e^{- y \odot X w}\right)",
    ],
)
def test_accepts_textbook_formulas(tex):
    assert katex_error(tex) is None
    assert katex_error(tex, display=False) is None


@pytest.mark.parametrize(
    ("tex", "reason"),
    [
        (r"\frac{a}{", "Unexpected end of input"),
        (r"\softmax x", "Undefined control sequence"),
        (r"a^b^c", "Double superscript"),
        (r"\left( x", "Expected"),
        (r"W_1_2", "Double subscript"),
    ],
)
def test_names_what_is_wrong(tex, reason):
    assert reason in katex_error(tex)
