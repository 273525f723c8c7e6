"""Sharing: two kernels that compute the same thing become one."""

from dataclasses import replace

from symdl_codegen.ir import Kernel, Load, Module, Scalar, map_scalar, map_statement
from symdl_codegen.passes.canonical import rename_body


def sharing(module: Module) -> Module:
    """Compute equal equations once.

    before: s = sum x; t = sum x; y = s*t        after: s = sum x; y = s*s

    Only single-target kernels of phase ``step`` take part. Outputs, the guard and updates follow the renaming.
    """
    alias: dict[str, str] = {}
    seen: dict[tuple[object, ...], str] = {}
    kernels: list[Kernel] = []
    for kernel in module.kernels:
        kernel = redirect(kernel, alias)
        targets = kernel.writes
        if kernel.phase == "step" and len(targets) == 1:
            (target,) = targets
            buffer = module.buffers[target]
            steps = replace(kernel.span, loop="") if kernel.span else None
            key = (rename_body(kernel.body, {target: "target"}), buffer.shape, buffer.kind, steps)
            if key in seen:
                alias[target] = seen[key]
                continue
            seen[key] = target
        kernels.append(kernel)
    return replace(
        module,
        kernels=tuple(redirect(kernel, alias) for kernel in kernels),  # a loop may read what comes later in it
        buffers={name: buffer for name, buffer in module.buffers.items() if name not in alias},
        outputs={name: alias.get(buffer, buffer) for name, buffer in module.outputs.items()},
        updates=tuple((state, alias.get(value, value)) for state, value in module.updates),
        guard=alias.get(module.guard, module.guard) if module.guard else None,
    )


def redirect(kernel: Kernel, alias: dict[str, str]) -> Kernel:
    """``kernel`` with loads of each buffer in ``alias`` reading the one it stands for."""

    def change(scalar: Scalar) -> Scalar:
        return (
            Load(alias[scalar.tensor], scalar.indices)
            if isinstance(scalar, Load) and scalar.tensor in alias
            else scalar
        )

    if not alias:
        return kernel
    return replace(
        kernel, body=tuple(map_statement(part, lambda scalar: map_scalar(scalar, change)) for part in kernel.body)
    )
