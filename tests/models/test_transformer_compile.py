"""Cold compilation of a character transformer's training step: less than 20 s of processor time, of all processes."""

import json
import os
import resource
import subprocess
import sys

import pytest

MOST = 20.0  # seconds
CODE = """
import json
from time import process_time
import symdl_codegen.intrinsics.numba_ops  # numba's own import is not compilation
from symdl.models.language import language_model
from symdl.models.transformer import Sizes
from symdl.optimizers.adamw import AdamW
from symdl.train.programs import Where, training
from symdl.train.step import Part, Switches

begin = process_time()
declared = language_model(95, 64, Sizes.of(128, 4, 512), 4).declared
[group] = declared.groups
built = training(declared, Where((), dtype="float32"), [Part(group.name, group.parameters, AdamW())], Switches())
assert built.seconds["cached"] is False
own = process_time() - begin
print(json.dumps({"begin": begin, "own": own, "stages": built.seconds, "kernels": len(built.executable.kernels)}))
"""


def used():
    """Seconds of processor time of the processes that have ended, and of those that they have waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


@pytest.mark.slow
def test_cold_compilation(tmp_path, capsys):
    """Four blocks of four heads, 128 features, 64 places: declared, derived, emitted and compiled, nothing cached."""
    environment = {**os.environ, "SYMDL_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    before = used()
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    total = used() - before - found["begin"]
    stages = ", ".join(f"{name} {value:.1f}" for name, value in found["stages"].items() if name != "cached")
    with capsys.disabled():
        print(f"\n{total:.1f} s of processor time for {found['kernels']} kernels, {found['own']:.1f} s in the process "
              f"itself; seconds by stage: {stages}")  # fmt: skip
    assert total > found["own"], "the processes that compile count"
    assert total < MOST, stages
