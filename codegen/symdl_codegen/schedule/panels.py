"""How the operands of a contraction lie in memory, and the room that their packed copies need."""

from collections.abc import Sequence
from dataclasses import dataclass

from symdl_codegen.ir import Apply, Axis, Const, Contract, Cut, Index, Scalar, Size, Tensor
from symdl_codegen.scalars import ONE, ZERO, add, affine, merged_stride, mul, strides

LANES = Size("tile.columns")  # each backend binds these: the most columns and rows of a tile,
ROWS = Size("tile.rows")
BLOCK = Size("tile.block")  # the rows of finished tiles whose epilogue runs at once,
DEEP = Size("tile.deep")  # how deep a panel is at most where the depth is more than SHALLOW,
STRIPS = Size("tile.strips")  # and how many strips of columns share what is read of a left operand that is not NEAR:
TWICE = 2  # as deep are then the panels, which stay in the second cache
SHALLOW = 1024  # a depth that is never taken in blocks
NEAR = 2**17  # elements of a left operand that every strip of columns may read anew
CROWDED, NARROW, SPREAD = 128, 256, 16  # elements between rows that crowd; up to which it is cured; by so many more
KEPT = 2**16  # elements of a result up to which all of it is kept while blocks of the depth pass by
DEEPEST = 3  # loops inside a tile, and inside the packing of an operand

Level = tuple[Scalar, ...]  # an extent, then the step of each operand


@dataclass(frozen=True)
class Panels:
    """The operands of one contraction: ``left`` and ``right`` are their element strides by index."""

    part: Contract
    left: dict[str | None, Scalar]
    right: dict[str | None, Scalar]

    @property
    def levels(self) -> list[Level]:
        """Extent, left step and right step of each loop over the depth, merged where both operands allow it.

        What is cut counts as often as ``count`` says.
        """
        return self._levels({cut.depth: self.count(cut) for cut in self.part.cuts})

    @property
    def most_levels(self) -> list[Level]:
        """The same without cuts."""
        return self._levels({})

    def _levels(self, counts: dict[int, Scalar]) -> list[Level]:
        every = {cut.depth: Const(cut.every) for cut in self.part.cuts}
        return merged_levels(
            [
                (counts.get(k, axis.extent), *(mul(s.get(axis.index, ZERO), every.get(k, ONE)) for s in self._steps))
                for k, axis in enumerate(self.part.depth)
            ]
        )

    @property
    def _steps(self) -> tuple[dict[str | None, Scalar], ...]:
        return self.left, self.right

    def count(self, cut: Cut) -> Size:
        """The size that tells how many steps a cut leaves: an integer of the text."""
        return Size(f"count{cut.depth} {self.part.local.name}")

    @property
    def row_step(self) -> Scalar | None:
        """The step from row to row of the left operand, None where its rows have no single one."""
        return merged_stride(self.part.rows, self.left)

    @property
    def column_step(self) -> Scalar | None:
        """The step from column to column of the right operand, None where its columns have no single one."""
        return merged_stride(self.part.columns, self.right)

    @property
    def packs_right(self) -> bool:
        """Whether the right operand cannot be used in place."""
        return self.column_step != ONE

    @property
    def may_pack_left(self) -> bool:
        """Whether the left operand could be packed: it lies along the rows, and its depth is one loop."""
        return self.row_step == ONE and len(self.levels) == 1

    @property
    def is_deep(self) -> bool:
        """Whether the depth may be more than one panel can hold."""
        depth = mul(*(axis.extent for axis in self.part.depth))
        return not (isinstance(depth, Const) and depth.value <= SHALLOW)

    @property
    def keeps_all(self) -> bool:
        """Whether all of the result is kept while blocks of the depth pass by, so that each is read once."""
        size = _extent((*self.part.rows, *self.part.columns))
        return self.is_deep and not self.part.symmetric and isinstance(size, Const) and size.value <= KEPT

    @property
    def strips(self) -> Scalar:
        """How many strips of columns are packed at once, for each of which a tile's rows pass by in the first cache."""
        read = _extent((*self.part.rows, *self.part.depth))
        if self.keeps_all or (isinstance(read, Const) and read.value <= NEAR):
            return ONE
        columns = _extent(self.part.columns)
        return Apply("min", (STRIPS, Apply("floordiv", (add(columns, LANES, Const(-1)), LANES))))

    @property
    def is_possible(self) -> bool:
        """Whether tiles and packing can loop over the depth, the outermost loop taken step by step if need be."""
        return max(len(self.tile_levels(self.levels)), self._right_levels) <= DEEPEST + 1

    def blocks(self, deep: int) -> Scalar | None:
        """How many steps of the outermost loop over the depth one panel of ``deep`` rows holds; None: surely all."""
        if max(len(self.tile_levels(self.levels)), self._right_levels) > DEEPEST:
            return ONE
        (extent, *_), *inner = self.levels
        inside = mul(*(level[0] for level in inner))
        whole = mul(extent, inside)
        if not self.is_deep or (isinstance(whole, Const) and whole.value <= deep):
            return None
        return block_steps(inside, Const(deep))

    @property
    def _right_levels(self) -> int:
        return len(merged_levels([(extent, step) for extent, _, step in self.levels]))

    def tile_levels(self, levels: list[Level]) -> list[Level]:
        """The loops inside a tile: where the right operand is packed, only the left one must follow itself."""
        return merged_levels([level[:2] for level in levels]) if self.packs_right else levels


