"""Source text -> machine code -> address, through the disk cache. What is not there is compiled, in parallel."""

import atexit
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import binding

from symdl_codegen.intrinsics.lapack import ROUTINES, routine_address
from symdl_codegen.runtime import cache, processes
from symdl_codegen.runtime.compiler import Job, compile_job, target_machine

_LOCK = threading.RLock()
_LOADED: dict[str, "Loaded"] = {}
_COMPILED: dict[str, cache.NativeCode] = {}  # not linked yet

Source = tuple[str, str, Sequence[str], str]


@dataclass(frozen=True)
class Loaded:
    """Native code in this process: its address, and whether it came without compiling. ``keep`` owns the memory."""

    address: int
    cached: bool
    keep: Any


def prepare(sources: Iterable[Source], symbols: Iterable[str], here: bool = True) -> None:
    """Compile what ``function`` and ``symbol`` will be asked for and the cache does not have, in parallel.

    Without ``here`` what the processes do not compile is left for later.
    """
    jobs = [_function_job(*source) for source in sources]
    jobs += [_helper_job(name) for name in symbols if not _is_routine(name)]
    if not _LOCK.acquire(blocking=False):  # another thread compiles ahead: this one is no longer busy
        processes.start()
        _LOCK.acquire()
    try:
        missing = {job.key: job for job in jobs if job.key not in _LOADED and not _on_disk(job.key)}
        for key, native in processes.compile_all(list(missing.values()), here):
            _COMPILED[key] = native
            cache.save(key, native)
    finally:
        _LOCK.release()


def function(name: str, source: str, parameters: Sequence[str], dtype: str) -> Loaded:
    """The native code of the function ``name`` in ``source``; parameter types as in ``EmittedKernel.parameters``."""
    return _obtain(_function_job(name, source, parameters, dtype))


def symbol(name: str) -> Loaded:
    """A native helper by name and floating type: ``tile_float32``, ``pack_float64``, LAPACK's ``getrf_float64`` ..."""
    if _is_routine(name):
        return Loaded(routine_address(*name.split("_")), True, None)
    return _obtain(_helper_job(name))


def _function_job(name: str, source: str, parameters: Sequence[str], dtype: str) -> Job:
    code = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("#"))
    return Job(cache.key_of("function", name, code, *parameters, dtype), name, source, tuple(parameters), dtype)


def _helper_job(name: str) -> Job:
    return Job(cache.key_of("helper", name), name)


def _is_routine(name: str) -> bool:
    return name.split("_")[0] in ROUTINES


def _obtain(job: Job) -> Loaded:
    with _LOCK:
        if job.key in _LOADED:
            return _LOADED[job.key]
        native = _COMPILED.pop(job.key, None)
        cached = native is None
        native = native or _usable(cache.load(job.key))
        if native is None:
            native, cached = compile_job(job), False
            cache.save(job.key, native)
        linked = _link(native, cached)
        _LOADED[job.key] = Loaded(linked.address, True, linked.keep)
        return linked


def _on_disk(key: str) -> bool:
    return key in _COMPILED or _usable(cache.load(key)) is not None


def _usable(native: cache.NativeCode | None) -> cache.NativeCode | None:
    """The code, where this process can resolve what it calls (the mathematics library, as a rule)."""
    present = native is not None and all(binding.address_of_symbol(name) for name in native.externals)
    return native if present else None


def _link(native: cache.NativeCode, cached: bool) -> Loaded:
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(native.code))
    engine.finalize_object()
    address = engine.get_function_address(native.symbol)
    return Loaded(address, cached, engine)


def _end() -> None:
    """Wait until no other thread compiles or loads anything, and let none begin: LLVM is taken down next."""
    processes.end()
    _LOCK.acquire()


def _forget() -> None:
    """In a forked process: a thread that it does not have may have held the lock."""
    global _LOCK
    _LOCK = threading.RLock()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
