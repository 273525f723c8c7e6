"""One copy of each package, a quick import, and heavy dependencies only when they are needed."""

import json
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

from tests.architecture.source import PACKAGES, ROOT, package_files

# Not loaded by ``import symdl``: needed by some of its functions, or not at all.
LATE = ["numba", "llvmlite", "sklearn", "matplotlib", "typer", "rich", "torch", "jax"]
SECONDS = 1.0  # of processor time: what else the machine does must not fail the test
PROBE = f"""
import json, sys, time
import sympy, numpy
began = time.process_time()
import symdl
seconds = time.process_time() - began
loaded = [name for name in {LATE} if name in sys.modules]
print(json.dumps({{"seconds": seconds, "loaded": loaded, "modules": sorted(sys.modules)}}))
"""


def probe() -> dict:
    path = [str(ROOT), str(ROOT / "codegen")]
    code = f"import sys; sys.path[:0] = {path!r}\n{PROBE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_import_is_quick_and_light():
    runs = [probe() for _ in range(3)]
    assert runs[0]["loaded"] == []
    # The best of three: the first run may compile bytecode, and other tests are running.
    assert min(run["seconds"] for run in runs) < SECONDS


def test_nothing_is_imported_by_its_folder_name():
    assert not (ROOT / "codegen" / "__init__.py").exists()
    assert [name for name in probe()["modules"] if name.split(".")[0] == "codegen"] == []


def test_each_package_is_the_one_of_this_checkout():
    for package, folder in PACKAGES.items():
        spec = find_spec(package)
        assert spec is not None
        assert [Path(path).resolve() for path in spec.submodule_search_locations] == [folder]


def test_every_folder_with_source_is_a_package():
    """A missing __init__ would make a namespace package, of which two halves can be merged unnoticed."""
    folders = {file.path.parent for package in PACKAGES for file in package_files(package)}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_wheel_holds_exactly_the_two_packages():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert [ROOT / package for package in build["targets"]["wheel"]["packages"]] == list(PACKAGES.values())
