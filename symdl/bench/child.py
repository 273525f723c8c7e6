"""A runner in a process of its own: ``python -m symdl.bench.child JOB`` answers requests, one line of JSON each.

It says when it is ready, with the seconds of imports and of preparing. A request is a method of the runner and its
arguments, without spaces in them.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from symdl.errors import InputError

ONE_THREAD_XLA = "--xla_cpu_multi_thread_eigen=false"


class ChildError(InputError):
    """A runner that failed, with the last line it said."""


def serve(job: Mapping[str, Any], requests: Any, answers: Any) -> None:
    """Be a runner until there are no more requests."""
    from symdl.bench.kernels import GROUPS
    from symdl.bench.runners import RUNNERS
    from symdl.bench.workloads import find

    runner = RUNNERS[job["runner"]](job["threads"], job["cold"])
    runner.imports()
    workload = GROUPS[job["workload"]].cases() if job["workload"] in GROUPS else find(job["workload"])
    ready = time.perf_counter()
    imported = time.time() - job["spawned"]
    runner.prepare(workload)

    def answer(value: Any) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    answer({"import": imported, "prepare": time.perf_counter() - ready, "details": runner.details})
    for line in requests:
        request, *arguments = line.split()
        if request not in runner.requests:
            raise InputError(f"unknown request {request!r}; expected one of {', '.join(runner.requests)}")
        answer(getattr(runner, request)(*arguments))


class Child:
    """The other end: starts the process and asks.

    Raises:
        ChildError: where the process ends without an answer.
    """

    def __init__(
        self, workload: str, runner: str, threads: int, *, cold: bool = False, more: Mapping[str, str] | None = None
    ) -> None:
        self.runner = runner
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 because it lives as long as the process
        job = {"workload": workload, "runner": runner, "threads": threads, "cold": cold, "spawned": time.time()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "symdl.bench.child", json.dumps(job)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env={**os.environ, **environment(threads), **(more or {})}, preexec_fn=_only(threads),
        )  # fmt: skip
        self.ready = self.answer()

    def ask(self, *request: str) -> Any:
        """Send a request and return its answer."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(" ".join(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer tells
        return self.answer()

    def answer(self) -> Any:
        """Return the next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        said = [text.strip() for text in self.errors if text.strip()]
        self.close()
        raise ChildError(f"{self.runner}: {said[-1] if said else f'ended with code {self.process.returncode}'}")

    def close(self) -> None:
        """End the process."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def environment(threads: int) -> dict[str, str]:
    """Return the variables by which libraries learn how many threads to use, and find these very packages."""
    import symdl_codegen

    own = Path(__file__).parents[2]
    folders = dict.fromkeys([str(own), str(Path(symdl_codegen.__path__[0]).parent)])
    path = os.pathsep.join([*folders, *filter(None, [os.environ.get("PYTHONPATH")])])
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "SYMDL_NUM_THREADS")
    found = {**dict.fromkeys(names, str(threads)), "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    if threads == 1:
        found["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {ONE_THREAD_XLA}".strip()
    return found


def processors() -> list[int]:
    """Return the numbers of the processors this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def _only(threads: int) -> Any:
    """Return what keeps a new process on as many processors as it has threads, where there are more."""
    if not hasattr(os, "sched_setaffinity") or threads >= len(processors()):
        return None
    chosen = processors()[:threads]
    return lambda: os.sched_setaffinity(0, chosen)


def main() -> None:
    """Serve; what libraries print goes to stderr, and answers to what was stdout."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(json.loads(sys.argv[1]), sys.stdin, answers)


if __name__ == "__main__":
    main()
