"""Loop IR -> loop IR: how each nest is run. Passes decide what is computed together, schedules in which order."""

from dataclasses import replace

from symdl_codegen.ir import Kernel, Module, Nest, Statement, Tensor, statements
from symdl_codegen.ir_verify import verify_module
from symdl_codegen.schedule.contractions import tile_contraction
from symdl_codegen.schedule.dots import dot_products
from symdl_codegen.schedule.flat import flat
from symdl_codegen.schedule.hoist import hoist
from symdl_codegen.schedule.layouts import layouts
from symdl_codegen.schedule.operands import operands, transposed
from symdl_codegen.schedule.products import products
from symdl_codegen.schedule.reductions import reduce_rows
from symdl_codegen.schedule.rows import rows
from symdl_codegen.schedule.symmetric import symmetric
from symdl_codegen.schedule.transposes import transposes
from symdl_codegen.schedule.windows import windows

SCHEDULES = {
    "dots": dot_products,  # sums of products whose operands are contiguous along the depth
    "contractions": tile_contraction,  # sums of products become register tiles with epilogues
    "reductions": reduce_rows,  # a reduction whose operands are contiguous along a kept axis runs row by row
}


def schedule(module: Module, switches: dict[str, bool]) -> Module:
    """Rewrite the nests of every kernel by the first schedule that applies and whose switch is not off; then hoist.

    With ``operands`` contractions first get operands that are loads, and in loops over time contiguous ones; with
    ``layouts`` tensors then get the order of axes that suits the loops, with ``products`` contractions that feed each
    other share tiles, and with ``rows`` kernels are joined over their outer axes. With ``windows`` sums leave out what
    is zero by its place, and with ``symmetric`` what is the same above and below a diagonal is computed once.
    """
    if switches.get("operands", True) and switches.get("contractions", True):
        module = verify_module(operands(module))
    if switches.get("layouts", True):
        module = verify_module(layouts(module))
    if switches.get("transposes", True):
        module = verify_module(transposes(module))
    if switches.get("products", True) and switches.get("contractions", True):
        module = verify_module(products(module))
    if switches.get("rows", True):
        module = verify_module(rows(module))
    buffers = dict(module.buffers)
    kernels = tuple(_scheduled(kernel, buffers, switches) for kernel in module.kernels)
    module = replace(module, kernels=kernels, buffers=buffers)
    if switches.get("windows", True):
        module = windows(module)
    if switches.get("operands", True):
        module = transposed(module)
    if switches.get("symmetric", True):
        module = symmetric(module)
    if switches.get("flat", True):
        module = replace(module, kernels=tuple(flat(kernel, module.buffers) for kernel in module.kernels))
    if switches.get("hoist", True):
        module = replace(module, kernels=tuple(hoist(kernel, module.buffers) for kernel in module.kernels))
    return verify_module(module)


def _scheduled(kernel: Kernel, buffers: dict[str, Tensor], switches: dict[str, bool]) -> Kernel:
    nests = [part for part in statements(kernel.body) if isinstance(part, Nest)]

    def name(nest: Nest) -> str:
        return kernel.name if len(nests) == 1 else f"{kernel.name}_{nests.index(nest)}"

    def scheduled(part: Statement) -> Statement:
        if not isinstance(part, Nest):
            return part
        for schedule, rewrite in SCHEDULES.items():
            changed = rewrite(part, name(part), buffers) if switches.get(schedule, True) else None
            if changed is not None:
                return changed
        return replace(part, body=tuple(map(scheduled, part.body)))

    return replace(kernel, body=tuple(map(scheduled, kernel.body)))


__all__ = ["SCHEDULES", "schedule"]
