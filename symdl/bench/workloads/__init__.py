"""The workloads, found by a scan of this folder: the ``WORKLOADS`` of each file."""

import importlib
import pkgutil

from symdl.bench.workload import Workload
from symdl.errors import InputError

ORDER = (
    "mlp",
    "lenet",
    "recurrent",
    "transformer",
    "logistic_hessian",
    "quadratic_hessian",
)  # of the table; others follow
_NAMES = sorted((module.name for module in pkgutil.iter_modules(__path__)), key=lambda n: (n not in ORDER, n))
WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for name in (*ORDER, *(name for name in _NAMES if name not in ORDER))
    for workload in importlib.import_module(f"{__name__}.{name}").WORKLOADS
}


def find(name: str) -> Workload:
    """Return a workload by name.

    Raises:
        InputError: for an unknown name.
    """
    if name not in WORKLOADS:
        raise InputError(f"unknown workload {name!r}; expected one of {', '.join(WORKLOADS)}")
    return WORKLOADS[name]
