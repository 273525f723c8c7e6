"""In place: an update writes its state directly, in the kernel that computes the new value.

All updates are simultaneous, so a state may be overwritten only where nobody reads its old value any more.
"""

from dataclasses import replace

from symdl_codegen.ir import (
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Scalar,
    Statement,
    Store,
    loads_of,
    map_statement,
    substitute,
)


def in_place(module: Module) -> Module:
    """Let updates write their states.

    before: w1 = w - a*g; (guard) w <- w1        after: (guard) w = w - a*g

    The kernel moves behind the guard, which needs that no kernel that stays reads what it writes. It writes the state
    itself when it reads it only at the element it writes and no later kernel reads the state.
    """
    steps = [kernel for kernel in module.kernels if kernel.phase == "step"]
    copies = [kernel for kernel in module.kernels if kernel.phase == "update"]
    moved = _movable(steps, module)
    steps = [kernel for kernel in steps if kernel not in moved]
    updates = []
    for state, value in module.updates:
        producer = next((kernel for kernel in moved if value in kernel.writes), None)
        later = moved[moved.index(producer) + 1 :] if producer else []
        copy = next(kernel for kernel in copies if state in kernel.writes)
        others = [kernel for kernel in (*steps, *moved, *copies) if kernel is not copy and kernel is not producer]
        direct = None
        if (
            producer
            and not any(state in kernel.reads for kernel in later)
            and not any(value in k.reads for k in others)
        ):
            direct = _direct(producer, state, value, module.buffers[state].kind)
        if producer and direct:
            moved[moved.index(producer)] = direct
            copies.remove(copy)
            value = state
        updates.append((state, value))
    kernels = (*steps, *(replace(kernel, phase="update") for kernel in moved), *copies)
    used = {name for kernel in kernels for name in kernel.reads | kernel.writes}
    buffers = {name: buffer for name, buffer in module.buffers.items() if buffer.role != "temporary" or name in used}
    return replace(module, kernels=kernels, updates=tuple(updates), buffers=buffers)


def _movable(steps: list[Kernel], module: Module) -> list[Kernel]:
    """The kernels that compute new states and nothing that an output, the guard or a kernel before it needs."""
    pinned = set(module.outputs.values()) | {module.guard}
    values = {value for _, value in module.updates}
    moved: list[Kernel] = []
    for kernel in reversed(steps):
        targets = kernel.writes
        if targets & values and not targets & pinned and not (kernel.span or kernel.strip):
            moved.insert(0, kernel)
        else:
            pinned |= kernel.reads
    return moved


def _direct(kernel: Kernel, state: str, value: str, kind: str) -> Kernel | None:
    """``kernel`` writing ``state`` instead of ``value``, or None where it reads the state at other elements."""
    if len(kernel.body) != 1 or not isinstance(kernel.body[0], Nest):
        return None
    nest = kernel.body[0]
    plain = {Index(axis.index) for axis in nest.axes}
    stores = [part for part in nest.body if isinstance(part, Store) and part.buffer == value]
    if len(stores) != 1 or any(isinstance(part, Nest) for part in nest.body):
        return None
    where = stores[0].indices
    if set(where) != plain or len(where) != len(plain):
        return None
    if any(load.tensor == state and load.indices != where for load in loads_of(kernel.body)):
        return None
    old = Local(f"{state}_old", kind)
    load: Scalar = Load(state, where)
    reading = [part for part in nest.body if load in _scalars(part)]
    body: list[Statement] = []
    for part in nest.body:
        if reading and part is reading[0]:
            body.append(Let(old, load))
        part = map_statement(part, lambda scalar: substitute(scalar, {load: old}))
        body.append(replace(part, buffer=state) if isinstance(part, Store) and part.buffer == value else part)
    return replace(kernel, body=(Nest(nest.axes, tuple(body)),))


def _scalars(part: Statement) -> set[Load]:
    return set(loads_of((part,)))


__all__ = ["in_place"]
