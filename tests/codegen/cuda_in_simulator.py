"""What runs in Numba's CUDA simulator. It is chosen before Numba is imported, so test_cuda.py runs this file."""

import os
import re
import signal
import threading
from random import Random

import numpy as np
import pytest

import symdl as sd
from symdl.models.digits_mlp import network
from symdl.optimizers import OPTIMIZERS
from symdl_codegen import build
from symdl_codegen.errors import ArgumentError, CompilerUnavailableError
from symdl_codegen.pipeline import SWITCHES
from symdl_codegen.primitives import PRIMITIVES
from symdl_codegen.program import Const, Index
from tests.codegen.derived import data_of, derived_step
from tests.codegen.programs import Builder, ap, axes, ld, mlp
from tests.codegen.random_programs import random_arrays, random_program
from tests.codegen.test_epoch import BATCH, WIDTHS, copied, start
from tests.codegen.test_loops import Recurrence, before, first, linear, rnn, rnn_arrays, rnn_by_hand
from tests.codegen.test_primitives import program_of

assert os.environ.get("NUMBA_ENABLE_CUDASIM") == "1", "run tests/codegen/test_cuda.py, which sets it"

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


def same(found, expected, dtype):
    for name, value in expected.items():
        assert found[name].shape == value.shape
        assert found[name].dtype == value.dtype
        finite = np.abs(value[np.isfinite(value)])
        scale = max(1.0, float(finite.max()) if finite.size else 1.0)
        rtol = TOLERANCE[dtype]
        np.testing.assert_allclose(found[name], value, rtol=rtol, atol=rtol * scale, err_msg=name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PRIMITIVES)
def test_special_values(name, dtype):
    program, arrays = program_of(name)
    found = build(program, "cuda", dtype)(arrays)["y"]
    with np.errstate(all="ignore"):
        expected = build(program, "numpy", dtype)(arrays)["y"]
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=5e-15 if dtype == "float64" else 5e-7)


def test_nan_empty_reductions_integers_and_booleans():
    b = Builder("rules", n=None, m=None)
    b.input("x", "n")
    b.input("e", "m")
    b.input("w", "n", kind="int")
    b.input("q", "n", kind="bool")
    x = ld("x", "i")
    b.eq("largest", axes(i="n"), ap("max", x, 0.0, ap("neg", x)))
    b.eq("sign", axes(i="n"), ap("sign", ap("mul", 2.0, x)))
    b.eq("safe_log", axes(i="n"), ap("where", ap("lt", 0.0, x), ap("log", x), 7.0))
    b.eq("top", (), ld("x", "j"), "max", axes(j="n"))
    for op in ("add", "mul", "max", "min"):
        b.eq(f"empty_{op}", (), ld("e", "j"), op, axes(j="m"))
        b.eq(f"int_{op}", (), ld("w", "j"), op, axes(j="n"), kind="int")
    b.eq("flip", axes(i="n"), ap("not", ld("q", "i")), kind="bool")
    names = tuple(b.tensors)[4:]
    arrays = {"x": [np.nan, 0.0, -3.0, 2.0], "e": [], "w": [3, -4, 5, 1], "q": [True, False, False, True]}
    found = build(b.program(*names), "cuda")(arrays)
    same(found, build(b.program(*names), "numpy")(arrays), "float64")
    np.testing.assert_array_equal(found["largest"], [np.nan, 0, 3, 2])
    np.testing.assert_array_equal(found["safe_log"], [7, 7, 7, np.log(2.0)])
    assert np.isnan(found["top"])
    assert [float(found[f"empty_{op}"]) for op in ("add", "mul", "max", "min")] == [0.0, 1.0, -np.inf, np.inf]
    assert [int(found[f"int_{op}"]) for op in ("add", "mul", "max", "min")] == [5, -60, 5, -4]
    np.testing.assert_array_equal(found["flip"], [False, True, True, False])


def test_what_data_sends_outside_reads_nan_or_is_dropped():
    b = Builder("outside", n=None, m=None)
    b.input("x", "m")
    b.input("w", "n", kind="int")
    b.input("q", "m", kind="bool")
    where = ap("add", ld("w", "i"), -1)
    b.eq("y", axes(i="n"), ld("x", where))
    b.eq("z", axes(i="n"), ap("real", ld("w", "i")), at=(where,), extents=b.tensors["x"].shape)
    b.eq("next", axes(j="m"), ap("where", ld("q", "j"), ld("x", ap("add", Index("j"), 1)), 0.25))
    arrays = {"x": [10.0, 20.0], "w": [2, 0, 1, 3, 2], "q": [False, True]}
    found = build(b.program("y", "z", "next"), "cuda")(arrays)
    np.testing.assert_array_equal(found["y"], [20, np.nan, 10, np.nan, 20])
    np.testing.assert_array_equal(found["z"], [1, 4])
    np.testing.assert_array_equal(found["next"], [0.25, np.nan])


