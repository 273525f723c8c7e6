"""Checkpoints: time runs in blocks, whose steps are computed again where a later sweep needs them."""

from symdl_codegen.ir import Module, Scalar
from symdl_codegen.passes.blocks import Blocks
from symdl_codegen.passes.sweeps import Sweeps


def checkpoints(module: Module) -> Module:
    """Keep what a recurrence marked with ``checkpoint`` computes for one block of so many steps at a time.

    before: for t up: h[t] = f(h[t-1]); for t down: d[t] = g(d[t+1], h[t]); s = sum over t of d[t]*h[t-1]
    after:  for each block up: (for its t: h[t] = f(h[t-1])), keep its last h
            for each block down: (for its t: h[t] again), (for its t down: d[t]), s += sum over its t of d[t]*h[t-1]

    Everything that has an entry for each step, and is read step by step, lives in memory for one block: recurrences and
    their reversals, what is computed for all times at once, summed over time, or read at the last time. What is read in
    another way, and outputs, keep their entries for all steps. Each sweep computes again what it needs of those before.
    """
    wanted: dict[Scalar, int] = {}
    for kernel in module.kernels:
        if kernel.span and kernel.span.checkpoint:
            width = kernel.span.checkpoint
            wanted[kernel.span.extent] = min(wanted.get(kernel.span.extent, width), width)
    for extent, width in wanted.items():
        module = Blocks(Sweeps(module, extent, width)).module()
    return module


__all__ = ["checkpoints"]
