"""Passes over the loop IR, in the order they run. One file each, each with a switch of the same name.

Every pass takes a valid module and returns a valid module that computes the same outputs and updates.
"""

from collections.abc import Callable

from symdl_codegen.ir import Module
from symdl_codegen.ir_verify import verify_module
from symdl_codegen.passes.checkpoints import checkpoints
from symdl_codegen.passes.copies import copies
from symdl_codegen.passes.dead_code import dead_code
from symdl_codegen.passes.ends import ends
from symdl_codegen.passes.fuse import fuse
from symdl_codegen.passes.in_place import in_place
from symdl_codegen.passes.inline import inline
from symdl_codegen.passes.late import late
from symdl_codegen.passes.new_states import new_states
from symdl_codegen.passes.order import order
from symdl_codegen.passes.peel import peel
from symdl_codegen.passes.powers import powers
from symdl_codegen.passes.recompute import recompute
from symdl_codegen.passes.sharing import sharing
from symdl_codegen.passes.slopes import slopes
from symdl_codegen.passes.split import split
from symdl_codegen.passes.subexpressions import subexpressions
from symdl_codegen.passes.time_first import time_first
from symdl_codegen.passes.unroll import unroll

PASSES: dict[str, Callable[[Module], Module]] = {
    "powers": powers,  # small integer powers become products
    "sharing": sharing,  # equal equations are computed once
    "copies": copies,  # what is another tensor, element by element, is not stored
    "dead_code": dead_code,  # what no output, update or guard needs goes
    "inline": inline,  # a pointwise equation moves into the one place that reads it
    "recompute": recompute,  # what is exact and cheap to compute from a stored tensor is not stored
    "order": order,  # what commutes stands in an order that does not depend on names
    "checkpoints": checkpoints,  # a recurrence runs in blocks whose steps are computed again, where that is asked for
    "ends": ends,  # a sum leaves out first and last terms where a factor is zero by its place
    "split": split,  # an index of blocks and of places in them becomes two
    "fuse": fuse,  # a pointwise equation joins the nest that produces its operand (epilogues)
    "slopes": slopes,  # a function of a tensor is stored instead of it, where it is costly and known by then
    "new_states": new_states,  # an output that is a new state is read from the state
    "late": late,  # what only outputs and the guard ask for is computed last
    "in_place": in_place,  # an update writes its state directly
    "time_first": time_first,  # what loops over time keep is contiguous at each step
    "peel": peel,  # a recurrence splits where a condition on its time changes
    "unroll": unroll,  # the largest of a few values is written out
    "subexpressions": subexpressions,  # an expensive scalar that repeats in a nest is computed once
}


def run_passes(module: Module, switches: dict[str, bool]) -> Module:
    """Run every pass whose switch is not off, verifying before the first and after each."""
    verify_module(module)
    for name, transform in PASSES.items():
        if switches.get(name, True):
            module = verify_module(transform(module))
    return module


__all__ = ["PASSES", "run_passes"]
