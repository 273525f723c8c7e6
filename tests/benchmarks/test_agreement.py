"""Peers compute the same: the losses of fifty steps, the values of functions. Most of it needs torch and jax."""

import numpy as np
import pytest

from symdl.bench.runners import RUNNERS
from symdl.bench.workload import CURVE, TOLERANCE, Training
from tests.benchmarks.tiny import TINY, tiny

PEERS = [(name, peer) for name in TINY for peer in tiny(name).peers if peer != "torch-compile"]


def results(workload, name):
    runner = RUNNERS[name](threads=1)
    runner.imports()
    runner.prepare(workload)
    times = runner.sample()
    assert times
    assert min(times) > 0
    return runner.results()


def agree(name, peer):
    workload = tiny(name)
    ours, theirs = results(workload, "symdl"), results(workload, peer)
    assert ours.shape == theirs.shape
    if not isinstance(workload, Training):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
        return
    assert len(ours) == CURVE
    assert np.abs(ours - ours[0]).max() > 100 * TOLERANCE * ours[0]  # it does something
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "peer"), PEERS)
def test_peers_agree(name, peer):
    for package in RUNNERS[peer].needs:
        pytest.importorskip(package)
    if peer.startswith("jax"):
        import jax

        before = jax.config.jax_enable_x64
        try:
            agree(name, peer)
        finally:
            jax.config.update("jax_enable_x64", before)
    else:
        agree(name, peer)


def test_numpy_agrees():
    agree("hessian", "numpy")
    agree("hessian", "numpy-syrk")
