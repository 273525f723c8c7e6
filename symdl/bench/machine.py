"""What was measured on: the processor, its vectors, the versions of everybody."""

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from symdl.bench.child import processors
from symdl_codegen.intrinsics.machine import processor, vector_bytes

PACKAGES = ("symdl", "numpy", "numba", "llvmlite", "torch", "jax")


def machine() -> dict[str, Any]:
    """Return what tables and files say about where and when figures were taken."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": _model() or processor()[0],
        "cores": len(processors()),
        "vector bits": 8 * vector_bytes(),
        "python": platform.python_version(),
        "versions": versions,
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
