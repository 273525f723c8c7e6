"""Canonical names inside a kernel, so that kernels that differ only in names compare equal."""

from symdl_codegen.ir import (
    Axis,
    Barrier,
    Contract,
    Index,
    Let,
    Load,
    Local,
    Nest,
    Reduce,
    Routine,
    Scalar,
    Size,
    Span,
    Statement,
    Store,
    map_scalar,
    substitute,
)


class Renaming:
    """Numbers indices and locals, and optionally buffers and sizes, in order of first appearance."""

    def __init__(self, buffers: dict[str, str], everything: bool = False) -> None:
        self.indices: dict[str, str] = {}
        self.locals: dict[str, str] = {}
        self.buffers = dict(buffers)
        self.sizes: dict[str, str] = {}
        self.everything = everything

    def index(self, name: str) -> str:
        """The number of an index."""
        return self.indices.setdefault(name, f"i{len(self.indices)}")

    def local(self, local: Local) -> Local:
        """The number of a local."""
        return Local(self.locals.setdefault(local.name, f"v{len(self.locals)}"), local.kind)

    def buffer(self, name: str) -> str:
        """The number, or given name, of a buffer."""
        if self.everything:
            return self.buffers.setdefault(name, f"b{len(self.buffers)}")
        return self.buffers.get(name, name)

    def size(self, name: str) -> str:
        """The number of a size, where everything is numbered."""
        return self.sizes.setdefault(name, f"s{len(self.sizes)}") if self.everything else name

    def time(self, span: Span | None) -> tuple[str, Scalar] | None:
        """The size that is the time of ``span`` and its extent, in new names; None where nothing renamed uses it."""
        if span is None or span.time not in self.sizes:
            return None
        known: dict[Scalar, Scalar] = {Size(name): Size(new) for name, new in self.sizes.items()}
        return self.sizes[span.time], substitute(span.extent, known)

    def axis(self, axis: Axis) -> Axis:
        """An axis in new names."""
        return Axis(self.index(axis.index), self.scalar(axis.extent))

    def scalar(self, scalar: Scalar) -> Scalar:
        """A scalar in new names."""
        return map_scalar(scalar, self._node)

    def _node(self, node: Scalar) -> Scalar:
        match node:
            case Index(name):
                return Index(self.index(name))
            case Size(name):
                return Size(self.size(name))
            case Local():
                return self.local(node)
            case Load(name, indices):
                return Load(self.buffer(name), indices)
        return node

    def body(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """Statements in new names, in order."""
        return tuple(self.statement(statement) for statement in body)

    def statement(self, statement: Statement) -> Statement:
        """One statement in new names."""
        match statement:
            case Let(local, value):
                value = self.scalar(value)
                return Let(self.local(local), value)
            case Reduce(local, op, axes, value):
                axes = tuple(map(self.axis, axes))
                value = self.scalar(value)
                return Reduce(self.local(local), op, axes, value)
            case Store(name, indices, value, op):
                return Store(self.buffer(name), tuple(map(self.scalar, indices)), self.scalar(value), op)
            case Nest(axes, inner):
                axes = tuple(map(self.axis, axes))
                return Nest(axes, self.body(inner))
            case Contract():
                rows, columns, depth = (
                    tuple(map(self.axis, axes)) for axes in (statement.rows, statement.columns, statement.depth)
                )
                left, right = self.scalar(statement.left), self.scalar(statement.right)
                local, (panel, places, tile) = self.local(statement.local), map(self.buffer, statement.scratch)
                more = self.body(statement.more)
                epilogue = self.body(statement.epilogue)
                rest = (panel, places, tile, statement.along, statement.symmetric, statement.cuts, more)
                return Contract(rows, columns, depth, left, right, local, epilogue, *rest)
            case Routine(op, operands, matrices, results, work, whole):
                return Routine(
                    op,
                    tuple(map(self.scalar, operands)),
                    tuple((self.scalar(rows), self.scalar(columns)) for rows, columns in matrices),
                    tuple((which, self.scalar(place)) for which, place in results),
                    self.buffer(work),
                    self.buffer(whole),
                )
        return Barrier()


def rename_body(body: tuple[Statement, ...], buffers: dict[str, str]) -> tuple[Statement, ...]:
    """``body`` with indices and locals numbered in order of appearance and ``buffers`` renamed as given."""
    return Renaming(buffers).body(body)
