"""CUDA text -> PTX -> cubin on a machine that needs neither a GPU nor a driver: libNVVM, libdevice and ptxas.

They come from the toolkit that CUDA_HOME names, else from the wheels of the extra ``symdl[cuda]``, else the system.
"""

import atexit
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from symdl_codegen.emit import EmittedKernel
from symdl_codegen.errors import CompilerUnavailableError
from symdl_codegen.runtime.cache import cache_directory

REMEDY = "install it with: pip install 'symdl[cuda]', or set CUDA_HOME to a CUDA 12 toolkit"
_LOCK = threading.RLock()


def prepare() -> None:
    """Let Numba find the wheels' libNVVM, libdevice and runtime, unless CUDA_HOME already names a toolkit.

    Numba looks for one folder laid out like a toolkit, so the cache directory gets such a folder of links. Does nothing
    where the wheels are not installed: Numba then searches the system.
    """
    if os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH"):
        return
    nvcc, runtime = _wheel("cuda_nvcc"), _wheel("cuda_runtime")
    library = nvcc / "nvvm" / "lib64" / "libnvvm.so" if nvcc else None
    if nvcc and runtime and library and library.exists():
        links = {
            "nvvm/lib64/libnvvm.so.4": library,  # Numba accepts only a name with a version
            "nvvm/libdevice": nvcc / "nvvm" / "libdevice",
            "lib64": runtime / "lib",
            "bin": nvcc / "bin",
        }
        os.environ["CUDA_HOME"] = str(_linked(links))
        _forget_search()


def _wheel(name: str) -> Path | None:
    """The folder of a wheel of NVIDIA's, or None."""
    spec = find_spec("nvidia")
    roots: Iterable[str] = spec.submodule_search_locations or () if spec else ()
    return next((Path(root) / name for root in roots if (Path(root) / name).is_dir()), None)


def _linked(links: dict[str, Path]) -> Path:
    """A folder with ``links``, named by their targets; any number of processes may make it at once."""
    digest = hashlib.sha256("\0".join(map(str, links.values())).encode()).hexdigest()[:16]
    home = cache_directory() / f"cuda-{digest}"
    try:
        _link(home, links)
    except OSError:  # a cache directory that cannot be written
        home = Path(tempfile.mkdtemp(prefix="symdl-cuda-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        _link(home, links)
    return home


def _link(home: Path, links: dict[str, Path]) -> None:
    for name, target in links.items():
        link = home / name
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(target)
        except FileExistsError:  # made by an earlier process, or just now by another: equal, as the folder's name says
            continue


def _forget_search() -> None:
    """Numba keeps what its first search found; it may have searched before CUDA_HOME was set."""
    from numba.cuda.cuda_paths import get_cuda_paths

    vars(get_cuda_paths).pop("_cached_result", None)


@cache
def _compiler() -> Any:
    """``numba.cuda`` with a working libNVVM."""
    try:
        from numba import config, cuda
    except ImportError as error:
        raise CompilerUnavailableError("compiling for CUDA needs numba; install it with: pip install numba") from error
    if getattr(config, "ENABLE_CUDASIM", False):
        raise CompilerUnavailableError(
            "expected Numba's CUDA compiler, found its simulator (NUMBA_ENABLE_CUDASIM=1), which runs kernels and "
            "compiles none: unset NUMBA_ENABLE_CUDASIM before Python starts"
        )
    with _LOCK:
        prepare()
        from numba.cuda.cudadrv import nvvm

        try:
            nvvm.NVVM()
            nvvm.get_supported_ccs()
            libdevice = nvvm.LibDevice()
        except Exception as error:  # Numba reports what is missing in many types
            message = f"compiling for CUDA needs libNVVM and libdevice, and Numba finds none; {REMEDY}"
            raise CompilerUnavailableError(message) from error
    assert libdevice.bc
    return cuda


def compile_ptx(
    kernels: Sequence[EmittedKernel], functions: Sequence[Callable[..., None]], dtype: str, cc: tuple[int, int] = (9, 0)
) -> dict[str, str]:
    """The PTX of each kernel by name, for compute capability ``cc``; one 64-bit parameter per buffer and per size.

    ``functions`` are the kernels as Python functions. Raises CompilerUnavailableError where libNVVM is missing.
    """
    cuda = _compiler()
    from numba import types

    pointee = {"real": getattr(types, dtype), "int": types.int64, "bool": types.uint8}
    found = {}
    for kernel, function in zip(kernels, functions, strict=True):
        kinds = [types.CPointer(pointee[k[:-1]]) if k.endswith("*") else types.int64 for _, k in kernel.parameters]
        with _LOCK:
            found[kernel.name], _ = cuda.compile_ptx(function, types.void(*kinds), cc=cc, fastmath=False)
    return found


def entry_of(ptx: str) -> str:
    """The name under which a driver launches the kernel in ``ptx``."""
    found = re.search(r"\.entry (\w+)\(", ptx)
    assert found
    return found[1]


def assemble(ptx: str, cc: tuple[int, int] = (9, 0)) -> tuple[bytes, str]:
    """The machine code (cubin) of ``ptx`` and what ptxas says about its registers, stack and spills.

    Raises CompilerUnavailableError where ptxas is missing, ValueError with its message where it rejects ``ptx``.
    """
    program = _ptxas()
    with tempfile.TemporaryDirectory(prefix="symdl-ptxas-") as folder:
        source, target = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_text(ptx)
        command = [program, "-v", f"-arch=sm_{cc[0]}{cc[1]}", str(source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(f"ptxas rejects the kernel {entry_of(ptx)}: {done.stderr.strip()}")
        return target.read_bytes(), done.stderr + done.stdout


def _ptxas() -> str:
    home, wheel = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH"), _wheel("cuda_nvcc")
    folders = [*([wheel / "bin"] if wheel else []), *([Path(home) / "bin"] if home else [])]
    found = next(
        (path for folder in folders if (path := shutil.which("ptxas", path=str(folder)))), shutil.which("ptxas")
    )
    if found is None:
        raise CompilerUnavailableError(f"assembling for CUDA needs ptxas; {REMEDY}")
    return found


__all__ = ["assemble", "compile_ptx", "entry_of", "prepare"]
