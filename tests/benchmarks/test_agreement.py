"""Peers compute the same: the losses of fifty steps, the values of functions. Most of it needs torch and jax."""

import numpy as np
import pytest

import symdl as sd
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
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # because torch.func warns of a part of PyTorch
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


@pytest.mark.parametrize(("name", "peer"), [(name, peer) for name, peer in PEERS if peer.startswith("numpy")])
def test_numpy_agrees(name, peer):
    agree(name, peer)


def test_a_product_is_the_change_of_the_gradient():
    """The two workloads of the network belong together: the product by differences of the gradient."""
    gradient, product = tiny("mlp-gradient"), tiny("mlp-hvp")
    arrays = product.arrays()
    names = [part.name for part in product.parameters()]
    function = sd.compile(gradient.expression(), target="numpy")
    ends = []
    for step in (1e-6, -1e-6):
        moved = {**arrays, **{name: arrays[name] + step * arrays[f"d{name}"] for name in names}}
        ends.append(np.concatenate([np.ravel(part) for part in function({k: moved[k] for k in function.inputs})]))
    np.testing.assert_allclose(results(product, "symdl"), (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-9)
