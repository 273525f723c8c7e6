"""Gradients and Hessians against PyTorch's linear algebra, in float64."""

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate

torch = pytest.importorskip("torch", reason="PyTorch is an optional peer")

n, m = sd.dims("n m")
A, M = sd.matrix("A", n, n), sd.matrix("M", n, m)


def symmetric(a):
    return a + a.T + 9 * torch.eye(len(a), dtype=a.dtype)


CASES = {
    "inverse": (sd.inv(A), A, torch.linalg.inv),
    "determinant": (sd.det(A), A, torch.linalg.det),
    "logdet": (sd.logdet(A.T @ A), A, lambda a: torch.logdet(a.T @ a)),
    "cholesky": (sd.cholesky(A + A.T + 9 * sd.eye(n)), A, lambda a: torch.linalg.cholesky(symmetric(a))),
    "eigenvalues": (sd.eigh(A + A.T)[0], A, lambda a: torch.linalg.eigvalsh(a + a.T)),
    "singular values": (sd.svd(M)[1], M, torch.linalg.svdvals),
}


@pytest.mark.parametrize("name", CASES)
def test_first_and_second_order(name):
    expression, variable, peer = CASES[name]
    loss = sd.sum(sd.sin(expression)) if hasattr(expression, "shape") else sd.sin(expression)
    rng = np.random.default_rng(7)
    x = rng.standard_normal((3, 3)) + 3 * np.eye(3) if variable is A else rng.standard_normal((3, 2))
    given = torch.tensor(x)

    def value(a):
        return torch.sin(peer(a)).sum()

    gradient = torch.autograd.functional.jacobian(value, given).numpy()
    hessian = torch.autograd.functional.hessian(value, given).numpy()
    assert np.allclose(evaluate(sd.grad(loss, variable), {variable.name: x}), gradient, rtol=1e-9, atol=1e-10)
    assert np.allclose(evaluate(sd.hessian(loss, variable), {variable.name: x}), hessian, rtol=1e-8, atol=1e-9)
