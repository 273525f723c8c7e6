"""Random structures of linear algebra: equations, determinants, factors, eigenvalues and singular values."""

from typing import Any

import numpy as np
import sympy
from hypothesis import assume
from hypothesis import strategies as st

from symdl.expr.nodes import Element
from symdl.ops import linalg, structure
from symdl.testing.model import Part, Pool
from symdl.testing.operands import applied, new, operand

GAP = 0.15  # derivatives grow without bound where eigenvalues or singular values come near each other
FIRST = 0.7  # of the largest entry: the first of a vector that reaches it is positive


def _definite(pool: Pool) -> tuple[Any, Any, Part]:
    """Return A Aᵀ + 2 I of a part A, as an expression and as a function."""
    a = operand(pool, 2, 2, spread=0)
    size = a.expr.shape[0]
    count = int(a.value.shape[0])
    return a.expr @ a.expr.T + 2 * structure.eye(size), lambda u: u @ u.T + 2 * np.eye(count), a


def solved(pool: Pool) -> Part:
    """Invert a well-conditioned matrix, or solve equations with it."""
    symbolic, numeric, a = _definite(pool)
    if pool.draw(st.booleans()):
        return applied(pool, linalg.inv(symbolic), lambda u: np.linalg.inv(numeric(u)), a)
    b = new(pool, symbolic.shape[0], pool.draw(st.integers(1, 2)))
    return applied(pool, linalg.solve(symbolic, b.expr), lambda u, v: np.linalg.solve(numeric(u), v), a, b)


def log_determinant(pool: Pool) -> Part:
    """Take the logarithm of a determinant."""
    symbolic, numeric, a = _definite(pool)
    return applied(pool, linalg.logdet(symbolic), lambda u: np.log(np.linalg.det(numeric(u))), a)


def factored(pool: Pool) -> Part:
    """Take a Cholesky factor."""
    symbolic, numeric, a = _definite(pool)

    def cholesky(u: Any) -> Any:
        matrix = numeric(u)
        found = np.zeros_like(matrix)
        for i in range(len(matrix)):
            for j in range(i + 1):
                rest = matrix[i, j] - np.sum(found[i, :j] * found[j, :j])
                found[i, j] = np.sqrt(rest) if i == j else rest / found[j, j]
        return found

    return applied(pool, linalg.cholesky(symbolic), cholesky, a)


def jacobi(matrix: Any) -> tuple[Any, Any]:
    """Return eigenvalues, ascending, and eigenvectors of a symmetric matrix by Jacobi's rotations.

    The entries may be complex, for complex steps: every step is analytic in them.
    """
    a, vectors = np.array(matrix), np.eye(len(matrix), dtype=np.result_type(matrix, float))
    for _ in range(12):
        for p in range(len(a)):
            for q in range(p + 1, len(a)):
                gap, twice = a[q, q] - a[p, p], 2 * a[p, q]
                if twice == 0:
                    continue
                sign = -1 if np.real(gap) < 0 else 1
                tangent = twice / (gap + sign * np.sqrt(gap * gap + twice * twice))
                turn = np.eye(len(a), dtype=vectors.dtype)
                turn[p, p] = turn[q, q] = 1 / np.sqrt(1 + tangent * tangent)
                turn[p, q] = tangent * turn[p, p]
                turn[q, p] = -turn[p, q]
                a, vectors = turn.T @ a @ turn, vectors @ turn
    values = np.diagonal(a)
    order = np.argsort(np.real(values))
    return values[order], vectors[:, order]


def _oriented(vectors: Any) -> Any:
    """Return for each column the sign that makes its first entry of nearly the largest magnitude positive."""
    sizes = np.abs(np.real(vectors))
    shares = sizes / sizes.max(axis=0)
    assume(bool(np.all(np.abs(shares - FIRST) > 1e-3)))
    first = np.argmax(shares >= FIRST, axis=0)
    return np.where(np.real(vectors[first, np.arange(vectors.shape[1])]) < 0, -1, 1)


def eigenvalues(pool: Pool) -> Part:
    """Take the eigenvalues or the eigenvectors of a symmetric matrix, or of the symmetric part of any."""
    size = pool.draw(st.integers(2, 3))
    a, which = operand(pool, size, size, exactly=True), pool.draw(st.integers(0, 1))

    def numeric(u: Any) -> Any:
        values, vectors = jacobi((u + u.T) / 2)
        assume(float(np.min(np.diff(np.real(values)))) > GAP)
        return vectors * _oriented(vectors) if which else values

    return applied(pool, linalg.eigh(a.expr)[which], numeric, a)


def singular_values(pool: Pool) -> Part:
    """Take the singular values or vectors of a matrix, wide or tall.

    In a recurrence's step 2, 4 ... are added to its diagonal: what is mixed of a vector is nearly of rank 1.
    """
    a, which = operand(pool, 2, 2, spread=1), pool.draw(st.integers(0, 2))
    added = 0.0 if pool.time is None else 2 * np.eye(*a.value.shape) * (1 + np.arange(a.value.shape[1]))
    i, j = sympy.symbols("i j", integer=True)
    whole = structure.array(
        Element(a.expr, i, j) + sympy.Piecewise((2 * (i + 1), sympy.Eq(i, j)), (0, True)),
        (i, a.expr.shape[0]),
        (j, a.expr.shape[1]),
    )

    def numeric(matrix: Any) -> Any:
        u = matrix + added
        wide = u.shape[0] < u.shape[1]
        squares, one = jacobi(u @ u.T if wide else u.T @ u)
        assume(float(np.min(np.real(squares))) > 0)  # a product of a column and a row has rank 1
        values, one = np.sqrt(squares[::-1]), one[:, ::-1]
        gaps = np.append(-np.diff(np.real(values)), np.real(values[-1]))
        assume(float(np.min(gaps)) > GAP)
        other = (u.T @ one if wide else u @ one) / values
        left, right = (one, other) if wide else (other, one)
        signs = _oriented(left)
        return (left * signs, values, right * signs)[which]

    return applied(pool, linalg.svd(a.expr if pool.time is None else whole)[which], numeric, a)
