"""Contractions as Numba text: loops over blocks of tiles, operands packed where they must be, then the epilogue.

h, w = rows and columns of a tile, evenly divided
left = the left operand, packed where that pays
for each strip of w columns:
    for each block of the depth that a panel holds:                     (where it may be deeper)
        right = the right operand, packed where it must be or where that pays
        for each block of rows:                                         (where there is an epilogue)
            tile = sums of left * right; where the depth is done: epilogue

Where the result is small, blocks of the depth are the outer loop: what is read for many of them is then read once.
"""

from collections.abc import Callable
from typing import Protocol

from symdl_codegen.emit.names import Names
from symdl_codegen.emit.numba_epilogue import EpilogueText
from symdl_codegen.emit.numba_operands import OperandText, Used
from symdl_codegen.emit.scalar_text import SUM, ScalarText
from symdl_codegen.intrinsics.machine import lanes, tile_sizes
from symdl_codegen.ir import Axis, Contract, Load, Module, Size, Statement, Store
from symdl_codegen.scalars import ONE, merged_stride, strides


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


def helpers(part: Contract) -> list[str]:
    """The native helpers that the tile calls."""
    return ["dots"] if part.along == "depth" else ["tile", "pack"]


class TileText:
    """Writes one contraction. Names of what the text computes: see the top of this file."""

    def __init__(self, writer: Writer, part: Contract) -> None:
        self.writer, self.part, self.text = writer, part, writer.text
        self.sizes = tile_sizes(writer.dtype)
        self.top, self.bottom = writer.share(*part.rows)
        self.first, self.last = writer.share(*part.columns)
        self.h, self.w, self.nk = (self._local(name) for name in ("h", "w", "nk"))
        self.i0, self.j0, self.k0, self.ni, self.nj = (
            self.text(self._local(name)) for name in ("i0", "j0", "k0", "ni", "nj")
        )
        rows = (self.top, self.bottom)
        self.products: list[OperandText] = []
        for product in part.products:
            used = self.products[-1].after() if self.products else Used()
            self.products.append(OperandText(writer, product, rows, self.h, self.w, used))
        self.blocks = None if part.more else self.products[0].blocks
        self.keeps_all = self.blocks is not None and self.products[0].known.keeps_all

    def _local(self, name: str) -> Size:
        """An integer of the text, as a scalar."""
        return Size(f"{name} {self.part.panel}")

    def offsets(self, depth: int) -> None:
        """Add the lines that list the offsets of rows and columns; they are the same in all loops around."""
        for product in self.products:
            product.offsets(depth)

    def write(self, depth: int) -> None:
        """Add the lines of the contraction."""
        line, text, sizes = self.writer.line, self.text, self.sizes
        for product in self.products:
            product.windows(depth)
        line(depth, f"{text(self.h)} = evenly({self.bottom} - {self.top}, {sizes['tile.rows']}, 1)")
        for product in self.products:
            product.left(depth)
        if self.part.symmetric:
            depth = self._halves(depth)
        columns = f"{sizes['tile.columns']}, {lanes(self.writer.dtype)}"
        line(depth, f"{text(self.w)} = evenly({self.last} - {self.first}, {columns})")
        depth = depth if self.keeps_all else self._strips(depth)
        if self.blocks is not None:
            (product,) = self.products
            extent, *steps = product.levels[0]
            line(depth, f"for {self.k0} in range(0, maximum({text(extent)}, 1), {text(self.blocks)}):")
            depth += 1
            line(depth, f"{text(self.nk)} = minimum({text(extent, SUM)} - {self.k0}, {text(self.blocks)})")
            product.levels = [(self.nk, *steps), *product.levels[1:]]
        depth = self._strips(depth) if self.keeps_all else depth
        for product in self.products:
            product.load_right(depth, self.j0, self.nj, self._start())
        self._tiles(depth)

    def _strips(self, depth: int) -> int:
        """Add the head of the loop over strips of columns; return the depth inside."""
        width = self.text(self.w)
        self.writer.line(depth, f"for {self.j0} in range({self.first}, {self.last}, {width}):")
        self.writer.line(depth + 1, f"{self.nj} = minimum({self.last} - {self.j0}, {width})")
        return depth + 1

    def _start(self) -> str:
        """Where the block of the depth begins."""
        return "0" if self.blocks is None else self.k0

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
        width, blocked = str(self.sizes["tile.columns"]), self.blocks is not None
        strip, start = "0", self.top if blocked else self.i0
        if self.keeps_all:  # strip by strip, each as wide as it is
            width, strip = text(self.w), f"({self.j0} - {self.first}) * ({self.bottom} - {self.top})"
        rows = f"({self.i0} - {self.top}) * {width}" if blocked else "0"
        tile, size = self.writer.names(self.part.tile, "buffer"), self.sizes["tile.block"] * self.sizes["tile.columns"]
        places: dict[str, str] = {}  # of each sum in the scratch buffer
        for product in self.products:
            name = product.part.local.name
            go = "1" if name in places else self._start()
            place = places.setdefault(name, str(len(places) * size) if places else strip)
            held = " + ".join(part for part in (place, rows) if part != "0") or "0"
            result = direct or f"address({tile}, {held}), {width}"
            for written in product.contract(result, go, (self.i0, self.ni), self.nj, self._start()):
                line(depth, written)
        if not direct:
            if blocked:
                last = text(self.products[0].known.levels[0][0])
                line(depth, f"if {self.k0} + {text(self.nk)} >= {last}:")
            EpilogueText(self.writer, self.part, places, width, start).write(
                depth + blocked, (self.i0, self.ni), (self.j0, self.nj)
            )

    def _direct(self) -> str:
        """Address and row stride of the result, where the epilogue only stores it, along the columns; else empty."""
        match self.part.epilogue:
            case (Store(name, indices, value, None),) if value == self.part.local:
                steps = strides(Load(name, indices), self.writer.module.buffers[name].shape) or {}
                row, column = (merged_stride(axes, steps) for axes in (self.part.rows, self.part.columns))
                if row is not None and column == ONE:
                    place = self.products[0].address(name, steps, (self.i0, row), (self.j0, ONE))
                    return f"{place}, {self.text(row)}"
        return ""


__all__ = ["TileText", "Writer", "helpers"]
