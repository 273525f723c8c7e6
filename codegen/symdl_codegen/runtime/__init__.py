"""Source text -> callable: compile, cache on disk, plan memory, check arguments, run."""

from importlib import import_module

ENGINES = {
    "cpu": ("symdl_codegen.runtime.engine_cpu", "CpuEngine"),
    "cuda": ("symdl_codegen.runtime.engine_cuda", "CudaEngine"),
    "numpy": ("symdl_codegen.runtime.engine_numpy", "NumpyEngine"),
}


def engine_class(target: str) -> type:
    """The engine of ``target``; imported only here, so that one target does not need another's packages."""
    module, name = ENGINES[target]
    return getattr(import_module(module), name)
