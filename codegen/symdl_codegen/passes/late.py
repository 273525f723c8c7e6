"""Late: what only outputs and the guard ask for is computed last."""

from dataclasses import replace

from symdl_codegen.ir import Module


def late(module: Module) -> Module:
    """Move kernels whose results no other kernel reads to the end of the step.

    before: t[i] = ...; loss = add over i of t[i]; d[i] = ...; u[i] = ...        after: t; d; u; loss

    A number that needs the whole of its operand makes workers wait for each other: there they wait anyway.
    """
    step = [kernel for kernel in module.kernels if kernel.phase == "step"]
    update = [kernel for kernel in module.kernels if kernel.phase != "step"]
    read = set().union(*(kernel.reads - kernel.writes for kernel in step))
    read |= {name for kernel in step if kernel.strip for name in kernel.writes}  # or written once more
    last = [kernel for kernel in step if not (kernel.span or kernel.strip) and not kernel.writes & read]
    return replace(module, kernels=(*(kernel for kernel in step if kernel not in last), *last, *update))
