"""The loop IR: what a Program becomes before it is emitted.

The whole grammar, on one screen::

    Scalar    = Const | Index | Size | Load | Apply                     (of program.py)
              | Local(name, kind)                                       a value bound earlier in the same nest
    Statement = Let(local, value)                                       local = value
              | Reduce(local, op, axes, value)                          local = op over axes of value
              | Store(buffer, indices, value, op)                       buffer[indices] = value, or combined by op
              | Nest(axes, body)                                        for axes: body
              | Contract(rows, columns, depth, left, right, local, epilogue, more)
                    for rows, columns: local = sum over depth of left * right; more; epilogue     (in register tiles)
              | Routine(op, operands, matrices, results, work, whole)   linear algebra on whole matrices
              | Barrier()                                               everything above is visible to everything below
    Span      = loop, time, first, last                                 for first <= time < last: its kernels, in order
    Strip     = name, extent, width                                     for each block of width steps: its kernels
    Kernel    = name, phase, body, note, span, strip                    one native function; phase is step or update
    Module    = sizes, buffers, kernels, outputs, updates, guard, batch

A module's kernels run in order. Kernels of phase ``update`` run after the guard was found finite. Every buffer is
written by one kernel, except states, which only ``update`` kernels write. Consecutive kernels with an equal ``span``
are run for each time step; there ``Size(time)`` is the step. The spans of one loop follow each other in the order of
time and share no step; each may write the buffers of the others. Consecutive kernels with an equal ``strip`` are run,
loops included, for each block of time; there sizes of the strip tell which, and buffers may be written anew, or read
as the last block has left them. Buffers are row-major; a ``scratch`` one lives during
the one kernel that names it; ``temporary`` ones get their place in the arena when sizes are bound. Nothing here knows
a processor: tiles, lanes and threads are chosen by the emitters.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from symdl_codegen.program import Apply, Axis, Const, Index, Load, Size, Tensor
from symdl_codegen.program import walk as walk_plain

__all__ = [
    "Apply",
    "Axis",
    "Barrier",
    "Const",
    "Contract",
    "Cut",
    "Index",
    "Kernel",
    "Let",
    "Load",
    "Local",
    "Module",
    "Nest",
    "Reduce",
    "Routine",
    "Scalar",
    "Size",
    "Span",
    "Statement",
    "Store",
    "Strip",
    "Tensor",
    "free_indices",
    "locals_of",
    "map_scalar",
    "map_statement",
    "scalars_of",
    "substitute",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Local:
    """A scalar bound by an earlier Let, Reduce or Contract of the same nest or one around it."""

    name: str
    kind: str = "real"


# Const | Index | Size | Load | Apply | Local. Any, because program.py's Load and Apply hold scalars without Local.
Scalar = Any


@dataclass(frozen=True, slots=True)
class Let:
    """``local = value``, once."""

    local: Local
    value: Scalar


@dataclass(frozen=True, slots=True)
class Reduce:
    """``local = op over axes of value``; ``op`` in add mul max min, starting from the operation's identity."""

    local: Local
    op: str
    axes: tuple[Axis, ...]
    value: Scalar


@dataclass(frozen=True, slots=True)
class Store:
    """``buffer[indices] = value``; with ``op`` the element is combined instead (``add``: scatter-add)."""

    buffer: str
    indices: tuple[Scalar, ...]
    value: Scalar
    op: str | None = None


@dataclass(frozen=True, slots=True)
class Nest:
    """Loops over ``axes``, outermost first, around ``body``; independent iterations unless a Store has an ``op``."""

    axes: tuple[Axis, ...]
    body: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """Where axis number ``depth`` of a contraction's sum runs: only where an operand may be other than zero.

    That is where index ``position`` of the operand, the ``right`` one or the left one, is at least ``first``, less than
    ``last``, and a multiple of ``every`` beyond ``first``. Besides the axis it depends on axes around the tile alone.
    """

    depth: int
    right: bool
    position: int
    first: int
    last: int
    every: int = 1


