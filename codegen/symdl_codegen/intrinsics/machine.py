"""The processor we compile for: its name, its vector width and the register tile that fits it. Needs llvmlite only."""

import os
from functools import cache
from pathlib import Path

from llvmlite import binding

from symdl_codegen.errors import UnsupportedError

MOST_ARGUMENTS = 48  # of a kernel
STRIPS = 4  # of columns that are packed at once, to stay in the second cache


@cache
def processor() -> tuple[str, str]:
    """The host's name and feature string, as LLVM knows them; where it has wide vectors, loops may use them.

    What is wider than ``vector_bytes`` is left out, and the host's name with it.
    """
    features = binding.get_host_cpu_features()
    if vector_bytes() == _widest():
        wide = ",-prefer-256-bit" if features.get("avx512f") else ""
        return binding.get_host_cpu_name(), features.flatten() + wide
    left_out = ("avx512", "amx", "avx10", *(("avx", "fma", "f16c", "vaes", "vpcl") if vector_bytes() == 16 else ()))
    found = [f"{'-' if name.startswith(left_out) or not on else '+'}{name}" for name, on in sorted(features.items())]
    return "x86-64" if "x86" in binding.get_process_triple() else "generic", ",".join(found)


@cache
def has_fma() -> bool:
    """Whether one instruction multiplies and adds; where not, a call for each element would be needed."""
    return "x86" not in binding.get_process_triple() or "+fma" in processor()[1].split(",")


@cache
def vector_bytes() -> int:
    """The widest vector register: 64 (AVX-512), 32 (AVX2), else 16; ``SYMDL_VECTOR_BYTES`` may choose less."""
    widest, chosen = _widest(), os.environ.get("SYMDL_VECTOR_BYTES", "")
    if chosen and chosen not in ("16", "32", "64"):
        raise UnsupportedError(f"SYMDL_VECTOR_BYTES is {chosen!r}; expected 16, 32 or 64, or leave it unset")
    return min(widest, int(chosen)) if chosen else widest


def _widest() -> int:
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") and features.get("fma") else 16


def lanes(dtype: str) -> int:
    """Elements of ``dtype`` in one vector register."""
    return vector_bytes() // (4 if dtype == "float32" else 8)


def tile_shape(dtype: str) -> tuple[int, int]:
    """Rows and columns of the contraction tile: as many accumulators as leave registers for operands."""
    rows, vectors = {64: (8, 3), 32: (6, 2)}.get(vector_bytes(), (4, 2))
    return rows, vectors * lanes(dtype)


def tile_sizes(dtype: str) -> dict[str, int]:
    """What scratch buffers of contractions are measured in: rows and columns of a tile, and blocks of them."""
    rows, columns = tile_shape(dtype)
    panel = columns * (4 if dtype == "float32" else 8)
    deep = min(max(cache_bytes() // panel, 128), 1024)  # a panel stays in the first cache while rows pass by
    sizes = {"tile.rows": rows, "tile.columns": columns, "tile.block": 6 * rows}
    return {**sizes, "tile.deep": deep, "tile.strips": STRIPS}


@cache
def cache_bytes() -> int:
    """The size of the first data cache of one core, 32 KiB where the system does not tell."""
    for index in range(6):
        folder = Path(f"/sys/devices/system/cpu/cpu0/cache/index{index}")
        try:
            level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if level == "1" and kind == "Data" and size.endswith("K"):
            return int(size[:-1]) * 1024
    return 2**15
