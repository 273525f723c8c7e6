"""Denormal numbers: zero while a training runs, kept by functions, and the caller's unit as it was."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.program import Program
from tests.codegen.programs import Builder, ap, axes, ld

TINY = {"float32": 1e-40, "float64": 1e-310}


def fading(training: bool) -> Program:
    """``y = w/2``, which is also the next w where ``training``."""
    b = Builder("fading", n=None)
    b.input("w", "n", role="state" if training else "input")
    b.input("x", "n", "n", role="batch" if training else "input")
    b.eq("y", axes(i="n"), ap("mul", 0.5, ld("w", "i")))
    b.eq("loss", (), ld("x", "i", "j"), "add", axes(i="n", j="n"))
    if training:
        return b.program("y", "loss", updates=(("w", "y"),), guard="loss", batch="n")
    return b.program("y", "loss")


@pytest.mark.parametrize("dtype", TINY)
def test_a_training_takes_them_for_zero(dtype: str) -> None:
    executable = build(fading(True), dtype=dtype)
    for run in ("step", "epoch"):
        state = {"w": np.array([TINY[dtype], 1.0], dtype)}
        x = np.ones((2, 2), dtype)
        if run == "step":
            executable.step(state, {"x": x})
        else:
            executable.epoch(state, {"x": x}, np.arange(2), 2)
        np.testing.assert_array_equal(state["w"], np.array([0.0, 0.5], dtype))
        assert np.array(TINY[dtype], dtype) * np.ones((), dtype) > 0  # the caller's thread is as it was


@pytest.mark.parametrize("dtype", TINY)
def test_a_training_that_stops_leaves_the_unit_as_it_was(dtype: str) -> None:
    executable = build(fading(True), dtype=dtype)
    state = {"w": np.array([1.0, 1.0], dtype)}
    result = executable.epoch(state, {"x": np.full((2, 2), np.nan, dtype)}, np.arange(2), 2)
    assert result.completed_steps == 0
    assert np.array(TINY[dtype], dtype) * np.ones((), dtype) > 0


@pytest.mark.parametrize("dtype", TINY)
def test_a_function_keeps_them(dtype: str) -> None:
    w = np.array([TINY[dtype], 1.0], dtype)
    found = build(fading(False), dtype=dtype)({"w": w, "x": np.ones((2, 2), dtype)})["y"]
    np.testing.assert_array_equal(found, w * np.array(0.5, dtype))
    assert found[0] > 0
