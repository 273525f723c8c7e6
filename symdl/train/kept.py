"""Compiled programs between runs: what equations become, down to the text of their kernels, in the disk cache.

The key is a hash of everything that this depends on: the equations, what is made of them, the source of symdl, the
versions of what it is made with. What has no such key, as an op or an optimizer that is not symdl's, is made anew.
"""

import dataclasses
import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import symdl_codegen
from symdl.errors import CheckpointError
from symdl.expr.scalar import SCALAR_OPS
from symdl.optimizers.optimizer import SYMBOLS
from symdl.train.checkpoint import equations
from symdl.train.codec import decode, encode
from symdl.train.declaration import Declaration
from symdl.train.step import Part, Rates
from symdl_codegen.runtime.cache import key_of
from symdl_codegen.runtime.cache import read as read_file
from symdl_codegen.runtime.cache import write as write_file

FORMAT = "1"
_NEUTRAL = (
    "SYMDL_CACHE_DIR",
    "SYMDL_COMPILERS",
    "SYMDL_NUM_THREADS",
)  # variables of the environment that no program depends on


def key(declared: Declaration, what: Sequence[Any], parts: Sequence[Part] = ()) -> str | None:
    """Return the key of a program, or None where not all that it depends on is known.

    Args:
        declared: The equations.
        what: What is made of them: plain data.
        parts: In a training, what it changes, and how.
    """
    if os.environ.get("SYMDL_PROGRAM_CACHE") == "0":
        return None
    try:
        text = equations(declared)
    except CheckpointError:
        return None
    ops = {SCALAR_OPS[name] for name in re.findall(r'"op (\w+)"', text)}
    optimizers = [_optimizer(part) for part in parts]
    if not all(op.__module__.startswith("symdl.") for op in ops) or None in optimizers:
        return None
    return key_of("program", FORMAT, _code(), _settings(), text, json.dumps([list(what), optimizers]))


def load(name: str) -> tuple[bytes, dict[str, Any]] | None:
    """Return what was kept under a key: a program for ``symdl_codegen.pipeline.read``, and what belongs to it."""
    try:
        fields, content = read_file(f"{name}.program")
        return content, fields["about"]
    except (LookupError, TypeError):
        return None


def save(name: str, program: bytes, about: Mapping[str, Any]) -> None:
    """Keep a program, and what belongs to it as plain data."""
    write_file(f"{name}.program", {"about": about}, program)


def rates_as_text(rates: Mapping[str, Rates]) -> dict[str, str] | None:
    """Return what ``step`` inputs stand for as JSON, by group; None where that is not possible."""
    try:
        return {group: encode(found.expressions) for group, found in rates.items()}
    except CheckpointError:
        return None


def rates_from_text(texts: Mapping[str, str]) -> dict[str, Rates]:
    """Return what ``rates_as_text`` wrote."""
    return {group: Rates(decode(text)) for group, text in texts.items()}


def _optimizer(part: Part) -> list[Any] | None:
    """Return what of an optimizer and its parameters enters the equations of a step: not its numbers."""
    cls = type(part.optimizer)
    if not cls.__module__.startswith("symdl."):
        return None
    fields = dataclasses.fields(part.optimizer)  # type: ignore[arg-type]  # because every subclass is a dataclass
    others = {field.name: getattr(part.optimizer, field.name) for field in fields if field.name not in SYMBOLS}
    if not all(value is None or isinstance(value, bool | int | float | str) for value in others.values()):
        return None
    return [part.group, [symbol.name for symbol in part.parameters], cls.__module__, cls.__qualname__, repr(others)]


@cache
def _code() -> str:
    """Return a hash of the source of symdl and of the code generator, and the versions of what works with them."""
    found = hashlib.sha256()
    for folder in (Path(__file__).parents[1], Path(symdl_codegen.__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            found.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return "\0".join(
        [
            found.hexdigest(),
            platform.python_version(),
            *(version(name) for name in ("sympy", "mpmath", "numpy", "opt_einsum")),
        ]
    )


def _settings() -> str:
    found = {name: value for name, value in os.environ.items() if name.startswith("SYMDL_") and name not in _NEUTRAL}
    return json.dumps(found, sort_keys=True)
