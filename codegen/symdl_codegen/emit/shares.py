"""Which loops of a kernel workers may share: the loops whose iterations touch nothing that other iterations write.

A loop that lanes run along is cut in blocks of fixed length, so that an element is computed by the same instructions
whoever computes it: results never depend on how many workers there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from symdl_codegen.emit import Share
from symdl_codegen.ir import (
    Axis,
    Const,
    Contract,
    Index,
    Kernel,
    Let,
    Load,
    Nest,
    Reduce,
    Scalar,
    Size,
    Statement,
    Store,
    Tensor,
    free_indices,
    routines,
    walk,
)

UNKNOWN = 1024  # what an extent that is not known counts
ROW = 64  # iterations inside a loop from which on lanes run along them, and not along the loop
LANES = 0  # in place of a granule
BLOCK = 16  # the least iterations of a block
ENOUGH = 32  # blocks to share, beyond which no further loop is offered
MOST = 3  # loops of one kernel that are shared


@dataclass(frozen=True, slots=True)
class _Access:
    buffer: str
    indices: tuple[Scalar, ...]
    store: Store | None
    loops: tuple[tuple[Axis, int], ...]  # the loops around: axis and number of the loop


def shares_of(kernel: Kernel, buffers: dict[str, Tensor], rows: int, columns: int) -> tuple[Share, ...]:
    """The loops of ``kernel`` that are shared, outermost first; of a tile in steps of ``rows`` and ``columns``."""
    if routines(kernel):
        return ()
    time = Size(kernel.span.time) if kernel.span else None
    accesses = list(_accesses(kernel.body, (), iter(range(10**6))))
    found: list[Share] = []
    blocks = 1
    for axes, granule in _candidates(kernel.body, rows, columns).items():
        lanes = granule == LANES
        if (
            len(found) == MOST
            or any(time in walk(axis.extent) for axis in axes)
            or (blocks >= ENOUGH and lanes)
            or not all(_independent(axis, accesses, buffers) for axis in axes)
        ):
            continue
        found.append(Share(axes, BLOCK if lanes else granule, lanes, rows))
        blocks *= -(-_count(axes) // found[-1].granule)
    return tuple(found)


def _candidates(body: tuple[Statement, ...], rows: int, columns: int) -> dict[tuple[Axis, ...], int]:
    """The loops of nests and tiles, outermost first, each with its granule, or LANES where lanes run along it."""
    found: dict[tuple[Axis, ...], int] = {}
    for part in body:
        if isinstance(part, Nest):
            for position, axis in enumerate(part.axes):
                inside = _longest(part.body) * _count(part.axes[position + 1 :])
                found[(axis,)] = 1 if inside >= ROW and found.get((axis,), 1) != LANES else LANES
            for axes, granule in _candidates(part.body, rows, columns).items():
                found[axes] = LANES if found.get(axes) == LANES else granule
        elif isinstance(part, Contract):
            found |= _sides(part, rows, columns)
    return found


def _sides(part: Contract, rows: int, columns: int) -> dict[tuple[Axis, ...], int]:
    """The loops of a contraction. Of a symmetric one each worker takes columns from both ends: equal work."""
    if part.symmetric:
        return {part.columns: 2 * columns}
    return {part.rows: rows, part.columns: columns} if part.along == "columns" else {part.rows: 1}


def _longest(body: tuple[Statement, ...]) -> int:
    """The most iterations of nested loops in ``body``, as far as known."""
    lengths = [1]
    for part in body:
        match part:
            case Nest(axes, inner):
                lengths.append(_count(axes) * _longest(inner))
            case Reduce(_, _, axes, _):
                lengths.append(_count(axes))
            case Contract():
                lengths.append(_count((*part.rows, *part.columns, *part.depth)))
    return max(lengths)


def _count(axes: tuple[Axis, ...]) -> int:
    number = 1
    for axis in axes:
        number *= int(axis.extent.value) if isinstance(axis.extent, Const) else UNKNOWN
    return number


def places_of(kernel: Kernel, stored: bool | None = None) -> dict[str, list[tuple[Scalar, ...]]]:
    """The indices of every load and store of each buffer, those of linear algebra and of tiles' scratch left out.

    With ``stored`` those of stores alone, or of loads.
    """
    found: dict[str, list[tuple[Scalar, ...]]] = {}
    for access in _accesses(kernel.body, (), iter(range(10**6))):
        if stored is None or stored == (access.store is not None):
            found.setdefault(access.buffer, []).append(access.indices)
    return found


def _accesses(
    body: tuple[Statement, ...], loops: tuple[tuple[Axis, int], ...], numbers: Iterator[int]
) -> Iterator[_Access]:
    for part in body:
        match part:
            case Nest(axes, inner):
                yield from _accesses(inner, (*loops, *((axis, next(numbers)) for axis in axes)), numbers)
            case Contract():
                inside = (*loops, *((axis, next(numbers)) for axis in (*part.rows, *part.columns)))
                for load in (load for one in part.products for load in (one.left, one.right)):
                    yield _Access(load.tensor, load.indices, None, inside)
                yield from _accesses(part.epilogue, inside, numbers)
            case Let(_, value) | Reduce(_, _, _, value):
                yield from _loads(value, loops)
            case Store(buffer, indices, value, _):
                for scalar in (*indices, value):
                    yield from _loads(scalar, loops)
                yield _Access(buffer, indices, part, loops)


def _loads(scalar: Scalar, loops: tuple[tuple[Axis, int], ...]) -> Iterator[_Access]:
    for node in walk(scalar):
        if isinstance(node, Load):
            yield _Access(node.tensor, node.indices, None, loops)


def _independent(axis: Axis, accesses: list[_Access], buffers: dict[str, Tensor]) -> bool:
    """Whether the iterations of all loops along ``axis`` may run at the same time, each worker with its own scratch."""
    loops = {found for access in accesses for found in access.loops if found[0].index == axis.index}
    if any(found != axis for found, _ in loops):
        return False  # one name for loops of two lengths
    for buffer in {access.buffer for access in accesses if access.store is not None}:
        own = [access for access in accesses if access.buffer == buffer]
        around = [[number for found, number in access.loops if found == axis] for access in own]
        if buffers[buffer].role != "scratch":
            for access, numbers in zip(own, around, strict=True):
                if access.store is not None and not (numbers and _is_apart(access.store, axis)):
                    return False
        elif not any(numbers for access, numbers in zip(own, around, strict=True) if access.store is not None):
            continue  # each worker computes all of it for itself
        together = len({tuple(numbers) for numbers in around}) == 1
        if not together and not plain_positions(axis.index, [access.indices for access in own]):
            return False
    return True


def _is_apart(store: Store, axis: Axis) -> bool:
    """Whether iterations of ``axis`` write different elements: by the grammar, or for a scatter by a plain index."""
    if store.op is None:
        return any(axis.index in free_indices(index) for index in store.indices)
    return Index(axis.index) in store.indices


def plain_positions(index: str, places: list[tuple[Scalar, ...]]) -> list[int]:
    """The positions at which every one of ``places`` has just ``index``."""
    shortest = min((len(place) for place in places), default=0)
    return [position for position in range(shortest) if all(place[position] == Index(index) for place in places)]


__all__ = ["places_of", "plain_positions", "shares_of"]
