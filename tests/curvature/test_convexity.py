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


def test_separate_variables():
    found = convexity(sd.sum(sd.exp(w)) + b**2, [w, b])
    assert found.verdict == "strictly convex"


def test_scalars():
    assert convexity(sd.softplus(b), b).convex
    assert convexity(sd.log(sd.scalar("c", positive=True)), sd.scalar("c", positive=True)).concave
    assert convexity(b**3, b).verdict == "unknown"
