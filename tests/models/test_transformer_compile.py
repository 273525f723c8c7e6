"""Cold compilation of a character transformer's training step: less than 20 s of processor time, of all processes."""

import json
import os
import subprocess
import sys

import pytest

MOST = 20.0  # seconds
CODE = """
import json, resource
import symdl_codegen.intrinsics.numba_ops  # numba's own import is not compilation
from symdl.models.language import language_model
from symdl.models.transformer import Sizes
from symdl.optimizers.adamw import AdamW
from symdl.train.programs import Where, training
from symdl.train.step import Part, Switches
from symdl_codegen.runtime.processes import _end, _running

def used(whose):
    found = resource.getrusage(whose)
    return found.ru_utime + found.ru_stime

begin = used(resource.RUSAGE_SELF)
declared = language_model(95, 64, Sizes.of(128, 4, 512), 4).declared
[group] = declared.groups
built = training(declared, Where((), dtype="float32"), [Part(group.name, group.parameters, AdamW())], Switches())
assert built.seconds["cached"] is False
own, compilers = used(resource.RUSAGE_SELF) - begin, len(_running)
_end(_running)  # those that have ended count
children = used(resource.RUSAGE_CHILDREN)
print(json.dumps({"own": own, "children": children, "compilers": compilers, "stages": built.seconds,
                  "kernels": len(built.executable.kernels)}))
"""


@pytest.mark.slow
def test_cold_compilation(tmp_path, capsys):
    """Four blocks of four heads, 128 features, 64 places: declared, derived, emitted and compiled, nothing cached."""
    environment = {**os.environ, "SYMDL_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    stages = ", ".join(f"{name} {value:.1f}" for name, value in found["stages"].items() if name != "cached")
    total = found["own"] + found["children"]
    with capsys.disabled():
        print(f"\n{total:.1f} s of processor time for {found['kernels']} kernels, {found['children']:.1f} of them in "
              f"{found['compilers']} processes that compile; seconds by stage: {stages}")  # fmt: skip
    assert not found["compilers"] or found["children"] > 0.5
    assert total < MOST, stages
