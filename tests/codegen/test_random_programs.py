"""Random programs: every backend and every set of passes computes the same."""

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symdl_codegen import build
from symdl_codegen.pipeline import SWITCHES
from symdl_codegen.program import verify
from tests.codegen.programs import Builder, ap, axes, ld
from tests.codegen.random_programs import random_arrays, random_program

LENGTHS = st.integers(0, 19)
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], relative: float) -> None:
    for name, value in expected.items():
        assert found[name].shape == value.shape
        assert found[name].dtype == value.dtype
        finite = np.abs(value[np.isfinite(value)])
        scale = max(1.0, float(finite.max()) if finite.size else 1.0)
        np.testing.assert_allclose(found[name], value, rtol=relative, atol=relative * scale, err_msg=name)


@given(st.integers(0, 2**32), LENGTHS, LENGTHS, LENGTHS)
@settings(max_examples=40, deadline=None, suppress_health_check=CHECKS, derandomize=True)
def test_cpu_equals_numpy_in_float64(seed: int, n: int, m: int, k: int) -> None:
    program = verify(random_program(Random(seed)))
    sizes = {"n": n, "m": m, "k": k}
    arrays = random_arrays(program, sizes, seed)
    same(build(program)(arrays, sizes), build(program, "numpy")(arrays, sizes), 1e-12)


@given(st.integers(0, 2**32), LENGTHS, LENGTHS, LENGTHS)
@settings(max_examples=25, deadline=None, suppress_health_check=CHECKS, derandomize=True)
def test_cpu_equals_numpy_in_float32(seed: int, n: int, m: int, k: int) -> None:
    program = verify(random_program(Random(seed)))
    sizes = {"n": n, "m": m, "k": k}
    arrays = random_arrays(program, sizes, seed)
    same(build(program, dtype="float32")(arrays, sizes), build(program, "numpy", "float32")(arrays, sizes), 3e-5)


@pytest.mark.parametrize("name", [*SWITCHES, "all"])
def test_a_pass_changes_nothing_but_speed(name: str) -> None:
    off = dict.fromkeys(SWITCHES, False) if name == "all" else {name: False}
    for seed in range(6):
        program = random_program(Random(1000 + seed))
        sizes = {"n": 5, "m": 18, "k": 3}
        arrays = random_arrays(program, sizes, seed)
        same(build(program, passes=off)(arrays, sizes), build(program)(arrays, sizes), 1e-12)


@pytest.mark.parametrize("name", ["inline", "subexpressions", "sharing", "dead_code", "powers"])
def test_passes_on_the_numpy_target(name: str) -> None:
    for seed in range(20):
        program = random_program(Random(2000 + seed))
        sizes = {"n": 4, "m": 3, "k": 5}
        arrays = random_arrays(program, sizes, seed)
        found = build(program, "numpy", passes={name: name not in ("sharing", "dead_code", "powers")})(arrays, sizes)
        same(found, build(program, "numpy")(arrays, sizes), 1e-12)


def test_fusion_needs_a_one_to_one_map_of_indices():
    b = Builder("outer", n=None)
    b.input("x", "n")
    b.eq("t", axes(i="n"), ap("exp", ld("x", "i")))
    b.eq("y", axes(i="n", j="n"), ap("mul", ld("t", "i"), ld("t", "j")))
    x = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(build(b.program("t", "y"))({"x": x})["y"], np.outer(np.exp(x), np.exp(x)))
