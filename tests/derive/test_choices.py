"""Derivatives of what chooses: largest and smallest entries, ties, products with zeros, conditions, kinks."""

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.calculus import adjoints, jacobian_forward
from symdl.expr.ingest import as_scalar
from symdl.interpret import evaluate
from tests.property.oracle import assert_gradient, inputs

SIZES = {"n": 5, "p": 3}
n, p = sd.dims("n p")
x, y, X = sd.vector("x", n), sd.vector("y", n), sd.matrix("X", n, p)
q = sd.scalar("q", positive=True)

CASES = {
    "largest": (sd.max(x) * sd.sum(x), [x]),
    "smallest per row": (sd.sum(sd.exp(sd.min(X, axis=1))), [X]),
    "largest of a formula": (sd.max(sd.hadamard(x, y) + 2 * sd.hadamard(x, x) - x), [x, y]),
    "largest of a formula that expands": (sd.sum(sd.max(sd.square(X + q) * q - sd.square(X * 2 + 1), axis=1)), [X, q]),
    "largest of sums": (sd.max(X @ X.T @ y), [X, y]),
    "largest of a quotient": (sd.max(sd.divide(X @ X.T @ y, 1 + sd.square(y))), [X, y]),
    "largest softmax": (sd.max(sd.softmax(x)) + sd.max(sd.log_softmax(x)), [x]),
    "largest of largest": (sd.max(sd.max(X, axis=0)) * sd.min(sd.max(X, axis=1)), [X]),
    "range": (sd.max(x) - sd.min(x), [x]),
    "product": (sd.prod(sd.tanh(x) + y), [x, y]),
    "products per column": (sd.sum(sd.log(1 + sd.square(sd.prod(X, axis=0)))), [X]),
    "products of all": (sd.prod(X) * q, [X, q]),
    "pairs": (sd.sum(sd.maximum(x, sd.hadamard(x, y)) + sd.minimum(y, q)), [x, y, q]),
    "condition": (sd.sum(sd.where(sd.greater(x, y), sd.exp(x), sd.hadamard(x, y))), [x, y]),
    "nested conditions": (
        sd.sum(sd.where(sd.greater(x, 0), sd.where(sd.less(y, x), sd.sin(x), y), sd.square(x + y))), [x, y]),
    "safe branch": (sd.sum(sd.where(sd.greater(x, 0), sd.log(sd.maximum(x, sp.Rational(1, 10))), x)), [x]),
    "kinks": (sd.sum(sd.abs(x) + sd.relu(x - y) + sd.leaky_relu(y, sp.Rational(1, 5)) + sd.elu(x)), [x, y]),
    "hinge": (sd.sum(sd.maximum(0, 1 - sd.hadamard(y, X @ X.T @ x))), [x, X]),
    "norm of a part": (sd.norm(x[1:2]) * sd.norm(x[2:]), [x]),
    "argmax is a constant": (sd.sum(sd.argmax(X, axis=1) * 1.0) + sd.sum(X), [X]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [1, 2])
def test_gradient(name, seed):
    f, variables = CASES[name]
    assert_gradient(f, *variables, sizes=SIZES, seed=seed)


@pytest.mark.parametrize("name", CASES)
def test_second_order(name):
    f, variables = CASES[name]
    sizes = {n: 3, p: 2} if X in variables else {n: 3}
    assert sd.check(f, wrt=variables, sizes=sizes, seed=5).ok


def all_forms(f, variable):
    loss = as_scalar(f, "test")
    return [adjoints(loss, [variable])[0], jacobian_forward(loss, variable), sd.grad(f, variable)]


TIES = {
    "max": (sd.max(x), [1.0, 3.0, 3.0, 0.0, 3.0], [0, 1, 0, 0, 0]),
    "min": (sd.min(x), [1.0, 0.0, 3.0, 0.0, 0.0], [0, 1, 0, 0, 0]),
    "maximum": (sd.sum(sd.maximum(x, 1)), [1.0, 3.0, 0.0, 1.0, -1.0], [1, 1, 0, 1, 0]),
    "relu, the book's convention": (sd.sum(sd.relu(x)), [0.0, 1.0, -1.0, 0.0, 2.0], [1, 1, 0, 1, 1]),
    "relu, 0 at 0": (sd.sum(sd.relu(x, at_zero=0)), [0.0, 1.0, -1.0, 0.0, 2.0], [0, 1, 0, 0, 1]),
    "abs": (sd.sum(sd.abs(x)), [0.0, 1.0, -1.0, 0.0, 2.0], [0, 1, -1, 0, 1]),
    "product, one zero": (sd.prod(x), [0.0, 1.0, 2.0, 3.0, 4.0], [24, 0, 0, 0, 0]),
    "product, two zeros": (sd.prod(x), [0.0, 1.0, 0.0, 3.0, 4.0], [0, 0, 0, 0, 0]),
}


@pytest.mark.parametrize("name", TIES)
def test_ties(name):
    f, values, expected = TIES[name]
    for form in all_forms(f, x):
        np.testing.assert_array_equal(evaluate(form, {"x": np.array(values)}), expected, err_msg=str(form))
        np.testing.assert_array_equal(
            evaluate(form, {"x": np.array(values)}, precision=30).astype(float), expected, err_msg=str(form)
        )


def test_ties_of_a_formula_go_to_one_entry():
    """The sum of the slopes is that of one chosen entry: none is lost or counted twice by rounding."""
    rng = np.random.default_rng(0)
    f = sd.max(sd.hadamard(x, y) * q + sd.exp(x) * q - sd.hadamard(y, y) / 3)
    for _ in range(15):
        arrays = {"x": rng.standard_normal(5), "y": rng.standard_normal(5), "q": rng.uniform(0.1, 3)}
        for form in all_forms(f, x):
            assert np.count_nonzero(evaluate(form, arrays)) == 1, form


@pytest.mark.parametrize("axis", [0, 1])
def test_largest_per_line_with_ties(axis):
    values = np.array([[1.0, 1.0, 0.0], [1.0, 2.0, 2.0]])
    expected = np.zeros_like(values)
    chosen = values.argmax(axis=axis)
    for line, place in enumerate(chosen):
        expected[(place, line) if axis == 0 else (line, place)] = 1
    for form in all_forms(sd.sum(sd.max(X, axis=axis)), X):
        np.testing.assert_array_equal(evaluate(form, {"X": values}), expected)


def test_the_gradient_of_a_maximum_reads_the_argument_once():
    arrays = inputs(sd.max(X @ X.T @ y), sizes=SIZES)
    gradient = evaluate(sd.grad(sd.max(X @ X.T @ y), y), arrays)
    gram = arrays["X"] @ arrays["X"].T
    np.testing.assert_allclose(gradient, gram[np.argmax(gram @ arrays["y"])])


SAFE = {
    "logarithm": (sd.where(sd.greater(x, 0), sd.log(x), 0), [1, 0, 0, 0.5, 0.25]),
    "root": (sd.where(sd.greater(x, 0), sd.sqrt(x), x), [0.5, 1, 1, 0.5 / np.sqrt(2), 0.25]),
    "quotient": (sd.where(sd.greater(x, 0), sd.divide(1, x), 0), [-1, 0, 0, -0.25, -1 / 16]),
    "entropy": (sd.where(sd.greater(x, 0), sd.hadamard(x, sd.log(x)), 0), [1, 0, 0, 1 + np.log(2), 1 + np.log(4)]),
    "overflow": (sd.where(sd.less(x, 3), sd.exp(x * 300), 0), None),
}  # fmt: skip


@pytest.mark.parametrize("name", SAFE)
def test_a_branch_that_is_not_taken_does_not_matter(name):
    """Neither for the value nor for the derivative, be it infinite there or NaN."""
    entries, expected = SAFE[name]
    values = np.array([1.0, 0.0, -1.0, 2.0, 4.0])
    reverse, forward, closed = all_forms(sd.sum(entries), x)
    # A product in the branch hides the condition from reverse mode; the closed form brings it back.
    for form in (forward, closed) if name == "entropy" else (reverse, forward, closed):
        found = evaluate(form, {"x": values})
        assert np.all(np.isfinite(found)), form
        if expected is not None:
            np.testing.assert_allclose(found, expected)
