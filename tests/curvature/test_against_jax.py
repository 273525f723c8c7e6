"""Second order beside JAX, in one process: the factored Hessian of a matrix factorisation, and a quadratic form."""

import numpy as np
import pytest

import symdl as sd
from symdl.freeze import freeze
from tests.benchmarks.counting import flops

pytestmark = pytest.mark.slow  # JAX builds a matrix of 5000 rows


def test_factored_hessian_of_a_matrix_factorisation():
    """Built and applied in less than a thousandth of the operations in which JAX builds the whole matrix.

    Counted, since a clock depends on what else the machine does; some thousand times as fast, measured.
    """
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    n, m, k = 500, 400, 10
    T, U, V, G = sd.matrix("T", n, m), sd.matrix("U", n, k), sd.matrix("V", m, k), sd.matrix("G", n, k)
    curvature = sd.structure(sd.hessian(sd.norm(T - U @ V.T) ** 2 / 2, U))
    factor, product = sd.compile(curvature.factors[1]), sd.compile(curvature.product(G))
    rng = np.random.default_rng(0)
    t, u, v, g = (rng.standard_normal(shape) for shape in ((n, m), (n, k), (m, k), (n, k)))
    hessian = jax.hessian(lambda at: 0.5 * jax.numpy.sum((t - at @ v.T) ** 2))
    peer = jax.jit(hessian).lower(u).compile()
    whole = np.asarray(peer(u)).reshape(n * k, n * k)
    assert np.shape(factor(V=v)) == (k, k)
    np.testing.assert_allclose(np.asarray(product(V=v, G=g)).ravel(), whole @ g.ravel(), rtol=1e-10, atol=1e-9)
    own = sum(flops(freeze({"value": value}), 0) for value in (curvature.factors[1], curvature.product(G)))
    assert 2 * m * k * k < own < 5 * n * m * k
    assert peer.cost_analysis()["flops"] > 1000 * own


def test_hessian_of_a_quadratic_form():
    """A + Aᵀ. How much faster than JAX depends on the machine, and is measured, not tested."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    size = 512
    A, x = sd.matrix("A", size, size), sd.vector("x", size)
    compiled = sd.compile(sd.hessian(x.T @ A @ x, x))
    rng = np.random.default_rng(0)
    a, at = rng.standard_normal((size, size)), rng.standard_normal(size)
    peer = jax.jit(jax.hessian(lambda at, a: at @ a @ at))
    np.testing.assert_allclose(compiled(A=a), peer(at, a), rtol=1e-12, atol=1e-12)
