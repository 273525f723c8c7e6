"""Program -> Executable. Read this first: the whole code generator is the stages of ``build``, one line each."""

import os
from time import perf_counter
from typing import Any

from symdl_codegen.emit import TARGETS, Emitted
from symdl_codegen.errors import UnsupportedError
from symdl_codegen.ir import Module
from symdl_codegen.lower import distribute, lengths_as_sizes, lower
from symdl_codegen.passes import PASSES, run_passes
from symdl_codegen.program import Program, verify
from symdl_codegen.runtime import engine_class
from symdl_codegen.runtime.archive import decode, encode
from symdl_codegen.runtime.executable import Executable
from symdl_codegen.schedule import SCHEDULES, schedule

SWITCHES = ("lengths", "distribute", *PASSES, *SCHEDULES, "memory")
UNLIKE_CPU = dict.fromkeys(("new_states", "late", "time_first", *SCHEDULES), False)  # others order each nest themselves
PLAIN = {name: False for name in SWITCHES if name not in ("lengths", "powers", "sharing", "dead_code")}


def build(
    program: Program, target: str = "cpu", dtype: str = "float64", *, passes: dict[str, bool] | None = None
) -> Executable:
    """Compile ``program`` for ``target`` (cpu, numpy, cuda) in floating type ``dtype`` (float64, float32).

    ``passes`` turns passes and schedules off or on by name, see SWITCHES; all are on, save for numpy, whose text
    stays one statement per equation. The environment variable SYMDL_OFF names some that are off for the cpu, to find
    what they are worth. Raises VerificationError for an invalid program, UnsupportedError for a structure
    or target that cannot be compiled.
    """
    switches = _switches(target, dtype, passes or {})
    clock = _Clock()
    program = clock("verify", verify(program))  # Program
    module = clock("lower", _lowered(program, switches))  # Program -> Module
    module = clock("passes", run_passes(module, switches))  # Module -> Module
    module = clock("schedule", schedule(module, switches))  # Module -> Module
    emitted = clock("emit", TARGETS[target].emit(module, dtype))  # Module -> text
    return _compiled(clock, program, module, emitted, target, dtype, switches["memory"])  # text -> native code


def scheduled(program: Program, dtype: str, passes: dict[str, bool] | None = None) -> Module:
    """What ``build`` would emit for the cpu target."""
    switches = _switches("cpu", dtype, passes or {})
    return schedule(run_passes(_lowered(verify(program), switches), switches), switches)


def written(executable: Executable) -> bytes:
    """What ``build`` made of a program before it came to native code, for ``read``."""
    return encode((executable.program, executable.module, executable.emitted, executable.target, executable.dtype))


def read(text: bytes) -> Executable:
    """Compile what was ``written``: the last stage of ``build`` alone. Raises ValueError if it cannot be read."""
    program, module, emitted, target, dtype = decode(text)
    return _compiled(_Clock(), program, module, emitted, target, dtype, _switches(target, dtype, {})["memory"])


def _compiled(
    clock: "_Clock", program: Program, module: Module, emitted: Emitted, target: str, dtype: str, share_memory: bool
) -> Executable:
    engine = clock("compile", engine_class(target)(module, emitted, dtype, share_memory))
    clock.seconds["cached"] = engine.cached
    return Executable(program, module, emitted, engine, target, dtype, clock.seconds)


def _lowered(program: Program, switches: dict[str, bool]) -> Module:
    program = lengths_as_sizes(program) if switches["lengths"] else program
    return lower(distribute(program) if switches["distribute"] else program)


class _Clock:
    """Seconds between successive calls, by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, Any] = {}
        self.last = perf_counter()

    def __call__(self, stage: str, result: Any) -> Any:
        now = perf_counter()
        self.seconds[stage], self.last = now - self.last, now
        return result


def _switches(target: str, dtype: str, chosen: dict[str, bool]) -> dict[str, bool]:
    if target not in TARGETS:
        raise UnsupportedError(f"unknown target {target!r}; expected one of {', '.join(TARGETS)}")
    if dtype not in ("float32", "float64"):
        raise UnsupportedError(f"unknown dtype {dtype!r}; expected float32 or float64")
    off = dict.fromkeys(filter(None, os.environ.get("SYMDL_OFF", "").replace(",", " ").split()), False)
    defaults = {"cpu": off, "numpy": PLAIN}.get(target, UNLIKE_CPU)
    for where, names in (("passes", chosen), ("SYMDL_OFF", off)):
        unknown = set(names) - set(SWITCHES)
        if unknown:
            found = ", ".join(sorted(unknown))
            raise UnsupportedError(f"{where}: unknown pass {found}; expected some of {', '.join(SWITCHES)}")
    return {**dict.fromkeys(SWITCHES, True), **defaults, **chosen}