@dataclass(frozen=True, slots=True)
class Contract:
    """For all rows and columns: ``local`` = sum over ``depth`` of ``left * right``, in tiles; then ``epilogue``.

    A matrix product: its rows run over the axes ``rows``, the last one fastest, its columns over ``columns``, and the
    sum is taken in the order of ``depth``. ``left`` does not depend on the columns and ``right`` not on the rows; both
    have affine addresses. Scratch: ``panel`` holds packed operands, ``places`` offsets, ``tile`` finished tiles.
    ``along`` is what vectors run along: the columns, or the depth, whose last axis is then contiguous in both operands
    while there is one axis of rows and one of columns. ``symmetric``: only for columns up to the row, one axis each.
    ``cuts`` leave out of the sum what is zero, at most one for each of the first axes of the depth.
    ``more``: further products, one panel deep, without epilogues; each has its own ``local`` or is added to an earlier.
    """

    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    depth: tuple[Axis, ...]
    left: Load
    right: Load
    local: Local
    epilogue: tuple["Statement", ...]
    panel: str
    places: str
    tile: str
    along: str = "columns"
    symmetric: bool = False
    cuts: tuple[Cut, ...] = ()
    more: tuple["Statement", ...] = ()

    @property
    def products(self) -> tuple["Contract", ...]:
        """All that share tiles."""
        return (self, *(part for part in self.more if isinstance(part, Contract)))

    @property
    def scratch(self) -> tuple[str, str, str]:
        """Names of the scratch buffers."""
        return self.panel, self.places, self.tile


@dataclass(frozen=True, slots=True)
class Routine:
    """An operation of linear algebra on the matrices that loads with leading indices select.

    ``matrices`` has rows and columns of each operand; ``results`` are (which, place), the place again a load with
    leading indices; ``work`` and ``whole`` are scratch buffers of reals and of integers. Where there is no result, the
    places are filled with NaN and the failure is noted.
    """

    op: str
    operands: tuple[Load, ...]
    matrices: tuple[tuple[Scalar, Scalar], ...]
    results: tuple[tuple[int, Load], ...]
    work: str
    whole: str


@dataclass(frozen=True, slots=True)
class Barrier:
    """All statements before are complete, for every worker, before any after begins."""


Statement = Let | Reduce | Store | Nest | Contract | Routine | Barrier


@dataclass(frozen=True, slots=True)
class Span:
    """The time steps ``first <= time < last`` of the recurrence ``loop``, whose time has ``extent`` steps in all.

    ``time`` names the step, an integer that kernels read as a ``Size``. Time runs down where ``reverse``. Where
    ``checkpoint`` is given, only the states between blocks of that many steps are to be kept.
    """

    loop: str
    time: str
    extent: Scalar
    first: Scalar
    last: Scalar
    reverse: bool = False
    checkpoint: int | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """The blocks of ``width`` steps that ``extent`` steps of time divide into, the last one shorter where it must be.

    Kernels read three sizes: the number of the block, its first time, and how many steps it has.
    """

    name: str
    extent: Scalar
    width: int
    reverse: bool = False

    @property
    def sizes(self) -> tuple[str, str, str]:
        """The names of the sizes: block, start and steps."""
        return f"{self.name}_block", f"{self.name}_start", f"{self.name}_steps"


@dataclass(frozen=True)  # no slots: what it reads and writes is kept, because passes ask for it over and over
class Kernel:
    """One native function. ``note`` is its equations as text, one a line; with ``span`` it runs once per time step.

    With ``strip`` it runs, or all steps of its loop do, once per block of time.
    """

    name: str
    body: tuple[Statement, ...]
    note: str = ""
    phase: str = "step"
    span: Span | None = None
    strip: Strip | None = None

    @cached_property
    def reads(self) -> frozenset[str]:
        """Names of the buffers that it loads from, scratch included."""
        operands = (load for part in routines(self) for load in part.operands)
        return frozenset(load.tensor for load in (*loads_of(self.body), *operands))

    @cached_property
    def writes(self) -> frozenset[str]:
        """Names of the buffers that it stores to."""
        named = {part.buffer for part in statements(self.body) if isinstance(part, Store)}
        for part in routines(self):
            named |= {part.work, part.whole, *(place.tensor for _, place in part.results)}
        return frozenset(named)


@dataclass(frozen=True, slots=True)
class Module:
    """A whole program. ``outputs`` maps an output's name to the buffer that holds it; a state does so as updated."""

    name: str
    sizes: dict[str, int | None]
    buffers: dict[str, Tensor]
    kernels: tuple[Kernel, ...]
    outputs: dict[str, str]
    updates: tuple[tuple[str, str], ...] = ()
    guard: str | None = None
    batch: str | None = None


def walk(scalar: Scalar) -> Iterator[Scalar]:
    """Yield ``scalar`` and everything in it, parents first."""
    return walk_plain(scalar)


