"""Loop IR -> loop IR: how each nest is run. Passes decide what is computed together, schedules in which order."""

from dataclasses import replace

from symdl_codegen.ir import Kernel, Module, Nest, Tensor
from symdl_codegen.ir_verify import verify_module
from symdl_codegen.schedule.contractions import tile_contraction
from symdl_codegen.schedule.hoist import hoist
from symdl_codegen.schedule.reductions import reduce_rows

SCHEDULES = {
    "contractions": tile_contraction,  # sums of products become register tiles with epilogues
    "reductions": reduce_rows,  # a reduction whose operands are contiguous along a kept axis runs row by row
}


def schedule(module: Module, switches: dict[str, bool]) -> Module:
    """Rewrite the nests of every kernel by the first schedule that applies and whose switch is not off; then hoist."""
    buffers = dict(module.buffers)
    kernels = tuple(_scheduled(kernel, buffers, switches) for kernel in module.kernels)
    if switches.get("hoist", True):
        kernels = tuple(hoist(kernel, buffers) for kernel in kernels)
    return verify_module(replace(module, kernels=kernels, buffers=buffers))


def _scheduled(kernel: Kernel, buffers: dict[str, Tensor], switches: dict[str, bool]) -> Kernel:
    body = []
    for part in kernel.body:
        if isinstance(part, Nest):
            for name, rewrite in SCHEDULES.items():
                changed = rewrite(part, kernel.name, buffers) if switches.get(name, True) else None
                if changed is not None:
                    part = changed
                    break
        body.append(part)
    return replace(kernel, body=tuple(body))


__all__ = ["SCHEDULES", "schedule"]
