"""Loop IR -> loop IR: how each nest is run. Passes decide what is computed together, schedules in which order."""

from collections.abc import Callable
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
from symdl_codegen.schedule.sums import sum_rows
from symdl_codegen.schedule.symmetric import symmetric
from symdl_codegen.schedule.transposes import transposes
from symdl_codegen.schedule.windows import windows


def _in_each(rewrite: Callable[[Kernel, dict[str, Tensor]], Kernel]) -> Callable[[Module], Module]:
    return lambda module: replace(module, kernels=tuple(rewrite(kernel, module.buffers) for kernel in module.kernels))


BEFORE: dict[str, Callable[[Module], Module]] = {
    "operands": operands,  # contractions get operands that are loads
    "layouts": layouts,  # tensors get the order of axes that suits the loops
    "transposes": transposes,  # what is read across its rows is stored the other way round
    "products": products,  # contractions that feed each other share tiles
    "rows": rows,  # kernels over the same outer axes become one nest
}
NESTS: dict[str, Callable[[Nest, str, dict[str, Tensor]], Statement | None]] = {
    "dots": dot_products,  # sums of products whose operands are contiguous along the depth
    "contractions": tile_contraction,  # sums of products become register tiles with epilogues
    "sums": sum_rows,  # sums over the rows of a tensor, too
    "reductions": reduce_rows,  # a reduction whose operands are contiguous along a kept axis runs row by row
}
AFTER: dict[str, Callable[[Module], Module]] = {
    "windows": windows,  # sums leave out what is zero by its place
    "operands": transposed,  # in loops over time, right operands become contiguous before the loop
    "symmetric": symmetric,  # what is the same above and below a diagonal is computed once
    "flat": _in_each(flat),  # sums over several contiguous axes run in one loop
    "hoist": _in_each(hoist),  # what a loop does not change stands before it
}
FOR_TILES = ("operands", "products")  # worth nothing without contractions
SCHEDULES = tuple(dict.fromkeys((*BEFORE, *NESTS, *AFTER)))


def schedule(module: Module, switches: dict[str, bool]) -> Module:
    """Rewrite a module by every schedule whose switch is not off, and each nest by the first of ``NESTS`` that applies.

    Verified before every nest is rewritten, and at the end.
    """
    on = {name: switches.get(name, True) for name in SCHEDULES}
    for name, rewrite in BEFORE.items():
        if on[name] and (on["contractions"] or name not in FOR_TILES):
            module = verify_module(rewrite(module))
    buffers = dict(module.buffers)
    kernels = tuple(_scheduled(kernel, buffers, on) for kernel in module.kernels)
    module = replace(module, kernels=kernels, buffers=buffers)
    for name, rewrite in AFTER.items():
        if on[name]:
            module = rewrite(module)
    return verify_module(module)


def _scheduled(kernel: Kernel, buffers: dict[str, Tensor], on: dict[str, bool]) -> Kernel:
    nests = [part for part in statements(kernel.body) if isinstance(part, Nest)]

    def name(nest: Nest) -> str:
        return kernel.name if len(nests) == 1 else f"{kernel.name}_{nests.index(nest)}"

    def scheduled(part: Statement) -> Statement:
        if not isinstance(part, Nest):
            return part
        for schedule, rewrite in NESTS.items():
            changed = rewrite(part, name(part), buffers) if on[schedule] else None
            if changed is not None:
                return changed
        return replace(part, body=tuple(map(scheduled, part.body)))

    return replace(kernel, body=tuple(map(scheduled, kernel.body)))


__all__ = ["SCHEDULES", "schedule"]
