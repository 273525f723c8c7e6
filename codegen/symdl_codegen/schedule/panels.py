"""How the operands of a contraction lie in memory, and the room that their packed copies need."""

from dataclasses import dataclass

from symdl_codegen.ir import Apply, Axis, Const, Contract, Scalar, Size, Tensor
from symdl_codegen.scalars import ONE, ZERO, add, merged_stride, mul, strides

LANES = Size("tile.columns")  # each backend binds these: the most columns and rows of a tile,
ROWS = Size("tile.rows")
BLOCK = Size("tile.block")  # the rows of finished tiles whose epilogue runs at once,
DEEP = Size("tile.deep")  # and how deep a panel is where the depth is more than SHALLOW
SHALLOW = 1024  # a depth that is never taken in blocks
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
        """Extent, left step and right step of each loop over the depth, merged where both operands allow it."""
        depth = self.part.depth
        return merged_levels(
            [(axis.extent, *(s.get(axis.index, ZERO) for s in (self.left, self.right))) for axis in depth]
        )

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


def scratch_shapes(known: Panels) -> tuple[tuple[Scalar, ...], ...]:
    """Room for the panels of both operands, the offsets of rows and of columns, and finished tiles."""
    rows, columns = (_extent(axes) for axes in (known.part.rows, known.part.columns))
    left = mul(add(_extent(known.part.depth), LANES), add(rows, ROWS))
    right = right_room(known)
    return (
        (add(right, left) if known.may_pack_left else right,),
        (add(rows, columns),),
        (Apply("max", (rows, BLOCK)) if known.is_deep else BLOCK, LANES),
    )


def right_room(known: Panels) -> Scalar:
    """The elements that a panel of the right operand needs, and what may be written behind it."""
    (extent, *_), *inner = known.levels
    inside = mul(*(level[0] for level in inner))
    steps = Apply("min", (extent, block_steps(inside, DEEP))) if known.is_deep else extent
    return mul(add(mul(steps, inside), LANES), LANES)


def block_steps(inside: Scalar, deep: Scalar) -> Scalar:
    """How many steps, each ``inside`` deep, a panel of ``deep`` rows holds: at least one."""
    if isinstance(inside, Const) and isinstance(deep, Const):
        return Const(max(deep.value // max(inside.value, 1), 1))
    return Apply("max", (ONE, Apply("floordiv", (deep, Apply("max", (ONE, inside))))))


def _extent(axes: tuple[Axis, ...]) -> Scalar:
    return mul(*(axis.extent for axis in axes))


__all__ = ["Panels", "merged_levels", "panels", "right_room", "scratch_shapes"]
