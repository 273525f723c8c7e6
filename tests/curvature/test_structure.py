"""What a structured Hessian computes from its factors is what the whole matrix gives."""

import numpy as np
import pytest

import symdl as sd
import symdl.errors
from symdl.curvature import structure
from symdl.expr.ingest import ingest
from symdl.interpret import evaluate, sample_inputs
from tests.curvature.functions import CASES, SIZES, U, V, W, X, k, m, n, p, q, softmax_cost, w, x, y1
from tests.katex import katex_error

BY_NAME = {str(size): size for size in (n, p, k, m, q)}
NUMBERS = {BY_NAME[name]: value for name, value in SIZES.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_structure(case):
    hessian = sd.hessian(case.value, case.variable)
    found = structure(hessian)
    assert found.kind == case.kind
    assert katex_error(found.latex()) is None

    v = sd.tensor("v", case.variable.shape)
    values = [hessian, found.product(v), found.diagonal(), found.trace()]
    arrays = numbers(values)
    dense, product, diagonal, trace = evaluate(values, arrays, NUMBERS)
    rows = int(np.prod(product.shape))
    matrix = dense.reshape(rows, rows)
    np.testing.assert_allclose(product.ravel(), matrix @ arrays["v"].ravel(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(diagonal.ravel(), np.diag(matrix), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(trace, np.trace(matrix), rtol=1e-12, atol=1e-12)


def numbers(values):
    symbols = set().union(*(ingest(value).free_symbols for value in values))
    arrays = sample_inputs(symbols, SIZES, seed=3)
    return {name: np.abs(array) + 0.5 if name == "w" else array for name, array in arrays.items()}  # for log


@pytest.mark.parametrize(
    ("value", "variable"),
    [
        (CASES[0].value, U),
        (CASES[4].value + sd.sum(sd.square(w)), w),
        (CASES[6].value, w),
        (CASES[7].value, U),
        (CASES[8].value, w),
        (CASES[9].value + sd.sum(sd.exp(U)), U),
        (CASES[3].value + sd.sum(sd.square(W)), W),
        (CASES[12].value, x),
    ],
    ids=["Kronecker", "rank one", "low rank", "diagonal", "concave", "blocks", "Kronecker sum", "dense"],
)
def test_solve_and_determinant(value, variable):
    hessian = sd.hessian(value, variable)
    found = structure(hessian)
    b = sd.tensor("b", variable.shape)
    arrays = numbers([hessian, b])
    dense, solution = evaluate([hessian, found.solve(b)], arrays, NUMBERS)
    rows = int(np.prod(solution.shape))
    matrix = dense.reshape(rows, rows)
    np.testing.assert_allclose(matrix @ solution.ravel(), arrays["b"].ravel(), rtol=1e-9, atol=1e-9)
    if found.kind != "diagonal" or (np.diag(matrix) > 0).all():
        [logdet] = evaluate([found.logdet()], arrays, NUMBERS)
        np.testing.assert_allclose(logdet, np.linalg.slogdet(matrix)[1], rtol=1e-9)


def test_factors_are_what_the_book_writes():
    """∇²_U ½‖T - UVᵀ‖² = I ⊗ VᵀV with rows first; catalogue 4 (matrix factorisation)."""
    found = structure(sd.hessian(CASES[0].value, U))
    assert found.latex() == r"I \otimes V^{\top} V"
    assert found.factors[1] == sd.transpose(V) @ V
    softmax = structure(sd.hessian(softmax_cost(W @ x, y1), W)).latex()
    y_hat = r"S_{\mathrm{Softmax}}\left(W x\right)"
    assert (
        softmax
        == rf"\left(\operatorname{{diag}}\left({y_hat}\right) - {y_hat} {y_hat}^{{\top}}\right) \otimes x x^{{\top}}"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [(sd.scalar("c"), "found a scalar"), (w, r"of shape s \+ s"), (X, r"found \(n, p\)")],
)
def test_what_is_no_hessian(value, message):
    with pytest.raises((sd.errors.ShapeError, sd.errors.ExpressionError), match=message):
        structure(value)


def test_wrong_shape_for_a_product():
    found = structure(sd.hessian(CASES[0].value, U))
    with pytest.raises(sd.errors.ShapeError, match=r"expected shape \(n, k\), found \(m, k\)"):
        found.product(V)
