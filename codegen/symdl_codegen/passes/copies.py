"""Copies: a tensor that is another one, element by element, is not stored again."""

import re
from dataclasses import replace

from symdl_codegen.ir import Index, Kernel, Load, Module, Nest, Scalar, Size, Store
from symdl_codegen.passes.sharing import redirect


def copies(module: Module) -> Module:
    """Read the original of a temporary that copies a temporary.

    before: e[t,n] = d[t,n]; y = f(e)        after: y = f(d)

    In a loop over time both must be computed in it, so that there is no step at which only one of them is known.
    """
    alias: dict[str, str] = {}
    kept: list[Kernel] = []
    for kernel in module.kernels:
        pair = _copied(kernel, module)
        if pair is None:
            kept.append(kernel)
        else:
            alias[pair[0]] = pair[1]
    if not alias:
        return module
    alias = {copy: _first(original, alias) for copy, original in alias.items()}

    names = re.compile(rf"\b({'|'.join(map(re.escape, alias))})(?=\[)")
    kernels = []
    for kernel in kept:
        note = names.sub(lambda found: alias[found[1]], kernel.note)
        kernels.append(replace(redirect(kernel, alias), note=note))
    buffers = {name: buffer for name, buffer in module.buffers.items() if name not in alias}
    return replace(module, kernels=tuple(kernels), buffers=buffers)


def _first(name: str, alias: dict[str, str]) -> str:
    while name in alias:
        name = alias[name]
    return name


def _copied(kernel: Kernel, module: Module) -> tuple[str, str] | None:
    """The copy and its original, where that is all that ``kernel`` does."""
    match kernel.body:
        case (Nest(axes, (Store(copy, indices, Load(original, read), None),)),) if indices == read:
            pass
        case (Store(copy, indices, Load(original, read), None),) if indices == read:
            axes = ()
        case _:
            return None
    if kernel.phase != "step" or copy == original:
        return None
    fixed = {*module.outputs.values(), *(value for _, value in module.updates), module.guard}
    target, source = module.buffers[copy], module.buffers[original]
    if copy in fixed or (target.role, source.role) != ("temporary", "temporary"):
        return None
    if (target.shape, target.kind) != (source.shape, source.kind):
        return None
    own: dict[Scalar, Scalar] = {Index(axis.index): axis.extent for axis in axes}
    if kernel.span:
        own[Size(kernel.span.time)] = kernel.span.extent
    whole = len(own) == len(indices) and all(
        own.get(i) == extent for i, extent in zip(indices, target.shape, strict=True)
    )
    writers = [other for other in module.kernels if original in other.writes or copy in other.writes]
    loop = kernel.span.loop if kernel.span else None
    together = all((other.span.loop if other.span else None) == loop for other in writers)
    return (copy, original) if whole and together and len(writers) == 2 else None


__all__ = ["copies"]
