"""The kernel cache: cold and warm processes, damage, unwritable folders, concurrent compilation, light imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from symdl_codegen.runtime.cache import cache_directory

ROOT = Path(__file__).parents[2]
BUILD = """
import sys, time
from tests.codegen.programs import mlp
from symdl_codegen import build
import numpy as np
started = time.perf_counter()
fn = build(mlp((5, 4, 3)), "cpu", "float32")
print(time.perf_counter() - started, fn.timings["cached"], "numba" in sys.modules)
"""


def run(code, cache, *options):
    environment = {**os.environ, "SYMDL_CACHE_DIR": str(cache), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'codegen'}"}
    return subprocess.run(
        [sys.executable, *options, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
    )


def built(result):
    assert result.returncode == 0, result.stderr
    seconds, cached, numba = result.stdout.split()
    return float(seconds), cached == "True", numba == "True"


def test_second_process_is_warm_and_needs_no_numba(tmp_path):
    cold, cached, _ = built(run(BUILD, tmp_path))
    assert not cached
    warm, cached, numba = built(run(BUILD, tmp_path))
    assert cached
    assert not numba
    assert warm < min(1.0, cold)


def test_damaged_entries_are_compiled_again(tmp_path):
    built(run(BUILD, tmp_path))
    entries = sorted(tmp_path.rglob("*.native"))
    assert len(entries) > 5
    entries[0].write_bytes(b"")
    entries[1].write_bytes(entries[1].read_bytes()[:-10])
    entries[2].write_bytes(b"\xff\x00 not json\n" + b"x" * 100)
    assert not built(run(BUILD, tmp_path))[1]
    assert built(run(BUILD, tmp_path))[1]


def test_unwritable_folder_warns_once_and_works(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    result = run(BUILD, blocked)
    assert not built(result)[1]
    assert result.stderr.count("symdl cannot write its kernel cache") == 1


def test_processes_may_compile_at_once(tmp_path):
    environment = {
        **os.environ,
        "SYMDL_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'codegen'}",
    }
    running = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in running:
        _, error = process.communicate(timeout=100)
        assert process.returncode == 0, error
    assert not list(tmp_path.rglob("*.part"))
    assert built(run(BUILD, tmp_path))[1]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("symdl_codegen.program", ("numba", "llvmlite", "numpy", "sympy")),
        ("symdl_codegen.pipeline", ("numba", "sympy", "symdl")),
    ],
)
def test_imports_are_light(module, absent, tmp_path):
    result = run(f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])", tmp_path)
    assert result.stdout.strip() == "[]", result.stderr


def test_the_folder_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for own, users, expected in (
        ("", "", ".cache/symdl"), ("", "users", "users/symdl"), ("own", "users", "own"), ("own", "", "own"),
    ):  # fmt: skip
        monkeypatch.setenv("SYMDL_CACHE_DIR", own and str(tmp_path / own))
        monkeypatch.setenv("XDG_CACHE_HOME", users and str(tmp_path / users))
        assert cache_directory() == tmp_path / expected
