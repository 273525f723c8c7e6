"""``sd.check``: agrees with right derivatives, finds wrong ones, and says what it did."""

import sys

import mpmath
import numpy as np
import pytest
import sympy as sp
from sympy import S

import symdl as sd
from symdl.errors import DerivationError, InputError, InternalError
from symdl.expr.nodes import pointwise
from symdl.expr.scalar import ScalarOp

n, p = sd.dims("n p")
X, w, y = sd.matrix("X", n, p), sd.vector("w", p), sd.vector("y", n)
A, B = sp.MatrixSymbol("A", n, p), sp.MatrixSymbol("B", p, n)
i = sp.Symbol("i", integer=True)
x = sp.IndexedBase("x", shape=(n,))


class WrongTanh(ScalarOp):
    """Says that the derivative of tanh(x) is 1 - tanh(x)."""

    @classmethod
    def eval(cls, x):
        return None

    def derivative(self, position):
        return 1 - self

    @staticmethod
    def reference(x):
        return np.tanh(x)

    @staticmethod
    def precise(x):
        return mpmath.tanh(x)


class ForgottenTanh(WrongTanh):
    """Says that the derivative of tanh(x) is 0."""

    def derivative(self, position):
        return S.Zero


class WrongSquare(WrongTanh):
    """Says that the derivative of tanh(x) is 1, so that the second one vanishes; the first is right in no place."""

    def derivative(self, position):
        return ForgottenTanh(self.args[0])


RIGHT = {
    "logistic loss": (sd.sum(sd.log(1 + sd.exp(-sd.hadamard(y, X @ w)))), {"n": 5, "p": 3}),
    "SymPy matrices": (sp.Trace(A * B * A * B), {}),
    "indexed": (sp.Sum(sp.sin(x[i]) * x[n - 1 - i], (i, 0, n - 1)), {n: 4}),
    "a tensor": (sd.softmax(X, axis=1), {}),
    "a scalar": (sd.exp(sd.scalar("c")) * sd.sum(w) ** 2, {}),
    "symmetric": (y.T @ sd.matrix("M", n, n, symmetric=True) @ sd.tanh(y), {}),
    "simplex": (-sd.sum(sd.hadamard(sd.vector("s", n, simplex=True), sd.log(sd.softmax(y)))), {}),
    "kinks, far away": (sd.sum(sd.relu(X @ w)) + sd.max(w), {}),
    "recurrence": (sd.sum(sd.recurrence(lambda t, h: sd.tanh(X[t] + h), w, n)), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives(name):
    f, sizes = RIGHT[name]
    report = sd.check(f, sizes=sizes)
    assert report.ok, str(report)
    assert report
    assert {"reverse mode", "forward mode", "differences, 50 digits"} <= {row.against for row in report.rows}
    assert any(row.derivative.startswith("Hessian") for row in report.rows)


def test_a_wrong_derivative_fails():
    report = sd.check(sd.sum(pointwise(WrongTanh, w)), sizes={p: 3})
    assert not report.ok
    found = {row.against for row in report.failures}
    assert {"differences, 50 digits", "differences, float64", "complex step"} <= found
    assert "reverse mode" not in found  # both modes believe the op
    assert "FAILED" in str(report)


def test_a_wrong_simplification_fails(monkeypatch):
    """Rules that are off by little, or only in their sign, are found by the identity test."""
    module = sys.modules["symdl.simplify.simplify"]
    right = module.simplify_reduce
    f = sd.sum(sd.tanh(X @ w))
    assert sd.check(f).ok
    for factor in (-1, 1 + sp.Rational(1, 10**30)):

        def wrong(*arguments, factor=factor):
            return factor * right(*arguments)

        monkeypatch.setattr(module, "simplify_reduce", wrong)
        report = sd.check(f, seed=2, second_order=False)
        assert "identity, 50 digits" in {row.against for row in report.failures}, str(report)


def test_a_silent_zero_is_an_internal_error():
    with pytest.raises(InternalError, match="with respect to w simplifies to 0, but differences"):
        sd.check(sd.sum(pointwise(ForgottenTanh, w)), sizes={p: 3})


def test_a_true_zero_is_none():
    s = sd.vector("s", n, simplex=True)
    assert sd.check(sd.sum(s) * sd.sum(sd.tanh(w)), wrt=[w]).ok
    assert sd.check(sd.sum(sd.softmax(w)) + sd.sum(s), wrt=[w]).ok


def test_kinks_are_reported():
    report = sd.check(sd.sum(sd.relu(w)), values={"w": [0.0, 1.0, -1.0]})
    assert report.ok
    assert next(row.remark for row in report.rows if row.against.startswith("differences")) == "kink"
    assert "kinks at these inputs: relu (distance 0e+00; relu'(0) = 1)" in str(report)
    report = sd.check(sd.sum(sd.relu(w, at_zero=0)) + sd.max(w), values={"w": [0.0, 1.0, 1.0]}, second_order=False)
    assert "relu'(0) = 0" in str(report)
    assert "max (distance 0e+00; of equally large entries the first has derivative 1)" in str(report)


def test_values_and_sizes():
    report = sd.check(sd.sum(sd.tanh(X @ w)), values={"X": np.ones((2, 3))})
    assert report.sizes == {"n": 2, "p": 3}
    assert sd.check(sd.sum(sd.tanh(X @ w)), sizes={n: 1}).sizes["n"] == 1


def test_the_table():
    report = sd.check(sd.sum(sd.tanh(w)), wrt=w, sizes={p: 2}, second_order=False)
    lines = str(report).splitlines()
    assert lines[0] == "6 comparisons of derivatives with p = 2: all agree"
    assert lines[1].split() == ["variable", "derivative", "against", "error", "allowed"]
    assert len(lines) == 3 + len(report.rows)
    assert "<table>" in report._repr_html_()


def test_what_it_does_not_depend_on():
    with pytest.raises(DerivationError, match="check: the expression does not depend on y"):
        sd.check(sd.sum(w), wrt=[y])


def test_names_that_do_not_occur_are_refused():
    with pytest.raises(InputError, match="check: sizes: q does not occur in the expression; expected some of p"):
        sd.check(sd.sum(w), sizes={"q": 2})
    with pytest.raises(InputError, match="check: values: v does not occur in the expression; expected some of w"):
        sd.check(sd.sum(w), values={"v": [1.0]})


def test_the_same_seed_gives_the_same_report():
    f = sd.sum(sd.tanh(X @ w))
    assert str(sd.check(f, seed=3)) == str(sd.check(f, seed=3))


def test_a_silent_zero_is_refused_where_it_arises():
    with pytest.raises(InternalError, match="grad: the derivative with respect to w simplifies to 0, but differences"):
        sd.grad(sd.sum(pointwise(ForgottenTanh, w)), w)
    with pytest.raises(InternalError, match="hessian: the derivative"):
        sd.hessian(sd.sum(pointwise(lambda x: WrongSquare(x), w)), w)


def test_true_zeros_are_none():
    assert sd.grad(sd.sum(sd.softmax(w)), w).body == 0
    assert sd.grad(sd.sum(sd.floor(w)), w).body == 0
    assert sd.grad(sd.sum(sd.stop_gradient(w)), w).body == 0
    assert sd.grad(sd.sum(sd.vector("s", n, simplex=True)), sd.vector("s", n, simplex=True)) is not None