def test_what_a_branch_guards_is_read_in_the_branch_only():
    b = Builder("guarded", n=None)
    b.input("x", "n")
    after = ap("add", Index("i"), 1)
    inside = ap("lt", after, b.tensors["x"].shape[0])
    b.eq("y", axes(i="n"), ap("where", inside, ap("max", ap("sign", ld("x", after)), 0.5, ld("x", after)), -1.0))
    found = build(b.program("y"), "cuda")({"x": [3.0, -2.0, 4.0]})
    np.testing.assert_array_equal(found["y"], [0.5, 4.0, -1.0])


def agree(fn, reference, arrays, sizes, dtype):
    """Both give the same values, or refuse the arrays in the same words."""
    try:
        expected = reference(arrays, sizes)
    except ArgumentError as error:
        with pytest.raises(ArgumentError, match=re.escape(str(error))):
            fn(arrays, sizes)
    else:
        same(fn(arrays, sizes), expected, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(40))
def test_random_programs_equal_numpy(seed, dtype):
    program = random_program(Random(3000 + seed))
    sizes = {"n": 5, "m": 4, "k": seed % 4}
    arrays = random_arrays(program, sizes, seed)
    agree(build(program, "cuda", dtype), build(program, "numpy", dtype), arrays, sizes, dtype)


@pytest.mark.parametrize("name", [name for name in SWITCHES if name != "reductions"])
def test_each_switch_changes_nothing(name):
    for seed in range(4):
        program = random_program(Random(4000 + seed))
        sizes = {"n": 4, "m": 3, "k": 5}
        arrays = random_arrays(program, sizes, seed)
        switched = build(program, "cuda", passes={name: name in ("contractions", "hoist")})
        agree(switched, build(program, "cuda"), arrays, sizes, "float64")


def test_the_grid_does_not_change_a_bit():
    program = mlp(WIDTHS)
    state, data, order, schedule = start(program)
    found = []
    for blocks, threads in ((1, 1), (3, 2), (1, 7)):
        fn = build(program, "cuda")
        fn.engine.blocks, fn.engine.threads = blocks, threads
        own = copied(state)
        fn.epoch(own, data, order[:BATCH], BATCH, {n: a[:1] for n, a in schedule.items()})
        found.append(own)
    for name in state:
        np.testing.assert_array_equal(found[1][name], found[0][name])
        np.testing.assert_array_equal(found[2][name], found[0][name])


