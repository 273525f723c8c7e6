"""Kernels alone, found by a scan of this folder: each file has a ``NAME``, a ``TITLE`` and ``cases()``."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from typing import NamedTuple

from symdl.bench.case import Case


class Group(NamedTuple):
    """Kernels of one kind."""

    title: str
    cases: Callable[[], Sequence[Case]]


GROUPS: dict[str, Group] = {}
for _module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
    _file = importlib.import_module(f"{__name__}.{_module.name}")
    GROUPS[_file.NAME] = Group(_file.TITLE, _file.cases)
