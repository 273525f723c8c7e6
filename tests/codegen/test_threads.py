"""Several workers: the same bits for every number of them, whoever forks, interrupts or calls at the same time."""

import os
import signal
import subprocess
import sys
import threading
import time
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl_codegen.runtime.division as division
import symdl_codegen.runtime.engine_cpu as engine_cpu
import symdl_codegen.runtime.traffic as traffic
from symdl_codegen import build
from symdl_codegen.errors import ArgumentError, ComputationError
from symdl_codegen.program import Call, Equation, Index, Load, Tensor, verify
from symdl_codegen.runtime.workers import available, thread_count
from tests.codegen.programs import Builder, ap, axes, ld, mlp
from tests.codegen.random_programs import random_arrays, random_program
from tests.codegen.test_loops_random import Blocks, arrays_of
from tests.codegen.test_random_programs import CHECKS, LENGTHS

COUNTS = (1, 2, 3, 4, 8)
WIDTHS = (70, 130, 60, 10)
SAMPLES, BATCH = 203, 48


@pytest.fixture(autouse=True, scope="module")
def together():
    """Let workers work together however little it gains, and however little there is to do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_cpu, "WAKING", -1.0)
        patch.setattr(division, "BARRIER", 0.0)
        patch.setattr(division, "CROWD", 0.0)
        patch.setattr(traffic, "FETCH", 0.0)
        patch.setattr(engine_cpu, "available", lambda: 256)
        yield


def workers_of(fn):
    """How many workers the plans of a function have."""
    return {plan.workers for plan, _ in fn.engine.plans.values()}


def same_bits(program, arrays, sizes, dtype="float64", counts=COUNTS):
    fn = build(program, dtype=dtype)
    expected = None
    for count in counts:
        fn.threads = count
        found = fn(arrays, sizes)
        expected = found if expected is None else expected
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=f"{name}, {count} threads")
    assert workers_of(fn) == set(counts)
    return expected


@given(st.integers(0, 2**32), LENGTHS, LENGTHS, LENGTHS)
@settings(max_examples=15, deadline=None, suppress_health_check=CHECKS, derandomize=True)
def test_random_programs(seed, n, m, k):
    program = verify(random_program(Random(seed)))
    sizes = {"n": 3 * n, "m": 7 * m, "k": k}
    same_bits(program, random_arrays(program, sizes, seed), sizes, counts=(1, 2, 3, 8))


@given(st.integers(0, 2**32), st.integers(0, 6), LENGTHS, LENGTHS)
@settings(max_examples=6, deadline=None, suppress_health_check=CHECKS, derandomize=True)
def test_random_recurrences(seed, T, n, m):
    program = verify(Blocks(Random(seed)).program())
    sizes = {"T": T, "n": 3 * n, "m": 7 * m}
    same_bits(program, arrays_of(program, sizes, seed), sizes, "float32", counts=(1, 2, 3, 8))


def reductions():
    """A sum over everything, sums of few rows, sums over rows, and a scatter-add of rows."""
    b = Builder("reductions", n=None, m=None, k=None)
    b.input("x", "n", "m")
    b.input("g", "n", kind="int")
    b.input("small", 3, "n")
    b.eq("total", (), ap("exp", ld("x", "i", "j")), "add", axes(i="n", j="m"))
    b.eq("most", axes(j="m"), ld("x", "i", "j"), "max", axes(i="n"))
    b.eq("few", axes(a=3), ap("tanh", ld("small", "a", "i")), "add", axes(i="n"))
    b.eq("rows", axes(i="n"), ap("mul", ld("x", "i", "j"), ld("total")), "add", axes(j="m"))
    b.eq("table", axes(i="n", j="m"), ld("x", "i", "j"), at=(ld("g", "i"), Index("j")), extents=axes_of("k", "m"))
    return b.program("total", "most", "few", "rows", "table")


def axes_of(*names):
    return tuple(axis.extent for axis in axes(**{f"e{k}": name for k, name in enumerate(names)}))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 1000), (1000, 5), (333, 129), (70000, 3), (3, 70000)])
def test_reductions_and_scatters(n, m, dtype):
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(n, m)), "g": rng.integers(0, 8, n), "small": rng.normal(size=(3, n))}
    found = same_bits(reductions(), arrays, {"k": 8}, dtype)
    x = arrays["x"].astype(dtype).astype(float)
    tolerance = {"rtol": 1e-4 if dtype == "float32" else 1e-11, "atol": 1e-3 if dtype == "float32" else 1e-9}
    np.testing.assert_allclose(found["total"], np.exp(x).sum(), **tolerance)
    np.testing.assert_array_equal(found["most"], x.max(0))
    np.testing.assert_allclose(found["few"], np.tanh(arrays["small"]).sum(1), **tolerance)
    np.testing.assert_allclose(found["rows"], x.sum(1) * np.exp(x).sum(), rtol=tolerance["rtol"], atol=n * m)
    table = np.zeros((8, m))
    np.add.at(table, arrays["g"], x)
    np.testing.assert_allclose(found["table"], table, **tolerance)


def start(dtype="float32"):
    program = mlp(WIDTHS)
    rng = np.random.default_rng(0)
    state = {}
    for name, tensor in program.tensors.items():
        if tensor.role == "state":
            lengths = tuple(program.sizes[e.name] for e in tensor.shape)
            state[name] = (rng.normal(size=lengths) * 0.3 if name[0] in "Wb" else np.zeros(lengths)).astype(dtype)
    x = rng.normal(size=(SAMPLES, WIDTHS[0])).astype(dtype)
    y = np.eye(WIDTHS[-1])[rng.integers(0, WIDTHS[-1], SAMPLES)].astype(dtype)
    return program, state, {"x": x, "y": y}


def steps_of(order, batch=BATCH):
    steps = -(-len(order) // batch)
    return {"alpha": np.linspace(0.1, 0.05, steps), "t": np.arange(1.0, steps + 1)}


def copied(state):
    return {name: array.copy() for name, array in state.items()}


def trained(fn, state, data, order, batch=BATCH):
    own = copied(state)
    loss = fn.epoch(own, data, order, batch, steps_of(order, batch)).recorded["loss"]
    return {**own, "loss": loss}


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("batch", [BATCH, 7, SAMPLES])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_epochs(dtype, batch, copied, monkeypatch):
    monkeypatch.setattr(engine_cpu, "COPIED", engine_cpu.COPIED if copied else -1)
    program, state, data = start(dtype)
    fn = build(program, dtype=dtype)
    order = np.random.default_rng(1).permutation(SAMPLES)
    found = []
    for count in COUNTS:
        fn.threads = count
        found.append(trained(fn, state, data, np.tile(order, 5), batch))
    assert workers_of(fn) == set(COUNTS)
    assert np.isfinite(found[0]["loss"]).all()
    for other in found[1:]:
        for name, value in found[0].items():
            np.testing.assert_array_equal(other[name], value, err_msg=name)


def test_the_guard_stops_all_workers_at_one_step():
    program, state, data = start()
    order = np.arange(SAMPLES)
    data["x"][2 * BATCH] = np.inf
    fn = build(program, dtype="float32")
    for count in COUNTS:
        fn.threads = count
        own, expected = copied(state), copied(state)
        assert fn.epoch(own, data, order, BATCH, steps_of(order)).completed_steps == 2
        fn.epoch(expected, data, order[: 2 * BATCH], BATCH, {n: a[:2] for n, a in steps_of(order).items()})
        for name in state:
            np.testing.assert_array_equal(own[name], expected[name])


def factored():
    """The row sums of the inverse of 2 x, between kernels that workers share."""
    b = Builder("factored", n=None)
    b.input("x", "n", "n")
    square = axes(i="n", j="n")
    b.eq("a", square, ap("add", ld("x", "i", "j"), ld("x", "i", "j")))
    extents = (square[0].extent, square[1].extent)
    b.tensors["r"] = Tensor("r", extents)
    b.equations.append(Equation("r", square, Call("inverse", 0, (Load("a", ()),), (extents,))))
    b.eq("y", axes(i="n"), ld("r", "i", "j"), "add", axes(j="n"))
    return b.program("y")


def test_linear_algebra_between_shared_kernels():
    program = factored()
    x = np.random.default_rng(0).normal(size=(40, 40))
    found = same_bits(program, {"x": x}, {})
    np.testing.assert_allclose(found["y"], np.linalg.inv(2 * x).sum(1), rtol=1e-9)
    fn = build(program)
    for count in COUNTS:
        fn.threads = count
        with pytest.raises(ComputationError, match="inverse of a: the matrix to be inverted is singular"):
            fn({"x": np.ones((40, 40))})
        np.testing.assert_array_equal(fn({"x": x})["y"], found["y"])


def test_two_programs_in_two_python_threads():
    program, state, data = start()
    order = np.arange(SAMPLES)
    functions = [build(program, dtype="float32"), build(mlp(WIDTHS, adam=False), dtype="float32")]
    states = [state, {name: array for name, array in state.items() if name[0] in "Wb"}]
    expected = []
    for fn, own in zip(functions, states, strict=True):
        fn.threads = 1
        expected.append(trained(fn, own, data, order))
    found = [[], []]

    def work(number):
        for count in (2, 3) * 5:
            functions[number].threads = count
            found[number].append(trained(functions[number], states[number], data, order))

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in (0, 1):
        assert len(found[number]) == 10
        for other in found[number]:
            np.testing.assert_array_equal(other["W1"], expected[number]["W1"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_has_workers_of_its_own():
    program, state, data = start()
    order = np.arange(SAMPLES)
    fn = build(program, dtype="float32")
    fn.threads = 2
    expected = trained(fn, state, data, order)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            found = trained(fn, state, data, order)
            code = 0 if all(np.array_equal(found[name], expected[name]) for name in expected) else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + 120
    done, status = os.waitpid(child, os.WNOHANG)
    while not done and time.monotonic() < deadline:
        time.sleep(0.02)
        done, status = os.waitpid(child, os.WNOHANG)
    if not done:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert done == child, "the child hangs"
    assert os.waitstatus_to_exitcode(status) == 0
    again = trained(fn, state, data, order)
    np.testing.assert_array_equal(again["W1"], expected["W1"])


SPAWNED = """
import numpy as np
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.codegen.test_threads import SAMPLES, build, start, trained


