"""SymPy's indexed notation against NumPy: bounds, guards, indices used as numbers, and what is refused."""

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.errors import ExpressionError, InputError, ShapeError
from symdl.interpret import evaluate
from tests.property.oracle import assert_gradient

n, m, p = sd.dims("n m p")
i, j, k = sp.symbols("i j k", integer=True)
x, y = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("y", shape=(n,))
A, B = sp.IndexedBase("A", shape=(n, p)), sp.IndexedBase("B", shape=(n, n))
c = sp.Symbol("c", real=True)
rng = np.random.default_rng(0)
VALUES = {
    "x": rng.standard_normal(4), "y": rng.standard_normal(4), "A": rng.standard_normal((4, 3)),
    "B": rng.standard_normal((4, 4)), "c": 0.7,
}  # fmt: skip
X0 = x[0]
X, Y, P, Q = (VALUES[name] for name in "xyAB")
SIZES = {"n": 4, "p": 3, "m": 2}
R = range(4)
delta, free = sp.KroneckerDelta, sp.IndexedBase("x")
I, J = sp.Idx("i", n), sp.Idx("j", p)

CASES = {
    "triangle": (sp.Sum(x[i] * x[j], (j, 0, i), (i, 0, n - 1)), sum(X[a] * X[b] for a in R for b in range(a + 1)), x),
    "triangle without elements": (sp.Sum(c * j, (j, 0, i), (i, 0, n - 1)), 0.7 * 10, c),
    "triangle from below": (sp.Sum(B[i, j], (j, i, n - 1), (i, 0, n - 1)), np.triu(Q).sum(), B),
    "triangular product": (sp.Product(x[j] + 2, (j, 0, i), (i, 0, n - 1)), np.prod((X + 2) ** [4, 3, 2, 1]), x),
    "one index twice, nested": (sp.Sum(y[i] * sp.Sum(x[i], (i, 0, n - 1)), (i, 1, n - 1)), Y[1:].sum() * X.sum(), x),
    "and the other way": (sp.Sum(y[i] * sp.Sum(x[i + 1], (i, 0, n - 2)), (i, 0, n - 1)), Y.sum() * X[1:].sum(), x),
    "index as a number": (sp.Sum(i * x[i - 1] ** 2, (i, 1, n)), (np.arange(1, 5) * X**2).sum(), x),
    "index as an exponent": (sp.Sum(x[i] ** i, (i, 0, n - 1)), (X ** np.arange(4)).sum(), x),
    "differences": (sp.Sum((x[i + 1] - x[i]) ** 2, (i, 0, n - 2)), (np.diff(X) ** 2).sum(), x),
    "backwards": (sp.Sum(x[n - 1 - i] * y[i], (i, 0, n - 1)), (X[::-1] * Y).sum(), x),
    "negative bounds": (sp.Sum(x[-i] * i, (i, -n + 1, 0)), -(X * np.arange(4)).sum(), x),
    "delta, two lengths": (sp.Sum(delta(i, j) * x[i] * y[i], (j, 0, p - 1), (i, 0, n - 1)), (X * Y)[:3].sum(), x),
    "shifted delta": (sp.Sum(delta(i, j + 1) * x[i] * y[j], (j, 0, n - 1), (i, 0, n - 1)), (X[1:] * Y[:-1]).sum(), x),
    "guard": (sp.Sum(sp.Piecewise((x[i - 1] * y[i], i >= 1), (y[i], True)), (i, 0, n - 1)), Y[0] + X[:-1] @ Y[1:], x),
    "guard by two indices": (
        sp.Sum(sp.Piecewise((x[i - j], j <= i), (0, True)), (i, 0, n - 1), (j, 0, p - 1)),
        sum(X[a - b] for a in R for b in range(min(a + 1, 3))), x),
    "guarded sum": (
        sp.Sum(sp.exp(x[i]) * sp.Piecewise((sp.Sum(A[i - 1, k] ** 2, (k, 0, p - 1)), i >= 1), (y[i], True)),
               (i, 0, n - 1)),
        sum((Y[0] if a == 0 else (P[a - 1] ** 2).sum()) * np.exp(X[a]) for a in R), A),
    "otherwise": (
        sp.Sum(sp.Piecewise((y[i], i < 1), (x[i - 1], True)), (i, 0, n - 1)), Y[0] + X[:-1].sum(), x),
    "half": (sp.Sum(x[sp.floor(i / 2)] * y[i], (i, 0, n - 1)), sum(X[a // 2] * Y[a] for a in R), x),
    "diagonal": (sp.Sum(B[i, i] * x[i], (i, 0, n - 1)), (np.diag(Q) * X).sum(), B),
    "Idx": (sp.Sum(free[I] * sp.IndexedBase("A")[I, J], I, J), (X[:, None] * P).sum(), A),
    "Idx, nested": (sp.Sum(x[I] * sp.Sum(A[I, J], J), I), (X * P.sum(1)).sum(), A),
    "empty": (sp.Sum(A[i, j], (j, 3, p - 1), (i, 0, n - 1)), 0.0, A),
    "constant": (sp.Sum(c, (i, 0, n - 1)) + c * sp.Product(c, (i, 0, n - 1)), 2.8 + 0.7**5, c),
    "maximum": (sp.Max(x[0], x[1], 2 * x[2]), max(X[0], X[1], 2 * X[2]), x),
    "root": (sp.sqrt(sp.Sum(x[i] ** 2, (i, 0, n - 1))), np.linalg.norm(X), x),
    "power": (sp.Sum(sp.exp(x[i]) ** c, (i, 0, n - 1)), np.exp(0.7 * X).sum(), c),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    expr, expected, variable = CASES[name]
    np.testing.assert_allclose(evaluate(expr, VALUES, SIZES), expected, rtol=1e-12)
    np.testing.assert_allclose(float(evaluate(expr, VALUES, SIZES, precision=30)[()]), expected, rtol=1e-12)
    assert_gradient(expr, variable, sizes=SIZES, arrays=VALUES)


def test_array_of_a_formula():
    formula = sd.array(sp.Piecewise((x[i - 1] * A[i, j], i >= 1), (c, True)), (i, n), (j, p))
    expected = np.vstack([np.full(3, 0.7), X[:-1, None] * P[1:]])
    np.testing.assert_allclose(evaluate(formula, VALUES, SIZES), expected)


REFUSED = {
    "one-based": (sp.Sum(x[i], (i, 1, n)), "its index runs from 1 to n, but the axis has size n"),
    "stride": (sp.Sum(x[2 * i], (i, 0, n - 1)), "its index runs from 0 to 2*n - 2"),
    "no condition": (sp.Sum(x[i - 1], (i, 0, n - 1)), "or a Piecewise condition on the index"),
    "wrong condition": (sp.Sum(sp.Piecewise((x[i - 1], i >= 0), (0, True)), (i, 0, n - 1)), "runs from -1 to n - 2"),
    "product of indices": (sp.Sum(B[i, j * i], (i, 0, n - 1), (j, 0, n - 1)), "its index i*j is not certain"),
    "unknown remainder": (sp.Sum(x[sp.Mod(i, 2)], (i, 0, n - 1)), "its index Mod(i, 2) is not certain to be inside"),
    "inside a function": (sp.exp(sp.Sum(x[i + 1], (i, 0, n - 1))), "its index runs from 1 to n"),
    "in a nested sum": (sp.Sum(sp.Sum(A[i, j], (j, 0, n - 1)), (i, 0, n - 1)), "but the axis has size p"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_leaving_an_axis(name):
    expr, text = REFUSED[name]
    with pytest.raises(ShapeError) as caught:
        evaluate(expr, VALUES, SIZES)
    assert text in str(caught.value)


def test_array_leaving_an_axis():
    with pytest.raises(ShapeError, match=r"x\[i \+ 1\] in x\[i \+ 1\]: its index runs from 1 to n"):
        sd.array(x[i + 1], (i, n))


def test_bounds_that_mean_nothing():
    with pytest.raises(ExpressionError, match="index i is bound twice"):
        evaluate(sp.Sum(x[i], (i, 0, n - 1), (i, 0, n - 1)), VALUES, SIZES)
    with pytest.raises(ExpressionError, match="infinite bounds have no kernel"):
        evaluate(sp.Sum(c**i, (i, 0, sp.oo)), VALUES, SIZES)
    with pytest.raises(ExpressionError, match=r"bound i\*\*2 is not linear in index i"):
        evaluate(sp.Sum(j * c, (j, 0, i**2), (i, 0, n - 1)), VALUES, SIZES)


def test_a_piecewise_that_sympy_moved_out_of_its_sum():
    inner = sp.Sum(sp.Piecewise((A[i, j], A[i, j] < 0), (0, True)), (j, 0, p - 1))
    with pytest.raises(ExpressionError, match="index j is used outside of the sum over it"):
        evaluate(sp.Sum(sp.cos(inner), (i, 0, n - 1)), VALUES, SIZES)


def test_fixed_places():
    with pytest.raises(ShapeError, match="x: index n is out of range for an axis of size n"):
        sd.vector("x", n)[n]
    with pytest.raises(InputError, match="leaves the axis of size 4"):
        evaluate(x[4], VALUES, SIZES)
    with pytest.raises(InputError, match="leaves x of shape"):
        evaluate(x[4], VALUES, SIZES, precision=20)


def test_conditions_that_sympy_nests():
    inner = sp.Piecewise((X0**2, X0 > 0), (sp.sin(X0), True))
    expr = sp.Piecewise((1, sp.Xor(inner > 1, c > 0)), (2, True)) + sp.Piecewise(
        (1, inner > sp.Rational(1, 3)), (2, True)
    )
    for value in (0.5, 1.5, -0.5):
        own = value**2 if value > 0 else np.sin(value)
        expected = (1 if (own > 1) != (0.7 > 0) else 2) + (1 if own > 1 / 3 else 2)
        assert evaluate(expr, {**VALUES, "x": [value, 0, 0, 0]}, SIZES) == expected
