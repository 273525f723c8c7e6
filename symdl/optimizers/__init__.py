"""Optimizers as equations, one file each, found by a scan of this folder; and schedules of the learning rate."""

import importlib
import pkgutil

from symdl.optimizers import schedules
from symdl.optimizers.optimizer import Optimizer, optimizers_in

OPTIMIZERS: dict[str, type[Optimizer]] = {}
for _module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    OPTIMIZERS.update(optimizers_in(importlib.import_module(f"{__name__}.{_module.name}")))
globals().update(OPTIMIZERS)

__all__ = ["OPTIMIZERS", "Optimizer", "schedules", *OPTIMIZERS]
