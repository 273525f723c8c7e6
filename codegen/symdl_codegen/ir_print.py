"""The loop IR as indented text, for people."""

from functools import partial

from symdl_codegen.ir import (
    Axis,
    Barrier,
    Contract,
    Cut,
    Kernel,
    Let,
    Module,
    Nest,
    Reduce,
    Routine,
    Span,
    Statement,
    Store,
    Strip,
)
from symdl_codegen.scalars import shape_text, text


def module_text(module: Module) -> str:
    """The whole module: buffers, then kernels with their loops, then outputs and updates."""
    lines = [f"module {module.name}"]
    for name, value in module.sizes.items():
        lines.append(f"size {name}" + ("" if value is None else f" = {value}"))
    for buffer in module.buffers.values():
        lines.append(f"{buffer.role} {buffer.name}{shape_text(buffer.shape)}: {buffer.kind}")
    span = strip = None
    for kernel in module.kernels:
        if kernel.strip and kernel.strip != strip:
            lines += ["", _strip_line(kernel.strip)]
        strip = kernel.strip
        if kernel.span and kernel.span != span:
            lines += ["", _span_line(kernel.span)]
        span = kernel.span
        lines += ["", *(f"    {line}" if span else line for line in kernel_lines(kernel))]
    lines += ["", "outputs " + ", ".join(f"{name} = {buffer}" for name, buffer in module.outputs.items())]
    if module.guard:
        lines.append(f"guard {module.guard}")
    return "\n".join(lines)


def kernel_lines(kernel: Kernel) -> list[str]:
    """One kernel as lines, its equations first."""
    head = [f"# {line}" for line in kernel.note.splitlines()]
    return [*head, f"kernel {kernel.name} ({kernel.phase})", *_lines(kernel.body, "    ")]


def _span_line(span: Span) -> str:
    order = "downwards" if span.reverse else "upwards"
    return f"loop {span.loop}, {text(span.first)} <= {span.time} < {text(span.last)} {order}:"


def _strip_line(strip: Strip) -> str:
    order = "last first" if strip.reverse else "first first"
    return f"strip {strip.name}, blocks of {strip.width} of {text(strip.extent)} steps, {order}:"


def _axes(axes: tuple[Axis, ...]) -> str:
    return ", ".join(f"{axis.index} < {text(axis.extent)}" for axis in axes)


def _cut(part: Contract, cut: Cut) -> str:
    place = text((part.right if cut.right else part.left).indices[cut.position])
    steps = f" in steps of {cut.every}" if cut.every > 1 else ""
    return f" where {cut.first} <= {place} < {cut.last}{steps}"


def _lines(body: tuple[Statement, ...], indent: str) -> list[str]:
    lines: list[str] = []
    for statement in body:
        match statement:
            case Let(local, value):
                lines.append(f"{indent}{local.name} = {text(value)}")
            case Reduce(local, op, axes, value):
                lines.append(f"{indent}{local.name} = {op} over {_axes(axes)} of {text(value)}")
            case Store(name, indices, value, op):
                sign = "=" if op is None else "+=" if op == "add" else f"{op}="
                lines.append(f"{indent}{name}[{', '.join(map(text, indices))}] {sign} {text(value)}")
            case Nest(axes, inner):
                lines += [f"{indent}for {_axes(axes)}:" if axes else f"{indent}once:", *_lines(inner, indent + "    ")]
            case Contract():
                diagonal = " up to the diagonal" if statement.symmetric else ""
                lines += [
                    f"{indent}for tiles of {_axes(statement.rows)} and {_axes(statement.columns)}{diagonal}:",
                    *(f"{indent}    {_product_line(part)}" for part in statement.products),
                    *_lines(statement.epilogue, indent + "    "),
                ]
            case Routine(op, operands, _, results, work, whole):
                places = ", ".join(f"{text(place)} (result {which})" for which, place in results)
                matrices = ", ".join(map(text, operands))
                lines.append(f"{indent}{places} = {op}({matrices})    (work {work}, whole {whole})")
            case Barrier():
                lines.append(f"{indent}barrier")
    return lines


def _product_line(part: Contract) -> str:
    cuts = "".join(map(partial(_cut, part), part.cuts))
    return (
        f"{part.local.name} = add over {_axes(part.depth)} of {text(part.left)}*{text(part.right)}{cuts}    "
        f"(panel {part.panel}, tile {part.tile})"
    )
