"""The operands of one product of a contraction as Numba text: packed where they must be or where that pays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from symdl_codegen.emit.scalar_text import COMPARE, PRODUCT, SUM
from symdl_codegen.intrinsics.machine import tile_sizes
from symdl_codegen.ir import Const, Contract, Index, Scalar, Size, substitute
from symdl_codegen.scalars import ONE, ZERO, add, mul
from symdl_codegen.schedule.panels import (
    DEEPEST,
    NARROW,
    SPREAD,
    TWICE,
    is_crowded,
    merged_levels,
    panels,
    right_room,
    scratch_shapes,
    window,
)

if TYPE_CHECKING:  # because the two files write one text
    from symdl_codegen.emit.numba_tile import Writer

FAR_RIGHT, FAR_LEFT = 2048, 1024  # bytes from which on rows of an operand are so far apart that a copy pays,
WORTH_ROWS = 32  # where at least so many rows of the result use the right one,
WORTH_TILES = 2  # and at least so many tiles across the columns the left one


@dataclass(frozen=True)
class Used:
    """How many products have a part of the scratch buffers, and the elements of those parts."""

    products: int = 0
    panel: Scalar = ZERO
    places: Scalar = ZERO


class OperandText:
    """Writes what concerns the operands of ``part``, one of the products of a contraction.

    ``rows`` are the first and the last of those of the result, ``h`` and ``w`` the rows and columns of a tile. In the
    scratch buffers the first ``used`` elements belong to products before.
    """

    def __init__(
        self,
        writer: "Writer",
        part: Contract,
        rows: tuple[str, str],
        h: Size,
        w: Size,
        used: "Used",
        strips: Scalar,
    ) -> None:
        self.writer, self.part, self.text = writer, part, writer.text
        self.known = panels(part, writer.module.buffers)
        self.sizes = tile_sizes(writer.dtype)
        self.bytes = 4 if writer.dtype == "float32" else 8
        self.panel, self.places, _ = (writer.names(name, "buffer") for name in part.scratch)
        (self.top, self.bottom), self.h, self.w, self.used, self.strips = rows, h, w, used, strips
        self.right = self.text(self._local("right"))
        self.row, self.jump = (self.known.row_step or ZERO for _ in range(2))
        self.levels = self.known.levels  # of one block of the depth; what packing does to their steps is noted here
        self.blocks = self.known.blocks(self.sizes["tile.deep"] * (1 if strips == ONE else TWICE))
        self.packed_left = ""
        self.apart: Scalar = ONE  # elements from column to column of the first of each strip
        self.starts = {part.depth[cut.depth].index: self._local(f"start{cut.depth}") for cut in part.cuts}

    def _local(self, name: str) -> Size:
        """An integer of the text, as a scalar."""
        return Size(" ".join([name, self.part.panel, *([str(self.used.products)] if self.used.products else [])]))

    def after(self) -> "Used":
        """What is used up of the scratch buffers when this product has its part."""
        (panel,), (places,), _ = scratch_shapes(self.known)
        return Used(self.used.products + 1, add(self.used.panel, panel), add(self.used.places, places))

    def _in_places(self, start: Scalar, first: str) -> str:
        before = "" if start == ZERO else f"{self.text(start, SUM)} + "
        return f"address({self.places}, {before}{first})"

    def _in_panel(self, room: Scalar = ZERO) -> str:
        return f"address({self.panel}, {self._sized(add(self.used.panel, room))})"

    def windows(self, depth: int) -> None:
        """Add the lines that tell what is left of the depth."""
        line, text = self.writer.line, self.text
        for cut in self.part.cuts:
            start, count = window(self.part, cut)
            line(depth, f"{text(self.starts[self.part.depth[cut.depth].index])} = {text(start)}")
            line(depth, f"{text(self.known.count(cut))} = {text(count)}")

    def offsets(self, depth: int) -> None:
        """Add the lines that list the offsets of rows and columns; they are the same in all loops around."""
        for step, axes, steps, start in (
            (self.known.row_step, self.part.rows, self.known.left, self.used.places),
            (self.known.column_step, self.part.columns, self.known.right, self._columns()),
        ):
            if step is None:
                inner = self.writer.loops(axes, depth)
                number: Scalar = ZERO
                for axis in axes:
                    number = add(mul(number, axis.extent), Index(axis.index))
                value = add(*(mul(steps.get(axis.index, ZERO), Index(axis.index)) for axis in axes))
                self.writer.line(inner, f"{self.places}[{self.text(add(start, number))}] = {self.text(value)}")

    def _columns(self) -> Scalar:
        """Where the offsets of the columns begin."""
        return add(self.used.places, self._rows())

    def _rows(self) -> Scalar:
        return mul(*(axis.extent for axis in self.part.rows))

    def contract(
        self, result: str, go: str, rows: tuple[str, str], columns: str, start: str, before: str = ""
    ) -> list[str]:
        """The lines that add the product to ``result``, or make it that where ``go`` is 0.

        There are as many columns as ``before`` says between the first of them and the first that was loaded.
        """
        first, count = rows
        table = "0" if self.known.row_step is not None else self._in_places(self.used.places, first)
        left = f"{self._left_place(first, start)}, {table}, {self.text(self.row)}, {self.text(self.jump)}"
        found = [f"{self.text(e)}, {self.text(a)}, {self.text(b)}" for e, a, b in merged_levels(self.levels)]
        loops = ", ".join(["1, 0, 0"] * (3 - len(found)) + found)
        moved = f" + {before} * {self.text(mul(self.apart, Const(self.bytes)), PRODUCT + 1)}" if before else ""
        return [
            f"contract(tile_code, {left}, {self.right}{moved}, {result}, {go},",
            f"         {loops}, {count}, {columns}, {self.text(self.h)})",
        ]

    def address(self, buffer: str, steps: dict[str | None, Scalar], *moving: tuple[str, Scalar]) -> str:
        """The address of an element: own indices at zero, those of loops around as they are, then ``moving``."""
        moving += tuple((self.text(start), steps.get(index, ZERO)) for index, start in self.starts.items())
        return address(self.writer, self.part, buffer, steps, moving)

    def _worth(self, step: Scalar, far: int, extent: Scalar, least: int) -> str:
        """Whether a copy pays for an operand with ``step`` used for ``extent`` lines, as a condition; empty if not."""
        far //= self.bytes
        if isinstance(step, Const) and isinstance(extent, Const):
            return "True" if step.value >= far and extent.value >= least else ""
        return f"{self.text(step, COMPARE + 1)} >= {far} and {self.text(extent, COMPARE + 1)} >= {least}"

    def _copy_pays(self) -> str:
        """When a copy of a right operand that could be used in place pays, as a condition; empty if never."""
        step = self.levels[-1][2]
        if isinstance(step, Const) and step.value <= NARROW + SPREAD and not is_crowded(step):
            return ""
        return self._worth(step, FAR_RIGHT, self._rows(), WORTH_ROWS)

    @property
    def is_in_place(self) -> bool:
        """Whether the right operand is surely used where it is."""
        return not self.known.packs_right and not self._copy_pays()

    def left(self, depth: int) -> None:
        """Lay out a left operand that is contiguous along the rows strip by strip, where its depths are far apart."""
        if not self.known.may_pack_left:
            return
        line, text, ((extent, stride, across),) = self.writer.line, self.text, self.levels
        condition = self._worth(
            stride, FAR_LEFT, mul(*(a.extent for a in self.part.columns)), WORTH_TILES * self.sizes["tile.columns"]
        )
        if not condition:
            return
        row, jump, step = (self._local(name) for name in ("row", "jump", "step"))
        self.packed_left = text(self._local("left"))
        names = ", ".join([self.packed_left, *map(text, (row, jump, step))])
        place = self.address(self.part.left.tensor, self.known.left, (self.top, self.row))
        line(depth, f"{names} = {place}, 1, 1, {text(stride)}")
        line(depth, f"if {condition}:")
        loops = f"1, 0, 1, 0, {text(extent)}, {text(step)}, {self.bottom} - {self.top}"
        panel = self._in_panel(right_room(self.known, self.strips))
        line(depth + 1, f"pack(pack_code, {self.packed_left}, 0, 1, {panel}, {text(self.h)}, {loops})")
        line(depth + 1, f"{names} = {panel}, 1, {text(extent)}, {text(self.h)}")
        self.row, self.jump, self.levels = row, jump, [(extent, step, across)]

    def _sized(self, room: Scalar) -> str:
        """``room`` as text, the sizes of tiles as numbers."""
        return self.text(substitute(room, {Size(name): Const(value) for name, value in self.sizes.items()}))

    def _left_place(self, first: str, start: str) -> str:
        """The address of the left operand from row ``first`` and the depth ``start`` on."""
        (_, step, _), *_ = self.levels
        if not self.packed_left:
            return self.address(self.part.left.tensor, self.known.left, (first, self.row), (start, step))
        moved = f"({first} - {self.top}) * {self.text(self.jump)}"
        if start != "0":
            moved += f" + {start} * {self.text(step)}"
        return f"{self.packed_left} + ({moved}) * {self.bytes}"

    def load_right(self, depth: int, first: str, count: str, start: str) -> None:
        """Pack the right operand for the ``count`` columns from ``first`` on, where it must be or where it pays.

        Its depth begins at ``start``.
        """
        line, text, step = self.writer.line, self.text, self.known.column_step
        block = (start, self.known.levels[0][2])
        source = self.address(self.part.right.tensor, self.known.right, (first, step or ZERO), block)
        table = "0" if step is not None else self._in_places(self._columns(), first)
        found = [f"{text(e)}, {text(s)}" for e, s in merged_levels([(e, right) for e, _, right in self.levels])]
        loops = ", ".join(["1, 0"] * (3 - len(found)) + found)
        panel = self._in_panel()
        pack = f"pack(pack_code, {source}, {table}, {text(step or ZERO)}, {panel}, {text(self.w)}, {loops}, {count})"
        inner = [mul(*(level[0] for level in self.levels[number + 1 :])) for number in range(len(self.levels))]
        packed = [mul(inside, self.w) for inside in inner]
        deep = mul(self.levels[0][0], inner[0])
        condition = "True"
        if not self.known.packs_right:
            condition = self._copy_pays()
            if not condition or max(len(self.levels), len(found)) > DEEPEST:
                self.right = source
                return
        if condition == "True":
            line(depth, pack)
            line(depth, f"{self.right} = {panel}")
            self.apart = deep
        else:
            copied = [self._local(f"across{number}") for number in range(len(self.levels))]
            self.apart = self._local("apart") if self.strips != ONE else ONE
            more = [self.apart] if self.strips != ONE else []
            names = ", ".join([self.right, *map(text, (*copied, *more))])
            in_place = [*(right for _, _, right in self.levels), *([ONE] if more else [])]
            line(depth, f"{names} = {', '.join([source, *map(text, in_place)])}")
            line(depth, f"if {condition}:")
            line(depth + 1, pack)
            line(depth + 1, f"{names} = {', '.join([panel, *map(text, (*packed, *([deep] if more else [])))])}")
            packed = copied
        self.levels = [(extent, left, step) for (extent, left, _), step in zip(self.levels, packed, strict=True)]


def address(
    writer: "Writer",
    part: Contract,
    buffer: str,
    steps: dict[str | None, Scalar],
    moving: tuple[tuple[str, Scalar], ...],
) -> str:
    """The address of an element: indices of ``part`` at zero, those of loops around as they are, then ``moving``."""
    own = {axis.index for axis in (*part.rows, *part.columns, *part.depth)}
    outer = [mul(step, Index(key)) for key, step in steps.items() if key is not None and key not in own]
    fixed = add(steps.get(None, ZERO), *outer)
    terms = [writer.text(fixed, SUM)] if fixed != ZERO else []
    for number, step in moving:
        if step != ZERO and number != "0":
            terms.append(number if step == ONE else f"{number} * {writer.text(step, PRODUCT + 1)}")
    return f"address({writer.names(buffer, 'buffer')}, {' + '.join(terms) or '0'})"


__all__ = ["OperandText", "Used", "address"]
