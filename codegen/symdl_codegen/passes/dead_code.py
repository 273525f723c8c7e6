"""Dead code: a kernel whose buffers nobody needs is dropped."""

from dataclasses import replace

from symdl_codegen.ir import Module


def dead_code(module: Module) -> Module:
    """Keep the kernels that an output, an update or the guard depends on; order is unchanged.

    before: t = f(x); y = g(x); output y        after: y = g(x); output y
    """
    needed = set(module.outputs.values()) | {module.guard} | {state for state, _ in module.updates}
    kept: set[str] = set()
    found = True
    while found:  # again where a loop reads what comes later in it
        found = False
        for kernel in reversed(module.kernels):
            if kernel.writes & needed and kernel.name not in kept:
                found = True
                kept.add(kernel.name)
                needed |= kernel.reads
    kernels = tuple(kernel for kernel in module.kernels if kernel.name in kept)
    used = {name for kernel in kernels for name in kernel.reads | kernel.writes}
    buffers = {name: buffer for name, buffer in module.buffers.items() if buffer.role != "temporary" or name in used}
    return replace(module, kernels=kernels, buffers=buffers)
