"""Loop IR -> loop IR for a grid of threads: each kernel is one nest, and no iteration of it needs another.

Launches run in order, and the end of a launch is the only barrier across a grid. So every nest becomes a kernel of its
own, a contraction tile one loop per element, and a scatter a gather: each target element looks for what is added to it.
"""

from dataclasses import replace
from itertools import count

from symdl_codegen.errors import UnsupportedError
from symdl_codegen.ir import (
    Apply,
    Axis,
    Barrier,
    Contract,
    Index,
    Kernel,
    Let,
    Local,
    Module,
    Nest,
    Reduce,
    Routine,
    Scalar,
    Store,
    axes_of,
    substitute,
)
from symdl_codegen.ir_access import scratches
from symdl_codegen.ir_verify import verify_module
from symdl_codegen.lower.equations import identity


def grid_form(module: Module) -> Module:
    """Return ``module`` with one nest of independent iterations per kernel; the order of every sum is fixed.

    before: for j: z[j] = 0        after: for j: s = add over i of where(w[i] == j, x[i], 0); z[j] = s
            for i: z[w[i]] += x[i]

    Raises UnsupportedError where a schedule made for a CPU has left scratch rows or statements outside nests.
    """
    kernels: list[Kernel] = []
    taken = {kernel.name for kernel in module.kernels}
    for kernel in module.kernels:
        for number, nest in enumerate(_nests(kernel, module)):
            name = kernel.name if not number else _unused(kernel.name, taken)
            part = replace(kernel, name=name, body=(nest,))
            _refuse_scratch(part, module)
            kernels.append(part)
    used = {name for kernel in kernels for name in kernel.reads | kernel.writes}
    buffers = {name: buffer for name, buffer in module.buffers.items() if buffer.role != "scratch" or name in used}
    return verify_module(replace(module, kernels=tuple(kernels), buffers=buffers))


def _unused(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    taken.add(f"{name}_{number}")
    return f"{name}_{number}"


def _refuse_scratch(kernel: Kernel, module: Module) -> None:
    for name in sorted(scratches(kernel, module.buffers)):
        raise UnsupportedError(
            f"kernel {kernel.name} works on the scratch buffer {name}, which the threads of a grid would share; "
            "leave the schedule 'reductions' off for the cuda target"
        )


def _nests(kernel: Kernel, module: Module) -> list[Nest]:
    """The nests of ``kernel``, each with independent iterations."""
    nests: list[Nest] = []
    for part in kernel.body:
        if isinstance(part, Barrier):
            continue
        if not isinstance(part, Nest):
            raise UnsupportedError(f"the cuda target takes nests only, found {type(part).__name__} in {kernel.name}")
        for inner in part.body:
            if isinstance(inner, Routine):
                raise UnsupportedError(
                    f"the cuda target has no linear algebra: {inner.op} in {kernel.name}; use the cpu or numpy target"
                )
        if any(isinstance(inner, Store) and inner.op is not None for inner in part.body):
            nests.append(_gathered(part, nests.pop() if nests else None, kernel, module))
        else:
            nests.append(_untiled(part))
    return nests


def _untiled(nest: Nest) -> Nest:
    """A contraction tile as a plain reduction.

    before: for tiles of i, j: v = sum over k of x[i,k]*y[j,k]; rest        after: for i, j: the same
    """
    match nest.body:
        case (Contract() as part,):
            product = Reduce(part.local, "add", part.depth, Apply("mul", (part.left, part.right)))
            return Nest((*nest.axes, *part.rows, *part.columns), (product, *part.epilogue))
    return nest


def _gathered(nest: Nest, clear: Nest | None, kernel: Kernel, module: Module) -> Nest:
    """The scatter ``nest`` and the nest ``clear`` before it that sets its target to the identity, as one gather."""
    match nest.body:
        case (*lets, Store(target, at, value, str(op))) if all(isinstance(part, Let) for part in lets):
            kind = module.buffers[target].kind
        case _:
            raise UnsupportedError(
                f"the cuda target scatters one pointwise value per nest, found more in {kernel.name}"
            )
    places, own = _cleared(clear, nest, target, identity(op, kind), kernel)
    total = Local(f"{target}_value", kind)
    table: dict[Scalar, Scalar] = {}
    for part in lets:
        assert isinstance(part, Let)
        table[part.local] = substitute(part.value, table)
    pairs = zip((substitute(index, table) for index in at), own, strict=True)
    hits = tuple(Apply("eq", (index, mine)) for index, mine in pairs if index != mine)
    value = substitute(value, table)
    if hits:
        hit = hits[0] if len(hits) == 1 else Apply("and", hits)
        value = Apply("where", (hit, value, identity(op, kind)))
    summed = Reduce(total, op, nest.axes, value) if nest.axes else Let(total, value)
    return Nest(places, (summed, Store(target, own, total)))


def _cleared(
    clear: Nest | None, nest: Nest, target: str, start: Scalar, kernel: Kernel
) -> tuple[tuple[Axis, ...], tuple[Scalar, ...]]:
    """The axes and the elements over which ``clear`` sets ``target`` to ``start``, in names that ``nest`` has not."""
    match clear:
        case Nest(axes, (Store(buffer, indices, value, None),)) if buffer == target and value == start:
            taken = {axis.index for axis in axes_of((nest,))}
            free = (name for number in count() if (name := f"z{number}") not in taken)
            names = dict(zip((axis.index for axis in axes), free, strict=False))
            rename: dict[Scalar, Scalar] = {Index(old): Index(new) for old, new in names.items()}
            places = tuple(Axis(names[axis.index], axis.extent) for axis in axes)
            return places, tuple(substitute(index, rename) for index in indices)
    raise UnsupportedError(f"the scatter into {target} in {kernel.name} does not follow a nest that clears it")


__all__ = ["grid_form"]
