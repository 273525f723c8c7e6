"""New states: an output that is the next value of a state is read from the state, so that no update has to copy it."""

from dataclasses import replace

from symdl_codegen.ir import Module


def new_states(module: Module) -> Module:
    """Let outputs that are new states live in their states.

    before: w1 = w - a*g; output w1; w <- w1        after: w1 = w - a*g; w <- w1; output w, as updated

    Outputs of order 0 keep their own buffers: an epoch records them at each step, before the updates.
    """
    holders: dict[str, str] = {}
    for state, value in module.updates:
        if module.buffers[state].shape:
            holders.setdefault(value, state)
    return replace(module, outputs={name: holders.get(buffer, buffer) for name, buffer in module.outputs.items()})
