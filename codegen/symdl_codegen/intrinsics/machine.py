"""The processor we compile for: its name, its vector width and the register tile that fits it. Needs llvmlite only."""

from functools import cache

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
