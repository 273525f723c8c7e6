"""Contraction tiles as Numba text: loops over tiles, the right operand packed where it must be, then the epilogue."""

from typing import Protocol

from symdl_codegen.emit.names import Names
from symdl_codegen.emit.scalar_text import PRODUCT, SUM, ScalarText
from symdl_codegen.ir import Axis, Const, Contract, Index, Load, Module, Scalar, Statement
from symdl_codegen.scalars import ONE, ZERO, add, mul, strides

FAR_BYTES = 1024  # rows of the right operand further apart than this are copied to a panel,
WORTH_ROWS = 32  # where at least so many rows of the result use it


class Writer(Protocol):
    """What the tile needs of the kernel it stands in."""

    module: Module
    names: Names
    text: ScalarText
    dtype: str
    rows: int
    columns: int

    def line(self, depth: int, text: str) -> None:
        """Add a line of text."""

    def body(self, body: tuple[Statement, ...], depth: int) -> None:
        """Add the lines of ``body``."""

    def loops(self, axes: tuple[Axis, ...], depth: int) -> int:
        """Add loop heads; return the depth inside them."""
        ...


def operand_strides(load: Load, module: Module) -> dict[str | None, Scalar]:
    """Element strides of an operand, by index."""
    return strides(load, module.buffers[load.tensor].shape) or {}


def helpers(part: Contract, module: Module) -> list[str]:
    """The native helpers that the tile calls."""
    right = operand_strides(part.right, module)
    if right[part.column.index] == ONE:
        return ["tile", "copy"] if len(part.depth) == 1 else ["tile"]
    return ["tile", "pack"] if _packs_natively(part, right) else ["tile"]


def _packs_natively(part: Contract, right: dict[str | None, Scalar]) -> bool:
    return len(part.depth) == 1 and right.get(part.depth[0].index) == ONE


