"""Compilation in several processes: the same bytes as here, no process left behind, and this one where they fail."""

import os
import signal
import subprocess
import sys
import time
from threading import Event, Thread

import numpy as np
import pytest

from symdl_codegen.errors import ArgumentError
from symdl_codegen.pipeline import build
from symdl_codegen.runtime import ahead, driver, native, processes
from symdl_codegen.runtime.compiler import Job, compile_job
from symdl_codegen.scalars import evaluate
from tests.codegen.programs import mlp
from tests.codegen.test_cache import ROOT

posix = pytest.mark.skipif(os.name != "posix", reason="signals and process tables of POSIX systems")


def jobs(count=5):
    """Jobs that no cache has: a helper, and functions of their own each."""
    texts = [f"def f{k}(x, n):\n    for i in range(n):\n        x[i] = exp(x[i]) + real({k}.0)" for k in range(count)]
    found = [native._function_job(f"f{k}", text, ("real*", "size"), "float32") for k, text in enumerate(texts)]
    return [*found, native._helper_job("pack_float32")]


@pytest.fixture
def two(monkeypatch):
    """Two processes, ended afterwards."""
    monkeypatch.setenv("SYMDL_COMPILERS", "2")
    processes._end(processes._running)
    yield
    processes._end(processes._running)


def test_same_bytes_as_in_this_process(two):
    todo = jobs()
    found = dict(processes.compile_all(todo))
    assert len(processes._running) == 2
    assert any(compiler.greeted for compiler in processes._running)  # both took part, unless one had hardly begun
    for job in todo:
        assert found[job.key] == compile_job(job)


def test_none_are_started_for_little_or_where_forbidden(monkeypatch):
    processes._end(processes._running)
    monkeypatch.setenv("SYMDL_COMPILERS", "2")
    assert len(dict(processes.compile_all(jobs(1)))) == 2
    monkeypatch.setenv("SYMDL_COMPILERS", "0")
    assert len(dict(processes.compile_all(jobs()))) == 6
    assert not any(compiler.alive for compiler in processes._running)


@pytest.mark.parametrize("text", ["abc", "-1", "1.5"])
def test_a_number_of_processes_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("SYMDL_COMPILERS", text)
    with pytest.raises(ArgumentError, match=f"SYMDL_COMPILERS: expected an integer of at least 0, found '{text}'"):
        processes.start()


def test_processes_that_fail_are_replaced_by_this_one(two, monkeypatch):
    monkeypatch.setattr(processes, "_BOOT", "raise SystemExit(1)")
    todo = jobs()
    assert {key for key, _ in processes.compile_all(todo)} == {job.key for job in todo}
    monkeypatch.setattr(processes, "_BOOT", "print('nonsense', flush=True); input()")
    assert {key for key, _ in processes.compile_all(todo)} == {job.key for job in todo}


def test_processes_of_another_version_are_not_used(two, monkeypatch):
    monkeypatch.setattr(processes, "environment", lambda: "another")
    assert len(dict(processes.compile_all(jobs()))) == 6
    assert not any(compiler.greeted for compiler in processes._running)


def test_where_no_process_can_be_made(two, monkeypatch):
    monkeypatch.setattr(processes.sys, "executable", "/no/such/python")
    assert len(dict(processes.compile_all(jobs()))) == 6
    assert not processes._running


def test_a_hanging_process_is_ended(two, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 1)
    monkeypatch.setattr(processes, "_BOOT", "import time; time.sleep(1000)")
    assert len(dict(processes.compile_all(jobs()))) == 6
    assert not any(compiler.alive for compiler in processes._running)


def test_errors_are_raised_here(two):
    wrong = [
        Job(f"wrong{k}", "f", "def f(x, n):\n    x[0] = no_such_name", ("real*", "size"), "float32") for k in "abcd"
    ]
    with pytest.raises(Exception, match="no_such_name"):
        dict(processes.compile_all(wrong))
    todo = jobs()
    assert {key for key, _ in processes.compile_all(todo)} == {job.key for job in todo}  # and nothing is broken


@posix
def test_a_killed_process_is_survived(two):
    processes.start()
    os.kill(processes._running[0].process.pid, signal.SIGKILL)
    os.kill(processes._running[1].process.pid, signal.SIGSTOP)
    os.kill(processes._running[1].process.pid, signal.SIGKILL)
    assert len(dict(processes.compile_all(jobs()))) == 6


@posix
@pytest.mark.parametrize("ending", ["", "os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)", "1 / 0"])
def test_none_outlives_its_parent(ending, tmp_path):
    code = (
        "import os, signal\nfrom symdl_codegen.runtime import processes\nprocesses.start()\n"
        "print(*(c.process.pid for c in processes._running), flush=True)\n" + ending
    )
    environment = {
        **os.environ,
        "SYMDL_COMPILERS": "2",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "codegen")]),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    pids = list(map(int, done.stdout.split()))
    assert len(pids) == 2
    for _ in range(600):
        if not any(map(_runs, pids)):
            return
        time.sleep(0.1)
    raise AssertionError("a compiling process runs on")


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")


