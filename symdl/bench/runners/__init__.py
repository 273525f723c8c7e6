"""The runners, one way each to run a workload, found by a scan of this folder: the ``RUNNER`` of each file."""

import importlib
import pkgutil

from symdl.bench.runner import Runner

RUNNERS: dict[str, type[Runner]] = {}
for _module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    _runner = importlib.import_module(f"{__name__}.{_module.name}").RUNNER
    RUNNERS[_runner.name] = _runner
