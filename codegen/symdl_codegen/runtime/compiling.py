"""A process that compiles for another one: jobs come on its standard input, object code goes back on its output.

Both ways a message is a line of JSON; the object code follows the line that has its length. The process ends when its
input does, which is when the other process ends, however that happens; and when no job has come for a while.
"""

import gc
import json
import os
import queue
import sys
import threading
from dataclasses import asdict
from typing import IO, Any

from symdl_codegen.runtime.cache import NativeCode, environment, key_of
from symdl_codegen.runtime.compiler import Job, compile_job

IDLE_SECONDS = 60.0
_TRIAL = "def trial(x, n):\n    for i in range(n):\n        x[i] = x[i] + real(1.0)"


def main() -> None:
    """Greet, then compile until there is nothing left to do."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints cannot disturb the answers
    jobs: queue.Queue[Job | None] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs), daemon=True).start()
    trial = key_of("trial")
    compile_job(Job(trial, "trial", _TRIAL, ("real*", "size"), "float32"))  # loads all that a compilation needs
    gc.collect()
    gc.freeze()
    _answer(answers, {"environment": environment()})
    while True:
        try:
            job = jobs.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            break
        if job is None:
            break
        try:
            native = compile_job(job)
        except Exception as error:  # the other process compiles it again and sees the error itself
            _answer(answers, {"error": repr(error)})
        else:
            _answer(answers, {**_head(native), "length": len(native.code)}, native.code)
    os._exit(0)  # the listening thread may hold standard input


def request(job: Job) -> bytes:
    """A job as a message."""
    return json.dumps(asdict(job)).encode() + b"\n"


def answer(stream: IO[bytes]) -> NativeCode | None:
    """The next answer to a job: its code, or None where compiling failed; EOFError where the process has ended."""
    head = _line(stream)
    if "error" in head:
        return None
    code = stream.read(head["length"])
    if len(code) != head["length"]:
        raise EOFError
    return NativeCode(head["symbol"], tuple(head["externals"]), code)


def greeting(stream: IO[bytes]) -> str:
    """The environment of the process, its first message; EOFError where it has ended."""
    return str(_line(stream)["environment"])


def _line(stream: IO[bytes]) -> dict[str, Any]:
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    found = json.loads(line)
    if not isinstance(found, dict):
        raise EOFError
    return found


def _head(native: NativeCode) -> dict[str, Any]:
    return {"symbol": native.symbol, "externals": native.externals}


def _answer(stream: IO[bytes], head: dict[str, Any], content: bytes = b"") -> None:
    try:
        stream.write(json.dumps(head).encode() + b"\n" + content)
        stream.flush()
    except OSError:  # nobody reads any more
        os._exit(0)


def _listen(stream: IO[bytes], jobs: "queue.Queue[Job | None]") -> None:
    for line in stream:
        fields = json.loads(line)
        jobs.put(Job(**{**fields, "parameters": tuple(fields["parameters"])}))
    jobs.put(None)
    os._exit(0)  # also in the middle of a job: nobody waits for it


if __name__ == "__main__":
    main()
