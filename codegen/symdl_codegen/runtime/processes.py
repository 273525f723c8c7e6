"""Compilation in several processes: as many as there are cores, started early, ended when idle or with this process.

Where processes cannot be made, or one fails, this process compiles by itself. ``SYMDL_COMPILERS`` sets their number;
with 0 everything is compiled here.
"""

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from symdl_codegen.errors import ArgumentError
from symdl_codegen.runtime.cache import NativeCode, environment
from symdl_codegen.runtime.compiler import Job, compile_job
from symdl_codegen.runtime.compiling import answer, greeting, request

MOST = 4  # processes: a program has some dozen kernels
FEWEST_JOBS = 4  # for which starting processes takes less time than it saves
PATIENCE = 60.0  # seconds of waiting without any answer
SLICE = 0.25  # seconds of waiting at a time
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from symdl_codegen.runtime.compiling import main; main()"
)

_running: list["_Compiler"] = []
_lock = threading.Lock()
_ended = False


class _Compiler:
    """One process, and whether it can be used: it has to be like this one in all that object code depends on."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",  # Ctrl-C is for the user's program
        )
        self.greeted = False
        self.lock = threading.Lock()  # one job at a time

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def compile(self, job: Job) -> NativeCode | None:
        """The object code, or None where compiling failed; raises OSError, EOFError or ValueError if it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.lock:
            if not self.greeted:
                if greeting(self.process.stdout) != environment():
                    raise EOFError
                self.greeted = True
            self.process.stdin.write(request(job))
            self.process.stdin.flush()
            return answer(self.process.stdout)

    def end(self) -> None:
        with suppress(OSError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()


def start(busy: bool = False) -> bool:
    """Start the processes if there will be much to compile: they get ready while this process does something else.

    Where that keeps it ``busy``, one core is left to it. Returns whether there are any. ArgumentError if
    SYMDL_COMPILERS is not a number.
    """
    number = _number(busy)
    with _lock:
        for compiler in [compiler for compiler in _running if not compiler.alive]:
            _running.remove(compiler)
            compiler.end()
        try:
            while not _ended and len(_running) < number:
                _running.append(_Compiler())
        except (OSError, ValueError):  # no more processes for us
            pass
        return bool(_running)


def compile_all(jobs: Sequence[Job], here: bool = True) -> Iterator[tuple[str, NativeCode]]:
    """Yield the key and the object code of each job, in any order.

    With ``here`` what no process has compiled is compiled in this one, else it is left out. Raises what compiling here
    raises, CompilerUnavailableError or an error of Numba.
    """
    jobs = sorted(jobs, key=lambda job: (bool(job.source), -len(job.source)))  # the longest first
    if len(jobs) >= FEWEST_JOBS and not any(compiler.alive for compiler in list(_running)):
        start()
    compilers = [compiler for compiler in list(_running) if compiler.alive] if len(jobs) > 1 or not here else []
    done = set()
    for key, native in _by_processes(jobs, compilers):
        done.add(key)
        yield key, native
    for job in jobs if here else ():
        if job.key not in done:
            yield job.key, compile_job(job)


def _by_processes(jobs: Sequence[Job], compilers: Sequence[_Compiler]) -> Iterator[tuple[str, NativeCode]]:
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)

    def work(compiler: _Compiler) -> None:
        with suppress(queue.Empty, OSError, EOFError, ValueError, KeyError):
            while True:
                job = waiting.get_nowait()
                results.put((job.key, compiler.compile(job)))
        results.put(compiler)

    joined: list[_Compiler] = []
    left, silent = 0, 0.0
    try:
        while True:
            for compiler in list(_running) if compilers else []:  # those started meanwhile take part
                if compiler not in joined and compiler.alive and not waiting.empty():
                    joined.append(compiler)
                    left += 1
                    threading.Thread(target=work, args=(compiler,), daemon=True).start()
            if not left:
                return
            try:
                found, silent = results.get(timeout=SLICE), 0.0
            except queue.Empty:
                silent += SLICE  # and not the clock: the time in which all of this was stopped does not count
                if silent >= PATIENCE:
                    _end(joined)
                    return
                continue
            if isinstance(found, _Compiler):
                left -= 1
            elif found[1] is not None:
                yield found
    finally:
        with suppress(queue.Empty):
            while True:
                waiting.get_nowait()


def _number(busy: bool) -> int:
    """How many processes to have: one for each core that we may use, none where one would be all."""
    text = os.environ.get("SYMDL_COMPILERS", "").strip()
    if text:
        if not text.isdecimal():
            raise ArgumentError(f"SYMDL_COMPILERS: expected an integer of at least 0, found {text!r}")
        return max(min(int(text), 1), int(text) - busy)
    name = Path(sys.executable or "").name.lower()
    if getattr(sys, "frozen", False) or not name.startswith(("python", "pypy")):
        return 0  # whatever we are inside of, it might not run our command
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores - busy, MOST) if cores > 1 else 0


def end() -> None:
    """End the processes, for good: this one ends."""
    global _ended
    with _lock:
        _ended = True
        _end(_running)


def _end(compilers: Sequence[_Compiler]) -> None:
    for compiler in compilers:
        compiler.end()


def _forget() -> None:
    """In a forked process: the compilers are the parent's."""
    global _lock
    _lock = threading.Lock()
    for compiler in _running:
        compiler.process.returncode = 0  # not ours to wait for
        for stream in (compiler.process.stdin, compiler.process.stdout):
            with suppress(OSError):
                if stream is not None:
                    os.close(stream.fileno())
    _running.clear()


atexit.register(end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
