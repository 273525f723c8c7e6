"""Kernels of a step, each with its time."""

import numpy as np

from symdl.bench.runners import RUNNERS
from tests.benchmarks.tiny import tiny


def test_kernels_are_timed_and_results_stay():
    runner = RUNNERS["symdl"](threads=1)
    runner.imports()
    runner.prepare(tiny("mlp"))
    before = runner.results()
    kernels = runner.profile()
    assert all(kernel["calls"] >= 1 and kernel["note"] for kernel in kernels)
    assert kernels == sorted(kernels, key=lambda kernel: -kernel["seconds"])
    assert sum(kernel["seconds"] for kernel in kernels) > 0
    assert any("W1.next" in kernel["note"] for kernel in kernels)
    np.testing.assert_array_equal(runner.results(), before)


def test_kernels_of_a_function():
    runner = RUNNERS["symdl"](threads=1)
    runner.imports()
    runner.prepare(tiny("hessian"))
    assert {kernel["calls"] for kernel in runner.profile()} == {1}
