"""Contractions as Numba text: loops over blocks of tiles, operands packed where they must be, then the epilogue.

h, w = rows and columns of a tile, evenly divided
left = the left operand, packed where that pays
for each strip of w columns:
    for each block of the depth that a panel holds:                     (where it may be deeper)
        right = the right operand, packed where it must be or where that pays
        for each block of rows:                                         (where there is an epilogue)
            tile = sums of left * right; where the depth is done: epilogue
"""

from collections.abc import Callable
from typing import Protocol

from symdl_codegen.emit.names import Names
from symdl_codegen.emit.numba_epilogue import EpilogueText
from symdl_codegen.emit.scalar_text import COMPARE, PRODUCT, SUM, ScalarText
from symdl_codegen.intrinsics.machine import lanes, tile_sizes
from symdl_codegen.ir import Axis, Const, Contract, Index, Load, Module, Scalar, Size, Statement, Store, substitute
from symdl_codegen.scalars import ONE, ZERO, add, merged_stride, mul, strides
from symdl_codegen.schedule.panels import merged_levels, panels, right_room, window

FAR_RIGHT, FAR_LEFT = 512, 1024  # bytes from which on rows of an operand are so far apart that a copy pays,
WORTH_ROWS = 32  # where at least so many rows of the result use the right one,
WORTH_TILES = 2  # and at least so many tiles across the columns the left one


class Writer(Protocol):
    """What the tile needs of the kernel it stands in."""

    module: Module
    names: Names
    text: ScalarText
    dtype: str
    columns: int
    spans: Callable[[Load], bool]

    def line(self, depth: int, text: str) -> None:
        """Add a line of text."""

    def body(self, body: tuple[Statement, ...], depth: int) -> None:
        """Add the lines of ``body``."""

    def loops(self, axes: tuple[Axis, ...], depth: int) -> int:
        """Add loop heads; return the depth inside them."""
        ...

    def index(self, axis: Axis) -> str:
        """The identifier of an axis's index."""
        ...

    def share(self, *axes: Axis) -> tuple[str, str]:
        """First and last of the part that a worker takes of a loop over ``axes`` as one."""
        ...


def helpers(part: Contract, module: Module) -> list[str]:
    """The native helpers that the tile calls."""
    if part.along == "depth":
        return ["dots"]
    known = panels(part, module.buffers)
    return ["tile", "pack"] if known.packs_right or len(known.levels) == 1 else ["tile"]


