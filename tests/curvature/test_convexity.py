"""A function that is said to be convex is: the eigenvalues of its Hessian at random points."""

import numpy as np
import pytest

import symdl as sd
from symdl.curvature import convexity
from symdl.interpret import evaluate
from tests.curvature.functions import CASES, T, U, V, X, b, n, w, y
from tests.curvature.test_structure import NUMBERS, numbers
from tests.katex import katex_error


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case):
    found = convexity(case.value, case.variable)
    assert found.verdict == case.verdict
    for reason in found.reasons:
        for formula in reason.split("$")[1::2]:
            assert katex_error(formula) is None
    arrays = numbers([found.hessian])
    dense = evaluate(found.hessian, arrays, NUMBERS)
    rows = int(np.sqrt(dense.size))
    lowest = np.linalg.eigvalsh(dense.reshape(rows, rows))[[0, -1]]
    if found.convex:
        assert lowest[0] > (0 if "strictly" in found.verdict else -1e-10)
    if found.concave:
        assert lowest[1] < 1e-10


def test_jointly_in_several_variables():
    scores = X @ w + b * sd.ones(n)
    logistic = convexity(sd.sum(sd.softplus(scores) - sd.hadamard(y, scores)), [w, b])
    squares = convexity(sd.sum(sd.square(scores - y)), [w, b])
    assert logistic.verdict == squares.verdict == "convex"
    assert "Gram matrix" in str(logistic)
    factors = convexity(sd.sum(sd.square(T - U @ V.T)), [U, V])
    assert factors.verdict == "unknown"  # each alone is convex, both together are not


def test_a_part_of_a_definite_matrix_proves_nothing():
    S = sd.matrix("S", 4, 4, positive_definite=True)
    u = sd.vector("u", 2)
    assert convexity(u.T @ S[:2, 2:] @ u, u).verdict == "unknown"
    assert convexity(u.T @ S[:2, :2] @ u, u).verdict in ("unknown", "strictly convex")


x = sd.vector("x", n)
NOT_CONVEX = {
    "concave kink": b**2 - 3 * sd.abs(b),
    "minimum": sd.minimum(b**2, (b - 1) ** 2),
    "jumps": b**2 + 5 * sd.floor(b),
    "stopped gradient": b**2 - 2 * sd.stop_gradient(b) ** 2,
    "logarithm of a square": -sd.log(b**2),
    "pole": b**-2,
    "relu": sd.sum(sd.square(x) - 3 * sd.relu(x)),
    "sign": sd.sum(sd.square(x) + sd.sign(x)),
    "maximum of a tensor": sd.sum(sd.square(x)) - sd.max(x),
}


@pytest.mark.parametrize("name", NOT_CONVEX)
def test_where_the_hessian_does_not_tell(name):
    """Each has a positive second derivative wherever it has one, and is not convex."""
    value = NOT_CONVEX[name]
    variable = b if b in value.free_symbols else x
    assert convexity(value, variable).verdict == "unknown"


def test_a_barrier_is_convex():
    A, c = sd.matrix("A", n, n), sd.vector("c", n)
    assert convexity(-sd.sum(sd.log(c - A @ x)), x).convex


def test_separate_variables():
    found = convexity(sd.sum(sd.exp(w)) + b**2, [w, b])
    assert found.verdict == "strictly convex"


def test_scalars():
    assert convexity(sd.softplus(b), b).convex
    assert convexity(sd.log(sd.scalar("c", positive=True)), sd.scalar("c", positive=True)).concave
    assert convexity(b**3, b).verdict == "unknown"


def test_probabilities_with_names_are_positive():
    """The likelihood as a book writes it: log ŷ and log(1 - ŷ) with named intermediates have a domain in one part."""
    n, p = sd.dims("n p")
    X, y, theta = sd.matrix("X", n, p), sd.vector("y", n, probability=True), sd.vector("theta", p)
    u = sd.named("u", X @ theta)
    y_hat = sd.named("y_hat", sd.sigmoid(u))
    found = sd.convexity(-(y @ sd.log(y_hat) + (1 - y) @ sd.log(1 - y_hat)), theta)
    assert found.convex
    assert "Gram matrix" in found.reasons[0]
