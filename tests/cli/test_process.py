"""The command line as a process: ``python -m symdl``, Ctrl-C, pipes."""

import os
import signal
import subprocess
import sys
import time

import pytest

import symdl as sd
from symdl.models import RECIPES
from tests.architecture.source import ROOT

# Not needed to print help.
LATE = ["numba", "sklearn", "matplotlib", "scipy.stats", "safetensors"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "codegen")])}


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "symdl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False, **options)


def test_module_is_the_command():
    done = run("list", "--names")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == list(RECIPES)


def test_help_imports_nothing_heavy():
    code = f"""import sys
from symdl.cli import app
app(["--help"], standalone_mode=False)
print([name for name in {LATE} if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_output_survives_a_reader_that_stops_and_a_plain_terminal():
    code = f"{sys.executable} -m symdl list --names | head -1"
    done = subprocess.run(code, shell=True, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert "Traceback" not in done.stderr
    ascii_only = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "symdl", "show", "linear"]
    done = subprocess.run(command, capture_output=True, text=True, env=ascii_only, check=False)
    assert done.returncode == 0, done.stderr
    assert "data        diabetes" in done.stdout


@pytest.mark.parametrize("model", ["digits-mlp", "linear"])
def test_interrupted_training_leaves_a_readable_checkpoint(tmp_path, model):
    """With a checkpoint after each epoch, and with one native call for very many epochs."""
    command = [sys.executable, "-m", "symdl", "train", model, "--out", str(tmp_path), "--epochs", "100000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    checkpoint, deadline = tmp_path / "checkpoint.safetensors", time.monotonic() + 120
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if checkpoint.exists() or (model == "linear" and (tmp_path / "derivation.html").exists()):
                break
            time.sleep(0.05)
        time.sleep(2.0)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert errors.endswith("interrupted\n")
    assert "Traceback" not in errors
    assert set(sd.load(checkpoint).values) == {symbol.name for symbol in _model(model).declared.parameters}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def _model(name):
    recipe = RECIPES[name]
    return recipe.build(recipe.splits()[0])
