"""Parentheses: every one that is needed and none that is not."""

import pytest
import sympy

from symdl.expr.declare import matrix, scalar, vector
from symdl.expr.sizes import dims
from symdl.latex import latex
from symdl.ops import elementwise as ew
from symdl.ops import reductions, structure
from tests.katex import katex_error

n, p = dims("n p")
A, B, C = matrix("A", p, p), matrix("B", p, p), matrix("C", p, p)
u, v, w = vector("u", p), vector("v", p), vector("w", p)
W = matrix("W1", p, p, latex="W^{[1]}")
x_1 = vector("x1", p)
c, d = scalar("c"), scalar("d")
h = ew.hadamard

CASES = {
    "sum in a product": (lambda: (A + B) @ (A - C), r"\left(A + B\right) \left(A - C\right)"),
    "product in a sum": (lambda: A @ B + C, r"A B + C"),
    "product in a Hadamard product": (lambda: h(A @ B, C), r"C \odot A B"),
    "Hadamard product in a product": (lambda: A @ h(u, v), r"A \left(u \odot v\right)"),
    "sum in a Hadamard product": (lambda: h(u, v + w), r"u \odot \left(v + w\right)"),
    "quotient of products": (lambda: ew.divide(h(u, v), h(w, x_1)), r"u \odot v \oslash \left(w \odot x_{1}\right)"),
    "quotient by a sum": (lambda: ew.divide(u, v + w), r"u \oslash \left(v + w\right)"),
    "reciprocal": (lambda: ew.divide(1, u), r"1 \oslash u"),
    "minus a sum": (lambda: u - (v + w), r"u - v - w"),
    "minus a Hadamard product": (lambda: u - h(v, w), r"u - v \odot w"),
    "minus in a function": (lambda: ew.exp(-h(u, v)), r"e^{-u \odot v}"),
    "scalar times a sum": (lambda: c * (u + v), r"c \left(u + v\right)"),
    "scalar sum times a vector": (lambda: (c + d) * u, r"\left(c + d\right) u"),
    "scalar times a Hadamard product": (lambda: c * h(u, v), r"c u \odot v"),
    "inner product times a matrix": (lambda: (u.T @ v) * A, r"\left(u^{\top} v\right) A"),
    "two inner products": (lambda: (u.T @ v) * (u.T @ w), r"\left(u^{\top} v\right) \left(u^{\top} w\right)"),
    "power": (lambda: ew.square(u), r"u^{\odot 2}"),
    "power of a sum": (lambda: ew.square(u + v), r"\left(u + v\right)^{\odot 2}"),
    "power of a product": (lambda: ew.square(A @ u), r"\left(A u\right)^{\odot 2}"),
    "power of a function": (lambda: ew.square(ew.tanh(u)), r"\tanh^{2}\left(u\right)"),
    "power of a name with a superscript": (lambda: ew.square(W), r"\left(W^{[1]}\right)^{\odot 2}"),
    "transpose of a name with a superscript": (lambda: W.T @ u, r"W^{[1]\top} u"),
    "transpose of a name with a subscript": (lambda: x_1.T @ u, r"u^{\top} x_{1}"),
    "transpose of a sum": (lambda: (u + v).T @ A, r"\left(u + v\right)^{\top} A"),
    "transpose of a function": (lambda: structure.outer(u, ew.tanh(v)), r"u \tanh\left(v\right)^{\top}"),
    "transpose of an exponential": (lambda: structure.outer(u, ew.exp(v)), r"u \left(e^{v}\right)^{\top}"),
    "transpose of a power": (lambda: structure.outer(u, ew.square(v)), r"u \left(v^{\odot 2}\right)^{\top}"),
    "transpose of a product": (lambda: (A @ B.T @ C).T, r"C^{\top} B A^{\top}"),
    "root": (lambda: ew.sqrt(u + v), r"\sqrt{u + v}"),
    "root of a matrix": (lambda: ew.sqrt(A), r"A^{\odot \frac{1}{2}}"),
    "nested functions": (lambda: ew.log(1 + ew.exp(u)), r"\log\left(1 + e^{u}\right)"),
    "number and matrix": (lambda: A @ (B + 1), r"A \left(B + \mathbf{1} \mathbf{1}^{\top}\right)"),
    "number and matrix, entry by entry": (lambda: h(A, 1 - B), r"A \odot \left(1 - B\right)"),
    "half": (lambda: sympy.Rational(1, 2) * (u + v), r"\frac{1}{2} \left(u + v\right)"),
    "fraction of symbols": (lambda: c / (2 * d) * u, r"\frac{c}{2 d} u"),
    "fraction of expressions": (lambda: u / (1 + reductions.norm(u)), r"\frac{u}{1 + \left\lVert u \right\rVert}"),
    "diagonal of a quotient": (lambda: structure.diag(ew.divide(1, u)) @ A,
                               r"\operatorname{diag}\left(u\right)^{-1} A"),
    "absolute value": (lambda: ew.square(ew.abs(u)), r"\left|u\right|^{\odot 2}"),
    "scalar polynomial": (lambda: (1 - c) ** 2 + 100 * (d - c**2) ** 2,
                          r"\left(1 - c\right)^{2} + 100 \left(d - c^{2}\right)^{2}"),
    "scalar quotient": (lambda: c / (1 + ew.exp(-d)), r"\frac{c}{1 + e^{-d}}"),
    "power of a sum of elements": (lambda: reductions.sum(u) ** 2, r"\left(\mathbf{1}^{\top} u\right)^{2}"),
    "number before a digit": (lambda: 2 * sympy.Float("1e-8") * u, r"2.0 \cdot 10^{-8} u"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_parentheses(name):
    build, expected = CASES[name]
    tex = latex(build())
    assert tex == expected
    assert katex_error(tex) is None
