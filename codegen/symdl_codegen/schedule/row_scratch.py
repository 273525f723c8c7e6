"""What only one joined nest reads is kept in locals, and in scratch of one iteration."""

from dataclasses import replace

from symdl_codegen.ir import (
    Const,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Statement,
    Store,
    Tensor,
    loads_of,
    map_scalar,
    map_statement,
    routines,
    statements,
    substitute,
)
from symdl_codegen.scalars import kind_of


def in_scratch(kernel: Kernel, module: Module) -> Kernel:
    """``kernel`` with what only it reads in locals, and in scratch of one iteration; adds to the module's buffers."""
    (nest,) = kernel.body
    assert isinstance(nest, Nest)
    needed = set(module.outputs.values()) | {module.guard} | {value for _, value in module.updates}
    for other in module.kernels:
        if other.name != kernel.name:
            needed |= other.reads | {load.tensor for part in routines(other) for load in part.operands}
    own = {name for name in kernel.writes if module.buffers[name].role == "temporary"} - needed
    body = _forwarded(nest.body, kernel, module)
    read = {load.tensor for load in loads_of(body)}
    body = _without_stores(body, own - read)
    outside = {axis.index for axis in nest.axes}
    table: dict[str, tuple[str, tuple[int, ...]]] = {}
    for store in [part for part in statements(body) if isinstance(part, Store)]:
        if store.buffer in own:
            kept = tuple(
                place
                for place, index in enumerate(store.indices)
                if not isinstance(index, Size) and not (isinstance(index, Index) and index.name in outside)
            )
            buffer = module.buffers[store.buffer]
            name = f"{store.buffer}_rows"
            while name in module.buffers:
                name += "_"
            shape = tuple(buffer.shape[place] for place in kept)
            module.buffers[name] = Tensor(name, shape, buffer.kind, "scratch")
            table[store.buffer] = name, kept
    return replace(kernel, body=(Nest(nest.axes, tuple(_moved(part, table) for part in body)),))


def _forwarded(body: tuple[Statement, ...], kernel: Kernel, module: Module) -> tuple[Statement, ...]:
    """``body`` with what it stores read from locals behind the store, inner nests included."""
    taken = {part.local.name for part in statements(kernel.body) if isinstance(part, Let | Reduce)}
    values: dict[Scalar, Scalar] = {}
    result: list[Statement] = []
    for part in body:
        if values:
            part = map_statement(part, lambda scalar: substitute(scalar, values))
        if isinstance(part, Nest):
            part = replace(part, body=_forwarded(part.body, kernel, module))
        if isinstance(part, Store) and part.op is None:
            value = part.value
            if not isinstance(value, Local | Const):
                name = f"{part.buffer}_value"
                while name in taken:
                    name += "_"
                taken.add(name)
                local = Local(name, kind_of(value, module.buffers))
                result.append(Let(local, value))
                value = local
            values[Load(part.buffer, part.indices)] = value
            part = replace(part, value=value)
        result.append(part)
    return tuple(result)


def _without_stores(body: tuple[Statement, ...], names: set[str]) -> tuple[Statement, ...]:
    result: list[Statement] = []
    for part in body:
        if isinstance(part, Nest):
            part = replace(part, body=_without_stores(part.body, names))
            if not part.body:
                continue
        if not (isinstance(part, Store) and part.buffer in names):
            result.append(part)
    return tuple(result)


def _moved(part: Statement, table: dict[str, tuple[str, tuple[int, ...]]]) -> Statement:
    def change(scalar: Scalar) -> Scalar:
        if isinstance(scalar, Load) and scalar.tensor in table:
            name, kept = table[scalar.tensor]
            return Load(name, tuple(scalar.indices[place] for place in kept))
        return scalar

    def stores(part: Statement) -> Statement:
        if isinstance(part, Nest):
            return replace(part, body=tuple(map(stores, part.body)))
        if isinstance(part, Store) and part.buffer in table:
            name, kept = table[part.buffer]
            return replace(part, buffer=name, indices=tuple(part.indices[place] for place in kept))
        return part

    return stores(map_statement(part, lambda scalar: map_scalar(scalar, change)))


__all__ = ["in_scratch"]