class TileText:
    """Writes one contraction."""

    def __init__(self, writer: Writer, part: Contract) -> None:
        self.writer, self.part = writer, part
        self.left, self.right = (operand_strides(load, writer.module) for load in (part.left, part.right))
        self.i, self.j = (writer.names(axis.index, "index") for axis in (part.row, part.column))
        self.i0, self.j0, self.ni, self.nj = (
            writer.names(name, "tile") for name in (f"{self.i}0", f"{self.j}0", f"n{self.i}", f"n{self.j}")
        )
        self.panel, self.tile = (writer.names(name, "buffer") for name in (part.panel, part.tile))
        self.steps: list[str] = []

    def write(self, depth: int) -> None:
        """Add the lines of the contraction."""
        part, line, text = self.part, self.writer.line, self.writer.text
        line(depth, f"for {self.j0} in range(0, {text(part.column.extent)}, {self.writer.columns}):")
        line(depth + 1, f"{self.nj} = min({text(part.column.extent, SUM)} - {self.j0}, {self.writer.columns})")
        operand = self._operand(depth + 1)
        line(depth + 1, f"for {self.i0} in range(0, {text(part.row.extent)}, {self.writer.rows}):")
        line(depth + 2, f"{self.ni} = min({text(part.row.extent, SUM)} - {self.i0}, {self.writer.rows})")
        loops = [
            f"{text(axis.extent)}, {text(self.left.get(axis.index, ZERO))}, {step}"
            for axis, step in zip(part.depth, self.steps, strict=True)
        ]
        loops = ["1, 0, 0"] * (3 - len(loops)) + loops
        line(depth + 2, f"contract(tile_code, {self._address(part.left, self.left, part.row, self.i0)},")
        line(depth + 2, f"         {text(self.left[part.row.index])}, {operand}, address({self.tile}, 0),")
        line(depth + 2, f"         {', '.join(loops)}, {self.ni}, {self.nj})")
        line(depth + 2, f"for {self.i} in range({self.i0}, {self.i0} + {self.ni}):")
        line(depth + 3, f"for {self.j} in range({self.j0}, {self.j0} + {self.nj}):")
        local = self.writer.names(part.local.name, "local")
        place = f"({self.i} - {self.i0}) * {self.writer.columns} + {self.j} - {self.j0}"
        line(depth + 4, f"{local} = {self.tile}[{place}]")
        self.writer.body(part.epilogue, depth + 4)

    def _address(self, load: Load, steps: dict[str | None, Scalar], axis: Axis, start: str) -> str:
        """The address of a tile's first element of ``load``."""
        name = self.writer.names(load.tensor, "buffer")
        return f"address({name}, {self._offset(steps, axis, start)})"

    def _offset(self, steps: dict[str | None, Scalar], axis: Axis, start: str) -> str:
        """The offset of a tile's first element: every index at zero but ``axis`` and those of the loops around."""
        own = {self.part.row.index, self.part.column.index, *(axis.index for axis in self.part.depth)}
        outer = [mul(step, Index(key)) for key, step in steps.items() if key is not None and key not in own]
        fixed = add(steps.get(None, ZERO), *outer)
        moving = self.writer.text(steps[axis.index], PRODUCT + 1)
        text = start if moving == "1" else f"{start} * {moving}"
        return text if fixed == ZERO else f"{self.writer.text(fixed, SUM)} + {text}"

    def _operand(self, depth: int) -> str:
        """The right operand's address for the columns at hand, packed where needed; sets its strides over the depth."""
        part, text = self.part, self.writer.text
        source = self._address(part.right, self.right, part.column, self.j0)
        panel = f"address({self.panel}, 0)"
        if self.right[part.column.index] == ONE:
            self.steps = [text(self.right.get(axis.index, ZERO)) for axis in part.depth]
            return self._copied_if_far(source, panel, depth) if len(part.depth) == 1 else source
        if _packs_natively(part, self.right):
            stride, extent = text(self.right[part.column.index]), text(part.depth[0].extent)
            self.writer.line(depth, f"pack(pack_code, {source}, {stride}, {panel}, {extent}, {self.nj})")
            self.steps = [str(self.writer.columns)]
            return panel
        return self._packed(panel, depth)

    def _copied_if_far(self, source: str, panel: str, depth: int) -> str:
        """Far apart rows miss the caches and the page table once each: copy them, where many tiles use the copy."""
        line, text = self.writer.line, self.writer.text
        axis = self.part.depth[0]
        step, right = (self.writer.names(name, "tile") for name in ("step", "right"))
        far = FAR_BYTES // (4 if self.writer.dtype == "float32" else 8)
        line(depth, f"{right}, {step} = {source}, {self.steps[0]}")
        line(depth, f"if {step} >= {far} and {text(self.part.row.extent, SUM)} >= {WORTH_ROWS}:")
        line(depth + 1, f"pack(copy_code, {right}, {step}, {panel}, {text(axis.extent)}, {self.nj})")
        line(depth + 1, f"{right}, {step} = {panel}, {self.writer.columns}")
        self.steps = [step]
        return right

    def _packed(self, panel: str, depth: int) -> str:
        """Copy the columns at hand to the panel, element by element: any strides, any number of depth axes."""
        part, text = self.part, self.writer.text
        inner = [
            mul(*(axis.extent for axis in part.depth[position + 1 :]), Const(self.writer.columns))
            for position in range(len(part.depth))
        ]
        self.writer.line(depth, f"for {self.j} in range({self.nj}):")
        at = self.writer.loops(part.depth, depth + 1)
        base = self._offset(self.right, part.column, f"({self.j0} + {self.j})")
        moving = add(*(mul(self.right.get(axis.index, ZERO), Index(axis.index)) for axis in part.depth))
        place = add(*(mul(step, Index(axis.index)) for step, axis in zip(inner, part.depth, strict=True)))
        source = self.writer.names(part.right.tensor, "buffer")
        target = f"{self.panel}[{text(place)} + {self.j}]"
        self.writer.line(at, f"{target} = {source}[{base} + {text(moving)}]")
        self.steps = [text(step) for step in inner]
        return panel