@pytest.mark.parametrize("adam", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_epoch_equals_numpy_and_its_steps(dtype, adam):
    program = mlp(WIDTHS, adam)
    fn, reference = build(program, "cuda", dtype), build(program, "numpy", dtype)
    state, data, order, schedule = start(program, dtype)
    expected, single = copied(state), copied(state)
    result = fn.epoch(state, data, order, BATCH, schedule)
    assert result.completed_steps == 5
    wanted = reference.epoch(expected, data, order, BATCH, schedule)
    same({**state, **result.recorded}, {**expected, **wanted.recorded}, dtype)
    for step in range(2):
        rows = order[step * BATCH : (step + 1) * BATCH]
        values = {n: a[rows] for n, a in data.items()} | {n: a[step] for n, a in schedule.items()}
        assert fn.step(single, values)["loss"] == result.recorded["loss"][step]


def test_guard_stops_before_the_update():
    program = mlp(WIDTHS)
    fn = build(program, "cuda")
    state, data, order, schedule = start(program)
    data["x"][order[BATCH]] = np.inf
    expected = copied(state)
    result = fn.epoch(state, data, order, BATCH, schedule)
    assert result.completed_steps == 1
    assert not np.isfinite(result.recorded["loss"][1])
    fn.epoch(expected, data, order[:BATCH], BATCH, {n: a[:1] for n, a in schedule.items()})
    for name in state:
        np.testing.assert_array_equal(state[name], expected[name])


def test_updates_are_simultaneous():
    b = Builder("swap", n=None)
    b.input("a", "n", role="state")
    b.input("b", "n", role="state")
    fn = build(b.program(updates=(("a", "b"), ("b", "a"))), "cuda")
    state = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
    fn.step(state, {})
    np.testing.assert_array_equal(state["a"], [3, 4])
    np.testing.assert_array_equal(state["b"], [1, 2])


def test_interrupt_leaves_whole_steps(monkeypatch):
    program = mlp(WIDTHS)
    fn = build(program, "cuda")
    state, data, order, schedule = start(program)
    expected, run = copied(state), fn.engine._run

    def interrupted(phase, *arguments):
        signal.raise_signal(signal.SIGINT)
        run(phase, *arguments)

    monkeypatch.setattr(fn.engine, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fn.epoch(state, data, order, BATCH, schedule)
    monkeypatch.undo()
    fn.epoch(expected, data, order[:BATCH], BATCH, {n: a[:1] for n, a in schedule.items()})
    for name in state:
        np.testing.assert_array_equal(state[name], expected[name])


def test_an_interrupted_step_is_whole(monkeypatch):
    b = Builder("count")
    b.input("a", role="state")
    b.input("x")
    b.eq("a1", (), ap("add", ld("a"), ld("x")))
    fn = build(b.program(updates=(("a", "a1"),)), "cuda")
    state = {"a": np.array(1.0)}
    fn.step(state, {"x": 3.0})
    assert state["a"] == 4.0, "one thread only updates a state of order 0"
    run = fn.engine._run
    monkeypatch.setattr(fn.engine, "_run", lambda *arguments: (run(*arguments), signal.raise_signal(signal.SIGINT)))
    with pytest.raises(KeyboardInterrupt):
        fn.step(state, {"x": 3.0})
    assert state["a"] == 7.0


def test_threads_may_call_at_once():
    program = mlp(WIDTHS, adam=False)
    fn = build(program, "cuda")
    state, data, order, schedule = start(program)
    few = {n: a[:1] for n, a in schedule.items()}
    states = [copied(state) for _ in range(3)]
    threads = [threading.Thread(target=fn.epoch, args=(own, data, order[:BATCH], BATCH, few)) for own in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for own in states[1:]:
        np.testing.assert_array_equal(own["W1"], states[0]["W1"])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_derived_network(dtype):
    program = derived_step()
    arrays, states = data_of(program, dtype)
    found, expected = copied(states), copied(states)
    outputs = build(program, "cuda", dtype).step(found, arrays)
    wanted = build(program, "numpy", dtype).step(expected, arrays)
    same({**outputs, **found}, {**wanted, **expected}, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_model_trained_for_an_epoch(dtype):
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(20, 5)), "y": rng.integers(0, 3, 20)}
    options = {"optimizer": OPTIMIZERS["Adam"](alpha=0.01), "batch_size": 6, "epochs": 1, "dtype": dtype}
    found, expected = network([5, 7, 3]), network([5, 7, 3])
    sd.fit(found, data, target="cuda", clip_norm=0.5, **options)
    sd.fit(expected, data, target="numpy", clip_norm=0.5, **options)
    same(found.values, expected.values, dtype)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_recurrences_run_one_time_after_the_other(dtype, batch_first):
    fn, scan = build(rnn(batch_first=batch_first), "cuda", dtype), build(linear(), "cuda", dtype)
    for length in (0, 1, 2, 4):
        arrays = rnn_arrays(length, N=2, m=3, p=2, batch_first=batch_first)
        expected = {n: np.asarray(a, dtype) for n, a in rnn_by_hand(**arrays, batch_first=batch_first).items()}
        same(fn(arrays), expected, dtype)
        some = {"a": np.array([0.5, -0.25]), "x": np.ones((length, 2))}
        same(scan(some), build(linear(), "numpy", dtype)(some), dtype)


def test_a_scatter_in_a_recurrence():
    b = Recurrence("scatter", T=None, n=None)
    b.input("x", "T", "n")
    b.input("w", "T", "n", kind="int")
    b.begin("scan")
    moved = ap("add", ld("x", "t", "i"), first(Const(0.0), ld("z", before(), "i")))
    where = (Index("t"), ap("add", ld("w", "t", "i"), -1))
    b.eq("z", axes(t="T", i="n"), moved, at=where, extents=b.tensors["x"].shape)
    b.end()
    arrays = {"x": np.arange(12.0).reshape(4, 3), "w": [[1, 1, 3], [2, 2, 2], [3, 0, 1], [1, 2, 3]]}
    same(build(b.program("z"), "cuda")(arrays), build(b.program("z"), "numpy")(arrays), "float64")


def test_the_simulator_compiles_nothing():
    with pytest.raises(CompilerUnavailableError, match="found its simulator"):
        build(mlp((3, 2)), "cuda").engine.ptx()
