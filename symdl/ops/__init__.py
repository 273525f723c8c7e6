"""Ops, one file each, found by a scan of this folder. ``symdl.ops.elementwise`` has their functions for tensors."""

import importlib
import pkgutil

for _module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    importlib.import_module(f"{__name__}.{_module.name}")
