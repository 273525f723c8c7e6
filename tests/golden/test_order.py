"""What counts as the same formula, and what does not."""

import pytest

from tests.golden.order import canonical

SAME = [
    ("a+b-c", "-c + a + b"), (r"\frac{2}{n}a\odot b", r"\frac{2}{n} b \odot a"), (r"\mu d+x", r"x+\mu  d"),
    (r"-a\oslash b\odot d", r"-d\odot a\oslash b"), ("X^{\\top}(a-b)", "X^{\\top}\\left(-b + a\\right)"),
    (r"\begin{pmatrix}a+b&c\end{pmatrix}", r"\begin{pmatrix} b + a & c \end{pmatrix}"), ("|a-b|", "|-b+a|"),
]  # fmt: skip
OTHER = [
    ("a-b", "b-a"), ("AB", "BA"), ("a+b", "ab"), (r"a\oslash b", r"b\oslash a"), ("x^{2}", r"x^{\odot 2}"),
    (r"\begin{pmatrix}a&b\end{pmatrix}", r"\begin{pmatrix}b&a\end{pmatrix}"), ("a=b", "b=a"),
    (r"2a\odot b", r"a\odot b"),
    (r"A b\odot c", r"A c\odot b"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "two"), SAME)
def test_the_same(one, two):
    assert canonical(one) == canonical(two)


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_not_the_same(one, two):
    assert canonical(one) != canonical(two)


def test_parentheses_must_match():
    with pytest.raises(AssertionError):
        canonical("(a+b")
