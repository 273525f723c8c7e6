"""Rules for whole matrices leave parts of them alone: slices, diagonals, rows in another order."""

import numpy as np
import pytest

import symdl as sd
from symdl.expr.index import fresh_index
from symdl.expr.nodes import Array, Element, Reduce
from symdl.interpret import evaluate
from symdl.simplify import simplify

A, B, K = sd.matrix("A", 4, 4), sd.matrix("B", 4, 3), sd.tensor("K", (4, 4, 4))
Q, D = sd.matrix("Q", 4, 4, orthogonal=True), sd.matrix("D", 4, 4, diagonal=True)
rng = np.random.default_rng(0)
a, b = rng.normal(size=(4, 4)), rng.normal(size=(4, 3))
q, d = np.linalg.qr(rng.normal(size=(4, 4)))[0], np.diag([1.0, 2.0, 3.0, 4.0])
ARRAYS = {"A": a, "B": b, "Q": q, "D": d}
inverse, solution = np.linalg.inv(a), np.linalg.solve(a, b)
PARTS = {
    "A[k,k] A⁻¹[k,k]": (sd.diag(A).T @ sd.diag(sd.inv(A)), np.diag(a) @ np.diag(inverse)),
    "A[k,k] A⁻¹[k,j]": (sd.diag(A).T @ sd.inv(A), np.diag(a) @ inverse),
    "A[i,k] A⁻¹[k,k]": (A @ sd.diag(sd.inv(A)), a @ np.diag(inverse)),
    "A[k,k] (A⁻¹B)[k,j]": (sd.diag(A).T @ sd.solve(A, B), np.diag(a) @ solution),
    "Q[k,k] Q[k,j]": (sd.diag(Q).T @ Q, np.diag(q) @ q),
    "some columns": (A[:, :2] @ sd.inv(A)[:2, :], a[:, :2] @ inverse[:2]),
    "some rows of a solution": (A[:, :3] @ sd.solve(A, B)[:3, :], a[:, :3] @ solution[:3]),
    "inverse of a part of an inverse": (sd.inv(sd.inv(A)[:2, :2]), np.linalg.inv(inverse[:2, :2])),
    "part of an orthogonal matrix": (sd.inv(Q[:2, :2]), np.linalg.inv(q[:2, :2])),
    "solve with such a part": (sd.solve(Q[:2, :2], B[:2, :]), np.linalg.solve(q[:2, :2], b[:2])),
    "diagonal, flipped": (sd.inv(sd.flip(D, 0)), np.linalg.inv(d[::-1])),
    "determinant of it": (sd.det(sd.flip(D, 1)), np.linalg.det(d[:, ::-1])),
    "columns of an inverse": (sd.inv(A)[:, :2] @ B[:2, :], inverse[:, :2] @ b[:2]),
    "rows of an inverse": (sd.inv(A)[:2, :] @ B, inverse[:2] @ b),
    "columns of a transposed inverse": (sd.inv(A)[:2, :].T @ B[:2, :], inverse[:2].T @ b[:2]),
}


@pytest.mark.parametrize("name", PARTS)
def test_simplified_and_compiled(name):
    value, expected = PARTS[name]
    simple = simplify([value]).values[0]
    compiled = sd.compile(value, target="numpy")
    for found in (
        evaluate(value, ARRAYS),
        evaluate(simple, ARRAYS),
        compiled({key: ARRAYS[key] for key in compiled.inputs}),
    ):
        np.testing.assert_allclose(np.squeeze(found), np.squeeze(expected), rtol=1e-10, atol=1e-12)


def test_an_axis_of_matrices_that_is_summed():
    """Σ_k K[k][i,k] (K[k]⁻¹)[k,j]: another matrix for each k."""
    i, j, r = (fresh_index() for _ in range(3))
    body = Reduce("add", Element(K, r, i, r) * Element(sd.inv(K), r, r, j), (r, 4))
    k = rng.normal(size=(4, 4, 4))
    found = evaluate(simplify([Array(body, (i, 4), (j, 4))]).values[0], {"K": k})
    expected = sum(np.outer(k[r, :, r], np.linalg.inv(k[r])[r]) for r in range(4))
    np.testing.assert_allclose(found, expected, rtol=1e-10)
