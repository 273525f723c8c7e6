"""Contractions as Numba text: loops over blocks of tiles, operands packed where they must be, then the epilogue.

h, w = rows and columns of a tile, evenly divided
left = the left operand, packed where that pays
for each strip of w columns, or some strips together:                   (where the left operand is large)
    for each block of the depth that a panel holds:                     (where it may be deeper)
        right = the right operand, packed where it must be or where that pays
        for each block of rows:                                         (where there is an epilogue)
            tile = sums of left * right; where the depth is done: epilogue

Where the result is small, blocks of the depth are the outer loop: what is read for many of them is then read once.
Where all of the right operands are near and used in place, blocks of rows are: epilogues then go through whole rows.
"""

from collections.abc import Callable
from typing import Protocol

from symdl_codegen.emit.names import Names
from symdl_codegen.emit.numba_epilogue import EpilogueText
from symdl_codegen.emit.numba_operands import OperandText, Used
from symdl_codegen.emit.scalar_text import SUM, ScalarText
from symdl_codegen.intrinsics.machine import lanes, tile_sizes
from symdl_codegen.ir import Axis, Const, Contract, Load, Module, Scalar, Size, Statement, Store, walk
from symdl_codegen.scalars import ONE, add, evaluate, merged_stride, mul, strides
from symdl_codegen.schedule.panels import NEAR, panels


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
        self.i0, self.j0, self.k0, self.m0, self.ni, self.nj, self.nm = (
            self.text(self._local(name)) for name in ("i0", "j0", "k0", "m0", "ni", "nj", "nm")
        )
        known = panels(part, writer.module.buffers)
        wide = ONE if part.more or self._is_one(known.strips) else known.strips
        self.strips = 1 if wide == ONE else self.sizes["tile.strips"]  # at most
        self.s0, self.ns = (
            (self.j0, self.nj) if self.strips == 1 else (self.text(self._local(name)) for name in ("s0", "ns"))
        )
        rows = (self.top, self.bottom)
        self.products: list[OperandText] = []
        for product in part.products:
            used = self.products[-1].after() if self.products else Used()
            self.products.append(OperandText(writer, product, rows, self.h, self.w, used, wide))
        self.blocks = None if part.more else self.products[0].blocks
        self.keeps_all = self.blocks is not None and self.products[0].known.keeps_all
        self.width = str(self.sizes["tile.columns"])  # of a row in the scratch buffer
        if self.keeps_all or self.strips > 1:
            self.width = self.text(self._local("wide") if self.strips > 1 else self.w)

    def _local(self, name: str) -> Size:
        """An integer of the text, as a scalar."""
        return Size(f"{name} {self.part.panel}")

    def _is_one(self, strips: Scalar) -> bool:
        """Whether there is surely but one strip of columns."""
        sizes = {node.name for node in walk(strips) if isinstance(node, Size)}
        return sizes <= self.sizes.keys() and evaluate(strips, self.sizes) == 1

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
        if self.strips > 1:
            whole = f"({self.last} - {self.first} + {text(self.w)} - 1) // {text(self.w)} * {text(self.w)}"
            line(depth, f"{self.width} = minimum({text(self.w)} * {self.strips}, maximum({whole}, {text(self.w)}))")
        rows_first = self._takes_rows_first()
        heads = [self._depths, self._some_strips] if self.keeps_all else [self._some_strips, self._depths]
        for head in [self._rows, *heads] if rows_first else heads:
            depth = head(depth)
        for product in self.products:
            product.load_right(depth, self.s0, self.ns, self._start())
        self._tiles(depth if rows_first else self._rows(depth))

    def _takes_rows_first(self) -> bool:
        """Whether blocks of rows are the outermost loop."""
        if self.blocks is not None or self.strips > 1 or self.part.symmetric or self._direct():
            return False
        read = add(*(mul(*(a.extent for a in (*p.columns, *p.depth))) for p in self.part.products))
        is_near = isinstance(read, Const) and read.value <= NEAR
        return is_near and all(product.is_in_place for product in self.products)

    def _rows(self, depth: int) -> int:
        """Add the head of the loop over blocks of rows; return the depth inside."""
        line, text, direct = self.writer.line, self.text, self._direct()
        if self.strips == 1 and direct:
            line(depth, f"{self.i0}, {self.ni} = {self.top}, {self.bottom} - {self.top}")
            return depth
        blocks = self.sizes["tile.block"] // self.sizes["tile.rows"]
        step = text(self.h) if direct else f"{text(self.h)} * {blocks}"
        top = f"{self.s0} // {text(self.h)} * {text(self.h)}" if self.part.symmetric else self.top
        line(depth, f"for {self.i0} in range({top}, {self.bottom}, {step}):")
        line(depth + 1, f"{self.ni} = minimum({self.bottom} - {self.i0}, {step})")
        return depth + 1

    def _some_strips(self, depth: int) -> int:
        """Add the head of the loop over strips of columns, or some together; return the depth inside."""
        step = self.text(self.w) if self.strips == 1 else self.width
        self.writer.line(depth, f"for {self.s0} in range({self.first}, {self.last}, {step}):")
        self.writer.line(depth + 1, f"{self.ns} = minimum({self.last} - {self.s0}, {step})")
        return depth + 1

    def _depths(self, depth: int) -> int:
        """Add the head of the loop over blocks of the depth where it is taken in blocks; return the depth inside."""
        if self.blocks is None:
            return depth
        line, text = self.writer.line, self.text
        (product,) = self.products
        extent, *steps = product.levels[0]
        line(depth, f"{text(self.nk)} = evenly({text(extent)}, {text(self.blocks)}, 1)")
        line(depth, f"for {self.k0} in range(0, maximum({text(extent)}, 1), {text(self.nk)}):")
        line(depth + 1, f"{text(self.nk)} = minimum({text(extent, SUM)} - {self.k0}, {text(self.nk)})")
        product.levels = [(self.nk, *steps), *product.levels[1:]]
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
        """Add the sums of one block of rows, and its epilogue.

        Of several strips that are packed at once, each takes the same rows in turn, which stay in the first cache.
        """
        line, text, direct = self.writer.line, self.text, self._direct()
        inside, rows = depth, (self.i0, self.ni)
        if self.strips > 1 and not direct:
            rows = (self.m0, self.nm)
            line(inside, f"for {self.m0} in range({self.i0}, {self.i0} + {self.ni}, {text(self.h)}):")
            inside += 1
            line(inside, f"{self.nm} = minimum({self.i0} + {self.ni} - {self.m0}, {text(self.h)})")
        if self.strips > 1:
            last = f"{self.s0} + {self.ns}"
            end = f"minimum({last}, {rows[0]} + {rows[1]})" if self.part.symmetric else last
            line(inside, f"for {self.j0} in range({self.s0}, {end}, {text(self.w)}):")
            inside += 1
            line(inside, f"{self.nj} = minimum({last} - {self.j0}, {text(self.w)})")
        places = self._sums(inside, rows, direct)
        if not direct:
            if self.blocks is not None:
                last = text(self.products[0].known.levels[0][0])
                line(depth, f"if {self.k0} + {text(self.nk)} >= {last}:")
            EpilogueText(self.writer, self.part, places, self.width, self._held()).write(
                depth + (self.blocks is not None), (self.i0, self.ni), (self.s0, self.ns)
            )

    def _sums(self, depth: int, rows: tuple[str, str], direct: str) -> dict[str, str]:
        """Add the calls that make one strip of tiles; return where each sum is in the scratch buffer."""
        place = [] if rows[0] == self._held() else [f"({rows[0]} - {self._held()}) * {self.width}"]
        place += [f"{self.j0} - {self.s0}"] if self.strips > 1 else []
        tile, size = self.writer.names(self.part.tile, "buffer"), self.sizes["tile.block"] * self.sizes["tile.columns"]
        strip = f"({self.j0} - {self.first}) * ({self.bottom} - {self.top})" if self.keeps_all else "0"
        places: dict[str, str] = {}  # of each sum in the scratch buffer
        for product in self.products:
            name = product.part.local.name
            go = "1" if name in places else self._start()
            start = places.setdefault(name, str(len(places) * size) if places else strip)
            held = " + ".join(part for part in (start, *place) if part != "0") or "0"
            result = direct or f"address({tile}, {held}), {self.width}"
            before = f"({self.j0} - {self.s0})" if self.strips > 1 else ""
            for written in product.contract(result, go, rows, self.nj, self._start(), before):
                self.writer.line(depth, written)
        return places

    def _held(self) -> str:
        """The first row of those that are in the scratch buffer."""
        return self.i0 if self.blocks is None else self.top

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