def job(count):
    program, state, data = start()
    fn = build(program, dtype="float32")
    fn.threads = count
    return trained(fn, state, data, np.arange(SAMPLES))["W1"]


if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        one, two = pool.map(job, (1, 2))
    print(np.array_equal(one, two), np.array_equal(job(3), one))
"""


def test_spawned_processes(tmp_path):
    (tmp_path / "spawned.py").write_text(SPAWNED)
    path = os.pathsep.join(sys.path)
    result = subprocess.run(
        [sys.executable, str(tmp_path / "spawned.py")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.stdout.split() == ["True", "True"], result.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers on this system")
@pytest.mark.parametrize("count", [1, 2, 4])
def test_ctrl_c_in_a_long_epoch_leaves_whole_steps(count):
    b = Builder("counting", n=None)
    b.input("x", "n", 40, role="batch")
    b.input("w", 40, 50, role="state")
    b.input("made", role="state")
    b.eq("z", axes(i="n", j=50), ap("mul", ld("x", "i", "k"), ld("w", "k", "j")), "add", axes(k=40))
    b.eq("g", axes(k=40, j=50), ap("mul", ld("x", "i", "k"), ap("tanh", ld("z", "i", "j"))), "add", axes(i="n"))
    b.eq("w_new", axes(k=40, j=50), ap("add", ld("w", "k", "j"), ap("mul", -1e-4, ld("g", "k", "j"))))
    b.eq("made_new", (), ap("add", ld("made"), 1.0))
    fn = build(b.program(updates=(("w", "w_new"), ("made", "made_new")), batch="n"))
    fn.threads = count
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(64, 40))}
    state = {"w": rng.normal(size=(40, 50)), "made": np.zeros(())}
    expected = copied(state)
    order = np.tile(np.arange(64), 100_000)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    with pytest.raises(KeyboardInterrupt):
        fn.epoch(state, data, order, 32)
    made = int(state["made"])
    assert 0 < made < 200_000
    fn.threads = 1
    fn.epoch(expected, data, order[: 32 * made], 32)
    np.testing.assert_array_equal(state["w"], expected["w"])
    fn.threads = count
    assert fn.epoch(state, data, order[:320], 32).completed_steps == 10


def test_an_interrupt_before_the_first_worker_begins(monkeypatch):
    program, state, data = start()
    order = np.arange(SAMPLES)
    fn = build(program, dtype="float32")
    fn.threads = 3
    expected = trained(fn, state, data, order)
    native, own = fn.engine.epoch_loop, copied(state)
    first = threading.current_thread()

    def interrupted(*arguments):
        if threading.current_thread() is first:
            raise KeyboardInterrupt
        return native(*arguments)

    monkeypatch.setattr(fn.engine, "epoch_loop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fn.epoch(own, data, order, BATCH, steps_of(order))
    monkeypatch.undo()
    for name in state:
        np.testing.assert_array_equal(own[name], state[name])
    np.testing.assert_array_equal(trained(fn, state, data, order)["W1"], expected["W1"])


def test_more_threads_than_processors():
    program, state, data = start()
    order = np.arange(SAMPLES)
    fn = build(program, dtype="float32")
    fn.threads = 1
    expected = trained(fn, state, data, order)
    fn.threads = 4 * available() + 3
    np.testing.assert_array_equal(trained(fn, state, data, order)["W1"], expected["W1"])


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "two", True])
def test_wrong_numbers_of_threads(wrong):
    fn = build(mlp((3, 2)))
    with pytest.raises(ArgumentError, match="threads: expected an integer of at least 1"):
        fn.threads = wrong


def test_the_variable(monkeypatch):
    monkeypatch.setenv("SYMDL_NUM_THREADS", "3")
    assert thread_count() == 3
    assert thread_count(2) == 2
    monkeypatch.setenv("SYMDL_NUM_THREADS", "")
    assert thread_count() == available()
    for wrong in ("0", "-2", "many", "1.5"):
        monkeypatch.setenv("SYMDL_NUM_THREADS", wrong)
        with pytest.raises(ArgumentError, match="SYMDL_NUM_THREADS: expected an integer of at least 1"):
            thread_count()
