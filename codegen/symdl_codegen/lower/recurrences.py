"""Program -> Program: a recurrence keeps only what must be computed one time step after the other."""

from dataclasses import replace

from symdl_codegen.program import Equation, Program, blocks, loads


def distribute(program: Program) -> Program:
    """Take the equations that are on no cycle through time out of their loops: they are computed for all times at once.

    before: for t: c[t] = U x[t]; h[t] = tanh(W h[t-1] + c[t]); y[t] = V h[t]
    after:  c = U x; for t: h[t] = tanh(W h[t-1] + c[t]); y = V h

    A recurrence with several independent cycles becomes several loops. A pointwise equation that only one loop reads
    stays in it. The result computes the same tensors, in another order.
    """
    taken = {equation.loop.name for equation in program.equations if equation.loop}
    equations = [equation for block in blocks(program.equations) for equation in _distributed(block, taken)]
    return replace(program, equations=tuple(equations))


def _distributed(block: tuple[Equation, ...], taken: set[str]) -> list[Equation]:
    if block[0].loop is None:
        return list(block)
    reads = _reads(block)
    owner = _owners(block, reads)
    loops = list(dict.fromkeys(number for number in owner if number is not None))
    names = {loop: block[0].loop.name if loop == loops[0] else _unused(block[0].loop.name, taken) for loop in loops}
    result = []
    for group in _ordered(owner, reads):
        for number in group:
            loop, own = block[number].loop, owner[number]
            assert loop is not None
            result.append(replace(block[number], loop=None if own is None else replace(loop, name=names[own])))
    return result


def _unused(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    taken.add(f"{name}_{number}")
    return f"{name}_{number}"


def _reads(block: tuple[Equation, ...]) -> list[set[int]]:
    """For each equation, the equations of the block that it reads, at any time."""
    place = {equation.target: number for number, equation in enumerate(block)}
    return [
        {place[load.tensor] for part in (e.body, *(e.at or ())) for load in loads(part) if load.tensor in place}
        for e in block
    ]


def _owners(block: tuple[Equation, ...], reads: list[set[int]]) -> list[int | None]:
    """For each equation the loop that computes it, named by the first equation on its cycle; None for no loop."""
    before = _closure(reads)
    owner: list[int | None] = [
        min(j for j in before[i] if i in before[j]) if i in before[i] else None for i in range(len(block))
    ]
    changed = True
    while changed:
        changed = False
        for i, equation in enumerate(block):
            users = {owner[j] for j in range(len(block)) if i in reads[j]}
            if owner[i] is None and equation.reduction is None and equation.at is None and len(users) == 1:
                (owner[i],) = users
                changed = changed or owner[i] is not None
    return owner


def _closure(reads: list[set[int]]) -> list[set[int]]:
    """Everything each equation depends on, itself included where it is on a cycle."""
    before = [set(found) for found in reads]
    for k in range(len(before)):
        for found in before:
            if k in found:
                found |= before[k]
    return before


def _ordered(owner: list[int | None], reads: list[set[int]]) -> list[list[int]]:
    """The loops, and the equations outside them, each after what it reads and otherwise in their first order."""
    group = [(0, number) if loop is None else (1, loop) for number, loop in enumerate(owner)]
    members = {key: [i for i, own in enumerate(group) if own == key] for key in dict.fromkeys(group)}
    needed = {key: {group[j] for i in part for j in reads[i]} - {key} for key, part in members.items()}
    result: list[list[int]] = []
    done: set[tuple[int, int]] = set()
    while len(done) < len(members):
        key = next(key for key in members if key not in done and needed[key] <= done)
        done.add(key)
        result.append(members[key])
    return result


__all__ = ["distribute"]
