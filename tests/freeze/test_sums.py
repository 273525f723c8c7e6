"""Sums of contractions: as many matrix products as there are distinct sides, and the same values."""

import numpy as np
import pytest

import symdl as sd
from symdl.expr.index import fresh_index
from symdl.expr.nodes import Array, Element, Reduce
from symdl.expr.system import trace
from symdl.freeze.contractions import split_contractions
from symdl.interpret import evaluate, sample_inputs

n, m, k, b = sd.dims("n m k b")
SIZES = {n: 4, m: 5, k: 3, b: 2}
A, B, C, D = sd.matrix("A", n, k), sd.matrix("B", m, k), sd.matrix("C", n, k), sd.matrix("D", m, k)
v = sd.vector("v", k)
P, Q, R = sd.tensor("P", (b, n, k)), sd.tensor("Q", (b, m, k)), sd.tensor("R", (b, n, k))


i, j, r, t = (fresh_index() for _ in range(4))


def pair(body):
    """Σ_r body(i, j, r) for i < n, j < m."""
    return Array(Reduce("add", body, (r, k)), (i, n), (j, m))


CASES = {
    "two products": (pair(Element(A, i, r) * Element(B, j, r) + Element(C, i, r) * Element(D, j, r)), 2),
    "a common side": (
        pair(Element(A, i, r) * Element(B, j, r) + Element(C, i, r) * Element(B, j, r) * Element(v, r)),
        1,
    ),
    "functions": (
        pair((1 - Element(sd.tanh(A), i, r) ** 2) * (Element(B, j, r) + Element(D, j, r) * Element(C, i, r))),
        2,
    ),
    "a factor of neither": (
        pair(Element(v, r) * (Element(A, i, r) * Element(B, j, r) - 2 * Element(A, i, r) * Element(D, j, r))),
        1,
    ),
    "inside a factor": (pair(Element(A, i, r) * (Element(B, j, r) + Element(C, i, r) * Element(D, j, r))), 2),
    "batches": (
        Array(
            Reduce(
                "add",
                Element(P, t, i, r) * Element(Q, t, j, r) + Element(R, t, i, r) * Element(v, r) * Element(Q, t, j, r),
                (r, k),
            ),
            (t, b),
            (i, n),
            (j, m),
        ),
        1,
    ),
    "no products": (pair((Element(A, i, r) + Element(B, j, r)) ** 2), 0),
}


@pytest.mark.parametrize("name", CASES)
def test_products(name):
    value, expected = CASES[name]
    system = split_contractions(trace([value]))
    contractions = [
        equation
        for equation in system.equations
        if isinstance(equation.body, Reduce) and equation.body.body.is_Mul and len(equation.body.axes) == 1
    ]
    assert len(contractions) == expected
    arrays = sample_inputs(value.free_symbols, SIZES)
    before, [after] = evaluate(value, arrays, SIZES), evaluate(system, arrays, SIZES)
    np.testing.assert_allclose(after, before, rtol=1e-13, atol=1e-13)


def test_a_weighted_softmax_does_not_overflow():
    """Σ f e^z / Σ e^z arises in the Hessian-vector product of a log-sum-exp behind a layer."""
    W, x, V, U = sd.matrix("W", n, m), sd.vector("x", m), sd.matrix("V", n, m), sd.matrix("U", m, m)
    value = sd.hvp(sd.logsumexp(W @ sd.tanh(U @ x)), W, V)
    arrays = sample_inputs(value.free_symbols, SIZES)
    arrays["W"] *= 1000.0
    found = sd.compile(value, target="numpy")(**arrays)
    assert np.isfinite(found).all()
