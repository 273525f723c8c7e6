"""Losses of one sample as equations, one file each, found by a scan: the function has the file's name."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

LOSSES: dict[str, Callable[..., Any]] = {
    name: getattr(importlib.import_module(f"{__name__}.{name}"), name)
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__))
    if not name.startswith("_")
}
globals().update(LOSSES)

__all__ = ["LOSSES", *LOSSES]
