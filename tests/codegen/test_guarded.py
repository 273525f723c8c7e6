"""Kernels touch no memory but their buffers: programs of every kind between pages that nobody may touch."""

import os
import signal
import subprocess
import sys

import pytest

from tests.codegen.test_cache import ROOT

PROGRAMS = """
import numpy as np
import tests.guarded
from symdl_codegen import build
from tests.codegen.programs import Builder, ap, axes, ld

def product(n, m, depth):
    b = Builder("product", n=None, m=None)
    b.input("a", "n", depth)
    b.input("w", "m", depth)
    b.eq("y", axes(i="n", j="m"), ap("mul", ld("a", "i", "r"), ld("w", "j", "r")), "add", axes(r=depth))
    fn = build(b.program("y"), dtype="float32", passes={"dots": False})
    rng = np.random.default_rng(0)
    a, w = rng.normal(size=(n, depth)), rng.normal(size=(m, depth))
    np.testing.assert_allclose(fn({"a": a, "w": w})["y"], a @ w.T, rtol=1e-3, atol=1e-3)
"""
LESS_ROOM = """
import symdl_codegen.schedule.panels as panels
from symdl_codegen.scalars import mul
panels.right_room = lambda known, strips: mul(panels.ROWS, panels.LANES)
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSEGV") or os.name != "posix", reason="pages of POSIX systems")


def run(side, *command):
    """Run Python with ``command`` where buffers end or begin at such a page."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "codegen")])
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": paths, "SYMDL_GUARD": side},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_a_panel_that_is_too_small_ends_the_process():
    done = run("end", "-c", PROGRAMS + "product(70, 60, 784)")
    assert done.returncode == 0, done.stderr
    done = run("end", "-c", LESS_ROOM + PROGRAMS + "product(70, 60, 784)")
    assert done.returncode == -signal.SIGSEGV, done.stderr


def guarded(side, *tests):
    """Run tests with the plugin."""
    done = run(side, "-m", "pytest", "-q", "-p", "tests.guarded", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, f"{done.stdout[-5000:]}\n{done.stderr[-5000:]}"


def test_random_contractions():
    guarded("end", "tests/codegen/test_contractions_random.py")


@pytest.mark.slow
@pytest.mark.parametrize("side", ["end", "start"])
def test_every_kind_of_kernel(side):
    names = (
        "contractions contractions_random copies dots epoch flat layouts loops loops_random primitives random_programs"
    )
    more = "rows symmetric threads transposes widths windows"
    guarded(side, *(f"tests/codegen/test_{name}.py" for name in f"{names} {more}".split()))


@pytest.mark.slow
@pytest.mark.parametrize("side", ["end", "start"])
def test_models_and_trainings(side):
    guarded(side, "tests/linalg/test_linear_algebra.py", "tests/models/test_models.py", "tests/train/test_fit.py")