@posix
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # because the child does nothing but look and leave
def test_a_forked_process_has_none(two):
    processes.start()
    child = os.fork()
    if child == 0:
        os._exit(0 if not processes._running else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert all(compiler.alive for compiler in processes._running)
    assert len(dict(processes.compile_all(jobs()))) == 6


def test_a_program_computes_the_same(two, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMDL_CACHE_DIR", str(tmp_path / "processes"))
    monkeypatch.setattr(native, "_LOADED", {})
    program = mlp((5, 4, 3))
    several = build(program, "cpu", "float32")
    assert several.engine.compiled > processes.FEWEST_JOBS
    monkeypatch.setenv("SYMDL_COMPILERS", "0")
    monkeypatch.setenv("SYMDL_CACHE_DIR", str(tmp_path / "here"))
    monkeypatch.setattr(native, "_LOADED", {})
    processes._end(processes._running)
    alone = build(program, "cpu", "float32")
    kept = [
        sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.native"))
        for name in ("processes", "here")
    ]
    assert kept[0] == kept[1]
    assert kept[0]
    for path in kept[0]:
        assert (tmp_path / "processes" / path).read_bytes() == (tmp_path / "here" / path).read_bytes()
    rng = np.random.default_rng(0)
    arrays = {}
    for name, tensor in program.tensors.items():
        if tensor.role != "temporary":
            shape = [
                evaluate(extent, {name: value or 7 for name, value in program.sizes.items()}) for extent in tensor.shape
            ]
            arrays[name] = rng.normal(size=shape).astype("float32")
    one, other = several(arrays), alone(arrays)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_what_all_trainings_need_is_compiled_ahead(two, monkeypatch, tmp_path):
    monkeypatch.setenv("SYMDL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(native, "_LOADED", {})
    monkeypatch.setattr(native, "_COMPILED", {})
    threads = []
    monkeypatch.setattr(
        ahead.threading, "Thread", lambda **options: threads.append(options["target"]) or Thread(**options)
    )
    ahead.compile_ahead("float32")
    assert len(processes._running) == 1  # one core is left to this process
    assert ahead._compile in threads
    ahead._compile("float32")  # waits for the thread, which has the lock, or does it
    assert len(processes._running) == 2
    kept = {path.stem for path in tmp_path.rglob("*.native")}
    needed = [native._function_job(*source) for source in driver.sources(training=True)]
    needed += [native._helper_job(f"{helper}_float32") for helper in ahead.HELPERS]
    assert kept == {job.key for job in needed}
    monkeypatch.setenv("SYMDL_COMPILERS", "0")
    processes._end(processes._running)
    processes._running.clear()
    threads.clear()
    ahead.compile_ahead("float64")
    assert not threads  # nobody to do it meanwhile


def test_ahead_nothing_is_compiled_in_this_process(two, monkeypatch, tmp_path):
    """Its thread is one that nobody waits for."""
    monkeypatch.setenv("SYMDL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(native, "_LOADED", {})
    monkeypatch.setattr(native, "_COMPILED", {})
    monkeypatch.setattr(processes, "_BOOT", "raise SystemExit(1)")
    monkeypatch.setattr(processes, "compile_job", lambda job: pytest.fail(f"{job.name} is compiled here"))
    ahead._compile("float32")
    native.prepare([], ["tile_float32"], here=False)
    assert not native._COMPILED
    assert native._LOCK.acquire(blocking=False)
    native._LOCK.release()


COMPILING = """
import threading, time
from symdl_codegen.runtime import cache, compiler, native
cache.load, begun, inside = lambda key: None, threading.Event(), compiler._object_code

def compiled(*arguments, **options):
    begun.set()
    return inside(*arguments, **options)

compiler._object_code = compiled
threading.Thread(target=native.symbol, args=("tile_float32",), daemon=True).start()
begun.wait()
time.sleep(0.1)
"""


def test_the_end_waits_for_a_thread_that_compiles(tmp_path):
    """LLVM must not be taken down while it works."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "codegen")])
    environment = {**os.environ, "PYTHONPATH": paths, "SYMDL_CACHE_DIR": str(tmp_path)}
    ending = [subprocess.Popen([sys.executable, "-c", COMPILING], env=environment) for _ in range(2)]
    assert [process.wait(60) for process in ending] == [0, 0]


@posix
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # because the child does nothing but look and leave
def test_a_forked_process_may_compile_while_its_parent_does(two):
    held, done = Event(), Event()

    def hold():
        with native._LOCK:
            held.set()
            done.wait(60)

    Thread(target=hold).start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if native._LOCK.acquire(timeout=5) else 1)
    done.set()
    assert os.waitpid(child, 0)[1] == 0