def is_crowded(step: Scalar) -> bool:
    """Whether rows so far apart, each some vectors of a tile, crowd into a part of the first cache, which a copy cures.

    Only of rows that are not far apart: of those a copy is cheap to read for other reasons as well.
    """
    return isinstance(step, Const) and 0 < step.value <= NARROW and step.value % CROWDED == 0


def panels(part: Contract, buffers: dict[str, Tensor]) -> Panels:
    """The panels of ``part``."""
    return Panels(part, *(strides(load, buffers[load.tensor].shape) or {} for load in (part.left, part.right)))


def merged_levels(levels: list[Level]) -> list[Level]:
    """``levels`` with each one that continues the one inside it, in every operand, merged with that."""
    found: list[Level] = []
    for extent, *steps in levels:
        if found and all(mul(extent, step) == outer for step, outer in zip(steps, found[-1][1:], strict=True)):
            extent = mul(found.pop()[0], extent)
        found.append((extent, *steps))
    return found


def scratch_shapes(known: Panels, strips: Scalar = ONE) -> tuple[tuple[Scalar, ...], ...]:
    """Room for the panels of both operands, the offsets of rows and of columns, and finished tiles."""
    rows, columns = (_extent(axes) for axes in (known.part.rows, known.part.columns))
    left = mul(add(_extent(known.part.depth), LANES), add(rows, ROWS))
    right = right_room(known, strips)
    width = add(columns, LANES) if known.keeps_all else mul(LANES, strips)
    return (
        (add(right, left) if known.may_pack_left else right,),
        (add(rows, columns),),
        (Apply("max", (rows, BLOCK)) if known.is_deep else BLOCK, width),
    )


def make_room(names: Sequence[str], shapes: Sequence[tuple[Scalar, ...]], buffers: dict[str, Tensor]) -> None:
    """Add the scratch buffers of a contraction: its panels, its offsets and its tiles."""
    for kind, name, shape in zip(("real", "int", "real"), names, shapes, strict=True):
        buffers[name] = Tensor(name, shape, kind, "scratch")


def joint_shapes(rooms: Sequence[tuple[tuple[Scalar, ...], ...]], sums: int) -> tuple[tuple[Scalar, ...], ...]:
    """Room for several products one after the other that make so many ``sums``."""
    if len(rooms) == 1:
        return rooms[0]
    panel, places = (add(*(room[which][0] for room in rooms)) for which in range(2))
    return (panel,), (places,), (mul(Const(sums), BLOCK), LANES)


def right_room(known: Panels, strips: Scalar = ONE) -> Scalar:
    """The elements of panels of the right operand for so many ``strips``, and what may be written behind them."""
    (extent, *_), *inner = known.most_levels
    inside = mul(*(level[0] for level in inner))
    deep = DEEP if strips == ONE else mul(DEEP, Const(TWICE))
    steps = Apply("min", (extent, block_steps(inside, deep))) if known.is_deep else extent
    return mul(add(mul(steps, inside, strips), LANES), LANES)


def window(part: Contract, cut: Cut) -> tuple[Scalar, Scalar]:
    """The first step of an axis of the depth that is cut, and how many there are."""
    axis = part.depth[cut.depth]
    line = affine((part.right if cut.right else part.left).indices[cut.position]) or {}
    factor = line[axis.index]
    assert isinstance(factor, Const)
    others = (mul(value, Index(key)) if key is not None else value for key, value in line.items() if key != axis.index)
    start, size = add(*others), abs(int(factor.value))  # the index is start + factor*step
    before, after = add(start, Const(-cut.first)), add(start, Const(-cut.last))
    if factor.value > 0:
        first, end = (mul(Const(-1), _floor(value, size)) for value in (before, after))
    else:
        first, end = (add(_floor(value, size), ONE) for value in (after, before))
    first, end = Apply("max", (ZERO, first)), Apply("min", (axis.extent, end))
    if cut.every > 1:
        beyond = add(mul(Const(-int(factor.value)), before), mul(Const(-1), first))
        first = add(first, Apply("mod", (beyond, Const(cut.every))))
    left = add(end, mul(Const(-1), first), Const(cut.every - 1))
    return first, Apply("max", (ZERO, _floor(left, cut.every)))


def _floor(value: Scalar, divisor: int) -> Scalar:
    return value if divisor == 1 else Apply("floordiv", (value, Const(divisor)))


def block_steps(inside: Scalar, deep: Scalar) -> Scalar:
    """How many steps, each ``inside`` deep, a panel of ``deep`` rows holds: at least one."""
    if isinstance(inside, Const) and isinstance(deep, Const):
        return Const(max(deep.value // max(inside.value, 1), 1))
    return Apply("max", (ONE, Apply("floordiv", (deep, Apply("max", (ONE, inside))))))


def _extent(axes: tuple[Axis, ...]) -> Scalar:
    return mul(*(axis.extent for axis in axes))


__all__ = [
    "Panels",
    "is_crowded",
    "joint_shapes",
    "make_room",
    "merged_levels",
    "panels",
    "right_room",
    "scratch_shapes",
    "window",
]
