"""The processor we compile for: its name, its vector width and the register tile that fits it. Needs llvmlite only."""

from functools import cache
from pathlib import Path

from llvmlite import binding


@cache
def processor() -> tuple[str, str]:
    """The host's name and feature string, as LLVM knows them; where it has wide vectors, loops may use them."""
    features = binding.get_host_cpu_features()
    wide = ",-prefer-256-bit" if features.get("avx512f") else ""
    return binding.get_host_cpu_name(), features.flatten() + wide


@cache
def vector_bytes() -> int:
    """The widest vector register: 64 (AVX-512), 32 (AVX2), else 16."""
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
    deep = min(max(cache_bytes() // (2 * panel), 1024), 4096)
    return {"tile.rows": rows, "tile.columns": columns, "tile.block": 6 * rows, "tile.deep": deep}


@cache
def cache_bytes() -> int:
    """The size of the second cache of one core, 1 MiB where the system does not tell."""
    for index in range(6):
        folder = Path(f"/sys/devices/system/cpu/cpu0/cache/index{index}")
        try:
            level, size = ((folder / name).read_text().strip() for name in ("level", "size"))
        except OSError:
            continue
        if level == "2" and size.endswith("K"):
            return int(size[:-1]) * 1024
    return 2**20
