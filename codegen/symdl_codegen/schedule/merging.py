"""Which axes of a contraction are the rows, the columns and the loops around: the choice with the least estimated cost.

Any contraction is a matrix product of merged axes. Columns want to be contiguous in the right operand and to fill whole
vectors, rows to fill whole tiles. Columns that have no single step are packed, which costs as much as some rows of the
product. The estimate is in cycles of a nominal processor: two multiplications and two loads of a vector in each.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from symdl_codegen.ir import Axis, Load, Scalar, free_indices
from symdl_codegen.scalars import ONE, ZERO, evaluate, merged_stride

HEIGHT, VECTORS, LANES = 8, 3, 16  # of the nominal tile
USUAL = 64  # what an extent counts that is not known
LATENCY = 4  # cycles from a multiplication to the next one of the same sum
CALL, TURN, RUN = 40.0, 3.0, 12.0  # cycles of a tile, of a turn of a loop inside it, of a run of lines that is packed
DOT, ADDED, BLOCK = 0.75, 8.0, 24  # of a vector of a dot product, of its lanes added; dot products in a block
MOVED, TURNED, SCATTERED = 0.3, 1.2, 1.5  # cycles of an element copied in a vector, across vectors, by itself
NARROWER = 0.8  # cycles of a step for each vector that a tile has not: less to do while operands arrive
NEAR = 2**18  # elements that stay in the second cache beside all else; each of a larger operand costs,
FETCHED = 0.6  # every time it is read, so many cycles in which nothing is multiplied,
TOGETHER = 4  # and so many strips of columns read it once

Steps = Mapping[str | None, Scalar]


@dataclass(frozen=True)
class Choice:
    """``outer`` loops around a matrix product, and its operands."""

    outer: tuple[Axis, ...]
    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    left: Load
    right: Load


def merged_axes(
    axes: tuple[Axis, ...],
    depth: tuple[Axis, ...],
    operands: tuple[Load, Load],
    steps: Mapping[str, Steps],
    result: Steps,
) -> Choice | None:
    """The best of ``all_choices``; None where there is none."""
    best = cheapest([all_choices(axes, depth, operands, steps, result)])
    return best[0] if best else None


def all_choices(
    axes: tuple[Axis, ...],
    depth: tuple[Axis, ...],
    operands: tuple[Load, Load],
    steps: Mapping[str, Steps],
    result: Steps,
) -> list[tuple[float, Choice]]:
    """The choices for a sum over ``depth`` of the product of ``operands``, kept over ``axes``, each with its cost.

    ``steps`` are the element strides of each operand by index, ``result`` those of what is stored. Empty where an
    operand has no axis of its own.
    """
    found: list[tuple[float, Choice]] = []
    for left, right in (operands, operands[::-1]):
        rows = tuple(axis for axis in axes if axis.index in free_indices(left) - free_indices(right))
        own = tuple(axis for axis in axes if axis.index in free_indices(right) - free_indices(left))
        if not rows or not own:
            return []
        for columns in _columns(own, steps[id_of(right)]):
            outer = tuple(axis for axis in axes if axis not in (*rows, *columns))
            choice = Choice(outer, rows, columns, left, right)
            found.append((product_cost(choice, depth, steps, result), choice))
    return found


def cheapest(products: Sequence[list[tuple[float, Choice]]]) -> list[Choice]:
    """A choice for each of several ``products`` that all run in the same tiles: the best; empty where there is none."""
    best: tuple[float, list[Choice]] = (math.inf, [])
    for _, first in products[0]:
        alike = [[pair for pair in choices if _loops(pair[1]) == _loops(first)] for choices in products]
        if all(alike):
            pairs = [min(choices, key=lambda pair: pair[0]) for choices in alike]
            total = sum(cost for cost, _ in pairs)
            if total < best[0]:
                best = (total, [choice for _, choice in pairs])
    return best[1]


def _loops(choice: Choice) -> tuple[tuple[Axis, ...], ...]:
    return choice.outer, choice.rows, choice.columns


def id_of(load: Load) -> str:
    """What ``steps`` calls an operand: its text."""
    return repr(load)


def _columns(own: tuple[Axis, ...], steps: Steps) -> Iterator[tuple[Axis, ...]]:
    """All axes as one, and those that end with a contiguous one and have a single step."""
    yield own
    for last in range(len(own)):
        for first in range(last + 1):
            if (first, last) != (0, len(own) - 1) and merged_stride(own[first : last + 1], steps) == ONE:
                yield own[first : last + 1]


def product_cost(choice: Choice, depth: tuple[Axis, ...], steps: Mapping[str, Steps], result: Steps) -> float:
    """Cycles of a choice in tiles, about."""
    m, n, k = _count(choice.rows), _count(choice.columns), _count(depth)
    inner = _count(depth[-1:])
    vectors = -(-n // LANES)
    strips = -(-vectors // VECTORS)
    tiles = -(-m // HEIGHT)
    height, width = m / tiles, vectors / strips
    sums = height * width
    step = max(sums / 2, (height + width) / 2, LATENCY if sums < 2 * LATENCY else 0) + TURN / max(inner, 1)
    step += NARROWER * (VECTORS - width)
    unit = [merged_stride(axes, result) == ONE for axes in (choice.columns, choice.rows)]
    stored = MOVED if unit[0] else TURNED if unit[1] else SCATTERED
    tile = k * step + CALL + stored * height * LANES * width
    packed, far = 0.0, FETCHED * -(-strips // TOGETHER) * m * k if m * k > NEAR else 0.0
    right = steps[id_of(choice.right)]
    if merged_stride(choice.columns, right) != ONE:
        packed = k * _packing(choice.columns, n, depth, inner, right)
    return _count(choice.outer) * (strips * tiles * tile + packed + far)


def dots_cost(axes: tuple[Axis, ...], depth: tuple[Axis, ...]) -> float:
    """Cycles of the same in dot products with vectors along the last of ``depth``, about."""
    inner = max(_count(depth[-1:]), 1)
    vectors = _count(depth) / inner * -(-inner // LANES)
    return _count(axes) * (vectors * DOT + TURN * _count(depth) / inner / BLOCK + ADDED)


def _packing(columns: tuple[Axis, ...], n: int, depth: tuple[Axis, ...], inner: int, steps: Steps) -> float:
    """Cycles to pack one step along the depth of all columns."""
    run = _run(columns, steps)
    if run < 4 and steps.get(depth[-1].index, ZERO) == ONE and inner >= 4:
        blocks = -(-inner // LANES) * LANES / inner
        return -(-n // LANES) * LANES * MOVED * blocks
    pieces = -(-n // run) * (-(-run // LANES))
    return pieces * (2.0 + RUN / inner)


def _run(columns: tuple[Axis, ...], steps: Steps) -> int:
    """How many columns lie next to each other."""
    for first in range(len(columns)):
        if merged_stride(columns[first:], steps) == ONE:
            return max(_count(columns[first:]), 1)
    return 1


def _count(axes: tuple[Axis, ...]) -> int:
    sizes: Mapping[str, int] = defaultdict(lambda: USUAL)
    return prod(evaluate(axis.extent, sizes) for axis in axes)


__all__ = ["Choice", "all_choices", "cheapest", "dots_cost", "id_of", "merged_axes", "product_cost"]
