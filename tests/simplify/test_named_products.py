"""Names of quotients are found again inside sums, whose indices no name may capture."""

import numpy as np
import pytest
from sympy import Integer, Tuple

import symdl as sd
from symdl.errors import InternalError
from symdl.expr.calls import Call
from symdl.expr.index import axis_index, reduce_index
from symdl.expr.nodes import Element, Reduce
from symdl.interpret import evaluate

n, p = sd.dims("n p")
A, B, G = sd.matrix("A", n, p), sd.matrix("B", n, p), sd.matrix("G", n, n)
tau = sd.scalar("tau", positive=True)


def rows_of_norm_1(x):
    return sd.divide(x, sd.broadcast(sd.reshape(sd.norm(x, axis=1), (-1, 1)), x.shape))


def test_normalised_rows_inside_a_double_sum():
    """U names the rows of A over their norms; the sum over p stands inside those over n."""
    U = sd.named("U", rows_of_norm_1(A))
    gradient = sd.grad(sd.sum(sd.hadamard(G, U @ B.T / tau)), tau)
    assert sd.latex(gradient, notation="index") == (
        r"-\frac{\sum_{i=1}^{n} \sum_{j=1}^{n} G_{ij} \sum_{k=1}^{p} B_{jk} U_{ik}}{\tau^{2}}"
    )
    rng = np.random.default_rng(0)
    arrays = {"A": rng.normal(size=(4, 3)), "B": rng.normal(size=(4, 3)), "G": rng.normal(size=(4, 4)), "tau": 0.5}
    unit = arrays["A"] / np.linalg.norm(arrays["A"], axis=1, keepdims=True)
    expected = -(arrays["G"] * (unit @ arrays["B"].T)).sum() / 0.25
    np.testing.assert_allclose(evaluate(gradient, arrays), expected, rtol=1e-12)


def test_symmetric_contrastive_loss_by_its_temperature():
    scores = sd.named("S", sd.named("U", rows_of_norm_1(A)) @ sd.named("V", rows_of_norm_1(B)).T / tau)
    loss = -sd.trace(sd.log_softmax(scores, axis=1) + sd.log_softmax(scores, axis=0)) / (2 * n)
    assert sd.check(loss, wrt=[tau, A], sizes={n: 4, p: 5}).ok


@pytest.mark.parametrize("kind", ["sum", "operand"])
def test_an_index_that_is_free_is_not_bound_anew(kind):
    outer, own = reduce_index(0), axis_index(0)
    body = Element(A, outer, own)
    build = {
        "sum": lambda: Reduce("add", body, (own, p)),
        "operand": lambda: Call("inverse", 0, [(body, (own, n), (axis_index(1), n))], Tuple(Integer(0), Integer(0))),
    }[kind]
    with pytest.raises(InternalError, match=r"'r0'.*captured"):
        build()