class TileText:
    """Writes one contraction. Names of what the text computes: see the top of this file."""

    def __init__(self, writer: Writer, part: Contract) -> None:
        self.writer, self.part, self.text = writer, part, writer.text
        self.known = panels(part, writer.module.buffers)
        self.sizes = tile_sizes(writer.dtype)
        self.bytes = 4 if writer.dtype == "float32" else 8
        self.panel, self.places, self.tile = (writer.names(name, "buffer") for name in part.scratch)
        self.top, self.bottom = writer.share(*part.rows)
        self.first, self.last = writer.share(*part.columns)
        self.h, self.w, self.nk = (self._local(name) for name in ("h", "w", "nk"))
        self.i0, self.j0, self.k0, self.ni, self.nj, self.left, self.right = (
            self.text(self._local(name)) for name in ("i0", "j0", "k0", "ni", "nj", "left", "right")
        )
        self.row, self.jump = (self.known.row_step or ZERO for _ in range(2))
        self.levels = self.known.levels  # of one block of the depth; what packing does to their steps is noted here
        self.blocks = self.known.blocks(self.sizes["tile.deep"])
        self.packed_left = ""
        self.starts = {part.depth[cut.depth].index: self._local(f"start{cut.depth}") for cut in part.cuts}

    def _local(self, name: str) -> Size:
        """An integer of the text, as a scalar."""
        return Size(f"{name} {self.part.local.name}")

    def offsets(self, depth: int) -> None:
        """Add the lines that list the offsets of rows and columns; they are the same in all loops around."""
        for step, axes, steps, start in (
            (self.known.row_step, self.part.rows, self.known.left, ZERO),
            (self.known.column_step, self.part.columns, self.known.right, self._rows()),
        ):
            if step is None:
                inner = self.writer.loops(axes, depth)
                number: Scalar = ZERO
                for axis in axes:
                    number = add(mul(number, axis.extent), Index(axis.index))
                value = add(*(mul(steps.get(axis.index, ZERO), Index(axis.index)) for axis in axes))
                self.writer.line(inner, f"{self.places}[{self.text(add(start, number))}] = {self.text(value)}")

    def _rows(self) -> Scalar:
        return mul(*(axis.extent for axis in self.part.rows))

    def write(self, depth: int) -> None:
        """Add the lines of the contraction."""
        line, text, sizes = self.writer.line, self.text, self.sizes
        for cut in self.part.cuts:
            start, count = window(self.part, cut)
            line(depth, f"{text(self.starts[self.part.depth[cut.depth].index])} = {text(start)}")
            line(depth, f"{text(self.known.count(cut))} = {text(count)}")
        line(depth, f"{text(self.h)} = evenly({self.bottom} - {self.top}, {sizes['tile.rows']}, 1)")
        self._left_operand(depth)
        if self.part.symmetric:
            depth = self._halves(depth)
        columns = f"{sizes['tile.columns']}, {lanes(self.writer.dtype)}"
        line(depth, f"{text(self.w)} = evenly({self.last} - {self.first}, {columns})")
        line(depth, f"for {self.j0} in range({self.first}, {self.last}, {text(self.w)}):")
        depth += 1
        line(depth, f"{self.nj} = minimum({self.last} - {self.j0}, {text(self.w)})")
        if self.blocks is not None:
            extent, *steps = self.levels[0]
            line(depth, f"for {self.k0} in range(0, maximum({text(extent)}, 1), {text(self.blocks)}):")
            depth += 1
            line(depth, f"{text(self.nk)} = minimum({text(extent, SUM)} - {self.k0}, {text(self.blocks)})")
            self.levels = [(self.nk, *steps), *self.levels[1:]]
        self._right_operand(depth)
        self._tiles(depth)

    def _halves(self, depth: int) -> int:
        """Add the loop over both ends of the columns, of which the rows from the diagonal on have equal work."""
        line, (half, first, last) = self.writer.line, (self.text(self._local(n)) for n in ("half", "first", "last"))
        extent = self.text(self.part.columns[0].extent, SUM)
        line(depth, f"for {half} in range(2):")
        line(depth + 1, f"{first}, {last} = {self.first} // 2, {self.last} // 2")
        line(depth + 1, f"if {half} == 1:")
        line(depth + 2, f"{first}, {last} = {extent} - ({self.last} + 1) // 2, {extent} - ({self.first} + 1) // 2")
        self.first, self.last = first, last
        return depth + 1

    def _tiles(self, depth: int) -> None:
        line, text = self.writer.line, self.text
        direct = self._direct()
        if direct:
            line(depth, f"{self.i0}, {self.ni} = {self.top}, {self.bottom} - {self.top}")
        else:
            step = f"{text(self.h)} * {self.sizes['tile.block'] // self.sizes['tile.rows']}"
            top = f"{self.j0} // {text(self.h)} * {text(self.h)}" if self.part.symmetric else self.top
            line(depth, f"for {self.i0} in range({top}, {self.bottom}, {step}):")
            depth += 1
            line(depth, f"{self.ni} = minimum({self.bottom} - {self.i0}, {step})")
        width, blocked = self.sizes["tile.columns"], self.blocks is not None
        held = f"({self.i0} - {self.top}) * {width}" if blocked else "0"
        result = direct or f"address({self.tile}, {held}), {width}"
        left = f"{self._left_place()}, {self._table()}, {text(self.row)}, {text(self.jump)}"
        line(depth, f"contract(tile_code, {left}, {self.right}, {result}, {self.k0 if blocked else 0},")
        line(depth, f"         {self._loops()}, {self.ni}, {self.nj}, {text(self.h)})")
        if not direct:
            if blocked:
                line(depth, f"if {self.k0} + {text(self.nk)} >= {text(self.known.levels[0][0])}:")
            start = self.top if blocked else self.i0
            EpilogueText(self.writer, self.part, self.tile, width, start).write(
                depth + blocked, (self.i0, self.ni), (self.j0, self.nj)
            )

    def _loops(self) -> str:
        """The arguments of the tile that describe its loops over the depth."""
        found = [f"{self.text(e)}, {self.text(a)}, {self.text(b)}" for e, a, b in merged_levels(self.levels)]
        return ", ".join(["1, 0, 0"] * (3 - len(found)) + found)

    def _direct(self) -> str:
        """Address and row stride of the result, where the epilogue only stores it, along the columns; else empty."""
        match self.part.epilogue:
            case (Store(name, indices, value, None),) if value == self.part.local:
                steps = strides(Load(name, indices), self.writer.module.buffers[name].shape) or {}
                row, column = (merged_stride(axes, steps) for axes in (self.part.rows, self.part.columns))
                if row is not None and column == ONE:
                    return f"{self._address(name, steps, (self.i0, row), (self.j0, ONE))}, {self.text(row)}"
        return ""

    def _address(self, buffer: str, steps: dict[str | None, Scalar], *moving: tuple[str, Scalar]) -> str:
        """The address of an element: own indices at zero, those of loops around as they are, then ``moving``."""
        own = {axis.index for axis in (*self.part.rows, *self.part.columns, *self.part.depth)}
        outer = [mul(step, Index(key)) for key, step in steps.items() if key is not None and key not in own]
        fixed = add(steps.get(None, ZERO), *outer)
        terms = [self.text(fixed, SUM)] if fixed != ZERO else []
        moving += tuple((self.text(start), steps.get(index, ZERO)) for index, start in self.starts.items())
        for number, step in moving:
            if step != ZERO and number != "0":
                terms.append(number if step == ONE else f"{number} * {self.text(step, PRODUCT + 1)}")
        return f"address({self.writer.names(buffer, 'buffer')}, {' + '.join(terms) or '0'})"

    def _worth(self, step: Scalar, far: int, extent: Scalar, least: int) -> str:
        """Whether a copy pays for an operand with ``step`` used for ``extent`` lines, as a condition; empty if not."""
        far //= self.bytes
        if isinstance(step, Const) and isinstance(extent, Const):
            return "True" if step.value >= far and extent.value >= least else ""
        return f"{self.text(step, COMPARE + 1)} >= {far} and {self.text(extent, COMPARE + 1)} >= {least}"

    def _left_operand(self, depth: int) -> None:
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
        place = self._address(self.part.left.tensor, self.known.left, (self.top, self.row))
        line(depth, f"{names} = {place}, 1, 1, {text(stride)}")
        line(depth, f"if {condition}:")
        loops = f"1, 0, 1, 0, {text(extent)}, {text(step)}, {self.bottom} - {self.top}"
        panel = f"address({self.panel}, {self._sized(right_room(self.known))})"
        line(depth + 1, f"pack(pack_code, {self.packed_left}, 0, 1, {panel}, {text(self.h)}, {loops})")
        line(depth + 1, f"{names} = {panel}, 1, {text(extent)}, {text(self.h)}")
        self.row, self.jump, self.levels = row, jump, [(extent, step, across)]

    def _sized(self, room: Scalar) -> str:
        """``room`` as text, the sizes of tiles as numbers."""
        return self.text(substitute(room, {Size(name): Const(value) for name, value in self.sizes.items()}))

    def _left_place(self) -> str:
        """The address of the left operand for the rows and the block of the depth at hand."""
        (_, step, _), *_ = self.levels
        if not self.packed_left:
            rows = (self.i0, self.row)
            return self._address(self.part.left.tensor, self.known.left, rows, (self.k0 if self.blocks else "0", step))
        moved = f"({self.i0} - {self.top}) * {self.text(self.jump)}"
        if self.blocks is not None:
            moved += f" + {self.k0} * {self.text(step)}"
        return f"{self.packed_left} + ({moved}) * {self.bytes}"

    def _table(self) -> str:
        return f"address({self.places}, {self.i0})" if self.known.row_step is None else "0"

    def _right_operand(self, depth: int) -> None:
        """Pack the right operand for the columns and the depth at hand, where it must be or where it pays."""
        line, text, step = self.writer.line, self.text, self.known.column_step
        block = (self.k0 if self.blocks is not None else "0", self.known.levels[0][2])
        source = self._address(self.part.right.tensor, self.known.right, (self.j0, step or ZERO), block)
        panel = f"address({self.panel}, 0)"
        if not self.known.packs_right:
            condition = len(self.levels) == 1 and self._worth(self.levels[0][2], FAR_RIGHT, self._rows(), WORTH_ROWS)
            if not condition:
                self.right = source
                return
            ((extent, left, across),) = self.levels
            copied = self._local("across")
            line(depth, f"{self.right}, {text(copied)} = {source}, {text(across)}")
            line(depth, f"if {condition}:")
            loops = f"1, 0, 1, 0, {text(extent)}, {text(across)}, {self.nj}"
            line(depth + 1, f"pack(pack_code, {self.right}, 0, 1, {panel}, {text(self.w)}, {loops})")
            line(depth + 1, f"{self.right}, {text(copied)} = {panel}, {text(self.w)}")
            self.levels = [(extent, left, copied)]
            return
        found = [f"{text(e)}, {text(s)}" for e, s in merged_levels([(e, right) for e, _, right in self.levels])]
        loops = ", ".join(["1, 0"] * (3 - len(found)) + found)
        table = "0" if step is not None else f"address({self.places}, {text(self._rows(), SUM)} + {self.j0})"
        stride = f"{table}, {text(step or ZERO)}"
        line(depth, f"{self.right} = {panel}")
        line(depth, f"pack(pack_code, {source}, {stride}, {panel}, {text(self.w)}, {loops}, {self.nj})")
        inner = [mul(*(level[0] for level in self.levels[number + 1 :])) for number in range(len(self.levels))]
        packed = [mul(inside, self.w) for inside in inner]
        self.levels = [(extent, left, step) for (extent, left, _), step in zip(self.levels, packed, strict=True)]


__all__ = ["TileText", "Writer", "helpers"]
