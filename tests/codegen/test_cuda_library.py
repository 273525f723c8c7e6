"""Every kernel of every model of the library compiles to PTX for sm_90."""

import sys

import pytest

from symdl.compile import CompiledFunction
from symdl.models import RECIPES, find

compiles = pytest.mark.skipif(sys.platform == "darwin", reason="NVIDIA has no compiler for macOS")


def executables(function):
    """Return what a training step, or a function that ``sd.compile`` made, runs."""
    return function._executables.values() if isinstance(function, CompiledFunction) else [function]


@compiles
@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_kernel_of_a_model_compiles_for_sm_90(name):
    """What the training of a model runs: its step, or the functions of an experiment."""
    programs = find(name).programs("cuda", "float32")
    assert programs
    for program in (part for function in programs.values() for part in executables(function)):
        found = program.engine.ptx()
        assert list(found) == [kernel.name for kernel in program.kernels]
        assert all(".target sm_90" in text for text in found.values())