def map_scalar(scalar: Scalar, change: Callable[[Scalar], Scalar]) -> Scalar:
    """Rebuild ``scalar`` from the leaves up, each rebuilt node passed through ``change``."""
    if isinstance(scalar, Apply):
        scalar = Apply(scalar.primitive, tuple(map_scalar(argument, change) for argument in scalar.arguments))
    elif isinstance(scalar, Load):
        scalar = Load(scalar.tensor, tuple(map_scalar(index, change) for index in scalar.indices))
    return change(scalar)


def substitute(scalar: Scalar, table: dict[Scalar, Scalar]) -> Scalar:
    """Replace each node of ``scalar`` that is a key of ``table``; replacements are not searched again."""
    if scalar in table:
        return table[scalar]
    if isinstance(scalar, Apply):
        return Apply(scalar.primitive, tuple(substitute(argument, table) for argument in scalar.arguments))
    if isinstance(scalar, Load):
        return Load(scalar.tensor, tuple(substitute(index, table) for index in scalar.indices))
    return scalar


def map_statement(
    statement: Statement,
    change: Callable[[Scalar], Scalar],
    axis: Callable[[Axis], Axis] = lambda axis: axis,
    buffer: Callable[[str], str] = lambda name: name,
) -> Statement:
    """Rebuild ``statement``: ``change`` each scalar, ``axis`` each axis, ``buffer`` each written name."""

    def body(part: tuple[Statement, ...]) -> tuple[Statement, ...]:
        return tuple(map_statement(inner, change, axis, buffer) for inner in part)

    match statement:
        case Let(local, value):
            return Let(local, change(value))
        case Reduce(local, op, axes, value):
            return Reduce(local, op, tuple(map(axis, axes)), change(value))
        case Store(name, indices, value, op):
            return Store(buffer(name), tuple(map(change, indices)), change(value), op)
        case Nest(axes, inner):
            return Nest(tuple(map(axis, axes)), body(inner))
        case Contract():
            return replace(
                statement,
                rows=tuple(map(axis, statement.rows)),
                columns=tuple(map(axis, statement.columns)),
                depth=tuple(map(axis, statement.depth)),
                left=change(statement.left),
                right=change(statement.right),
                epilogue=body(statement.epilogue),
                more=body(statement.more),
                panel=buffer(statement.panel),
                places=buffer(statement.places),
                tile=buffer(statement.tile),
            )
        case Routine():
            return replace(
                statement,
                operands=tuple(map(change, statement.operands)),
                matrices=tuple((change(rows), change(columns)) for rows, columns in statement.matrices),
                results=tuple((k, Load(buffer(p.tensor), tuple(map(change, p.indices)))) for k, p in statement.results),
                work=buffer(statement.work),
                whole=buffer(statement.whole),
            )
    return statement


def statements(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Yield every statement of ``body`` and of the nests in it, in order, parents first."""
    for statement in body:
        yield statement
        if isinstance(statement, Nest):
            yield from statements(statement.body)
        elif isinstance(statement, Contract):
            yield from statements((*statement.more, *statement.epilogue))


def scalars_of(body: tuple[Statement, ...]) -> Iterator[Scalar]:
    """Yield the scalars written directly in each statement of ``body``: values and store indices, not extents."""
    for statement in statements(body):
        match statement:
            case Let(_, value) | Reduce(_, _, _, value):
                yield value
            case Store(_, indices, value, _):
                yield from (*indices, value)
            case Contract():
                yield from (statement.left, statement.right)


def axes_of(body: tuple[Statement, ...]) -> Iterator[Axis]:
    """Yield every axis bound in ``body``."""
    for statement in statements(body):
        match statement:
            case Nest(axes, _) | Reduce(_, _, axes, _):
                yield from axes
            case Contract(rows, columns, depth):
                yield from (*rows, *columns, *depth)


def loads_of(body: tuple[Statement, ...]) -> Iterator[Load]:
    """Yield every load in ``body``."""
    yield from (node for scalar in scalars_of(body) for node in walk(scalar) if isinstance(node, Load))


def routines(kernel: Kernel) -> list[Routine]:
    """The operations of linear algebra in ``kernel``."""
    return [part for part in statements(kernel.body) if isinstance(part, Routine)]


def free_indices(scalar: Scalar) -> set[str]:
    """Names of the loop indices in ``scalar``."""
    return {node.name for node in walk(scalar) if isinstance(node, Index)}


def locals_of(scalar: Scalar) -> set[str]:
    """Names of the locals in ``scalar``."""
    return {node.name for node in walk(scalar) if isinstance(node, Local)}
