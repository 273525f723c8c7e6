"""The workloads in sizes that run in no time."""

from dataclasses import replace
from typing import Any

from symdl.bench.workloads import WORKLOADS

TINY: dict[str, dict[str, Any]] = {
    "mlp": {"widths": (12, 8, 10), "batch": 4, "steps": 5},
    "lenet": {"batch": 2, "steps": 2},
    "lstm": {"length": 5, "features": 4, "units": 6, "batch": 4, "steps": 5},
    "transformer": {"symbols": 7, "length": 6, "features": 8, "heads": 2, "depth": 2, "batch": 3, "steps": 5},
    "hessian": {"samples": 20, "features": 5},
    "hessian-mf": {"rows": 6, "columns": 5, "rank": 3},
    "hessian-quadratic": {"size": 7},
    "mlp-gradient": {"widths": (12, 9, 8, 5), "batch": 4},
    "mlp-hvp": {"widths": (12, 9, 8, 5), "batch": 4},
}


def tiny(name: str) -> Any:
    """Return a workload with other sizes."""
    return replace(WORKLOADS[name], **TINY[name])
