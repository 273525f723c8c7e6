"""What a kernel writes, and the memory it needs beside."""

from collections.abc import Iterator

from symdl_codegen.ir import Contract, Kernel, Load, Statement, Store, Tensor, statements


def stores_of(body: tuple[Statement, ...]) -> Iterator[Load]:
    """Yield the place of every store in ``body``, in the form of a load."""
    for part in statements(body):
        if isinstance(part, Store):
            yield Load(part.buffer, part.indices)


def scratches(kernel: Kernel, buffers: dict[str, Tensor]) -> set[str]:
    """Names of the scratch buffers that ``kernel`` uses."""
    named = {name for part in statements(kernel.body) if isinstance(part, Contract) for name in part.scratch}
    return named | {
        name for name in kernel.reads | kernel.writes if name in buffers and buffers[name].role == "scratch"
    }
