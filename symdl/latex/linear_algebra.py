r"""Linear algebra in matrix notation: A^{-1}, A^{-\top}, A^{-1} B for a solution, \det(A), chol(A), λ(A), σ(A)."""

from collections.abc import Callable

from sympy import Integer

from symdl.expr.calls import Call
from symdl.latex.algebra import cost, matmul, scale, split, transpose
from symdl.latex.forms import Form, Inverse, Operator

SYMBOLS = {
    ("determinant", 0): r"\det",
    ("logdet", 0): r"\log\det",
    ("cholesky", 0): r"\operatorname{chol}",
    ("eigh", 0): r"\boldsymbol{\lambda}",
    ("eigh", 1): r"\mathbf{V}",
    ("svd", 0): r"\mathbf{U}",
    ("svd", 1): r"\boldsymbol{\sigma}",
    ("svd", 2): r"\mathbf{V}",
}


def call_form(call: Call, operand: Callable[[int], Form]) -> Form:
    """Return the form of the whole result of a call without a batch; ``operand`` gives the forms of its operands."""
    if call.op == "inverse":
        return inverse(operand(0))
    if call.op == "solve":
        return matmul(inverse(operand(0)), operand(1))
    shape = (*call.result_shape, Integer(1), Integer(1))
    return Operator((shape[0], shape[1]), SYMBOLS[call.op, call.which], call.op, call.which, operand(0))


def inverse(form: Form) -> Form:
    """Return the inverse of a square matrix; a scalar factor goes in front, a transpose outside."""
    number, num, den, rest = split(form)
    if rest is None:
        return scale(1 / number, den, num)
    if isinstance(rest, Inverse):
        return scale(1 / number, den, num, rest.arg)
    turned = transpose(rest)
    if cost(turned) < cost(rest):
        return scale(1 / number, den, num, transpose(Inverse(turned)))
    return scale(1 / number, den, num, Inverse(rest))


__all__ = ["SYMBOLS", "call_form", "inverse"]
