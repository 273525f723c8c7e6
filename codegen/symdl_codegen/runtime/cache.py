"""The disk cache: one file for each compiled function or program, named by the hash of all that determines it.

A file holds a JSON line (its digest, and what else there is to say) and then its content. Files appear by an atomic
rename, so any number of processes may compile at once; a damaged file counts as absent.
"""

import hashlib
import json
import os
import sys
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

FORMAT = "3"  # change it when the layout of cache files or the meaning of emitted text changes


@dataclass(frozen=True, slots=True)
class NativeCode:
    """Relocatable object code, the symbol to call in it, and the external functions it needs."""

    symbol: str
    externals: tuple[str, ...]
    code: bytes


def cache_directory() -> Path:
    """``SYMDL_CACHE_DIR`` or the platform's user cache directory."""
    chosen = os.environ.get("SYMDL_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "symdl"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "symdl"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "symdl"


@cache
def environment() -> str:
    """What every key depends on: the compilers' versions, our intrinsics, how we compile, and the processor."""
    from symdl_codegen.intrinsics.machine import processor

    here = Path(__file__).parent
    sources = [*sorted((here.parent / "intrinsics").glob("*.py")), here / "compiler.py"]
    intrinsics = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return "\0".join([FORMAT, version("numba"), version("llvmlite"), sys.version.split()[0], *processor(), intrinsics])


def key_of(*parts: str) -> str:
    """The hash of ``parts`` and of the ``environment``."""
    return hashlib.sha256("\0".join([environment(), *parts]).encode()).hexdigest()[:40]


def load(key: str) -> NativeCode | None:
    """The cached code for ``key``, or None where there is none or it is damaged."""
    try:
        fields, code = read(f"{key}.native")
        return NativeCode(fields["symbol"], tuple(fields["externals"]), code)
    except (LookupError, TypeError):
        return None


def save(key: str, native: NativeCode) -> None:
    """Write ``native`` under ``key``; where the directory cannot be written, warn once and go on."""
    write(f"{key}.native", {"symbol": native.symbol, "externals": native.externals}, native.code)


def read(name: str) -> tuple[dict[str, Any], bytes]:
    """The fields and the content of a file of the cache; LookupError where there is none or it is damaged."""
    try:
        head, _, content = (cache_directory() / name[:2] / name).read_bytes().partition(b"\n")
        fields = json.loads(head)
        if hashlib.sha256(content).hexdigest() != fields["digest"]:
            raise LookupError(name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LookupError(name) from error
    return fields, content


def write(name: str, fields: dict[str, Any], content: bytes) -> None:
    """Write a file of the cache; where the directory cannot be written, warn once and go on."""
    fields = {**fields, "digest": hashlib.sha256(content).hexdigest()}
    directory = cache_directory() / name[:2]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=directory, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(fields).encode() + b"\n" + content)
            os.replace(part, directory / name)
        except OSError:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        _warn_once(str(cache_directory()), error.strerror or "unknown reason")


@cache
def _warn_once(directory: str, reason: str) -> None:
    warnings.warn(
        f"symdl cannot write its kernel cache in {directory} ({reason}); kernels are compiled anew in each process. "
        "Set SYMDL_CACHE_DIR to a writable directory.",
        RuntimeWarning,
        stacklevel=2,
    )
