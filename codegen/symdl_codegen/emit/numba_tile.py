"""Contraction tiles as Numba text: loops over tiles, the right operand packed where it must be, then the epilogue."""

from typing import Protocol

from symdl_codegen.emit.names import Names
from symdl_codegen.emit.scalar_text import PRODUCT, SUM, ScalarText
from symdl_codegen.ir import Axis, Const, Contract, Index, Load, Module, Scalar, Statement, Store
from symdl_codegen.scalars import ONE, ZERO, add, mul, strides

FAR_BYTES = 1024  # rows of an operand further apart than this are copied to a panel,
WORTH_ROWS = 32  # where at least so many rows of the result use the right one,
WORTH_TILES = 2  # and at least so many tiles across the columns the left one


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

    def share(self, *axes: Axis) -> tuple[str, str]:
        """First and last of the part that a worker takes of a loop over ``axes`` as one."""
        ...


def operand_strides(load: Load, module: Module) -> dict[str | None, Scalar]:
    """Element strides of an operand, by index."""
    return strides(load, module.buffers[load.tensor].shape) or {}


def depths(part: Contract, module: Module) -> list[tuple[Scalar, Scalar, Scalar]]:
    """Extent, left stride and right stride of each depth loop; axes that are contiguous in both operands are one."""
    left, right = operand_strides(part.left, module), operand_strides(part.right, module)
    found: list[tuple[Scalar, Scalar, Scalar]] = []
    for axis in part.depth:
        inner = (axis.extent, left.get(axis.index, ZERO), right.get(axis.index, ZERO))
        if found and all(mul(inner[0], inner[side]) == found[-1][side] for side in (1, 2)):
            inner = (mul(found.pop()[0], inner[0]), *inner[1:])
        found.append(inner)
    return found


def helpers(part: Contract, module: Module) -> list[str]:
    """The native helpers that the tile calls."""
    if part.along == "depth":
        return ["dots"]
    loops, left, right = depths(part, module), *(operand_strides(load, module) for load in (part.left, part.right))
    names = ["tile"]
    if len(loops) == 1 and left.get(part.row.index) == ONE:
        names.append("strips")
    if len(loops) == 1 and right[part.column.index] == ONE:
        names.append("copy")
    elif len(loops) == 1 and loops[0][2] == ONE:
        names.append("pack")
    return names


class TileText:
    """Writes one contraction."""

    def __init__(self, writer: Writer, part: Contract) -> None:
        self.writer, self.part = writer, part
        self.left, self.right = (operand_strides(load, writer.module) for load in (part.left, part.right))
        self.depths, self.helpers = depths(part, writer.module), helpers(part, writer.module)
        self.i, self.j = (writer.names(axis.index, "index") for axis in (part.row, part.column))
        self.i0, self.j0, self.ni, self.nj = (
            writer.names(name, "tile") for name in (f"{self.i}0", f"{self.j}0", f"n{self.i}", f"n{self.j}")
        )
        self.panel, self.tile = (writer.names(name, "buffer") for name in (part.panel, part.tile))
        self.bytes = 4 if writer.dtype == "float32" else 8
        self.left_steps = [writer.text(left) for _, left, _ in self.depths]
        self.right_steps: list[str] = []

    def write(self, depth: int) -> None:
        """Add the lines of the contraction."""
        part, line, text = self.part, self.writer.line, self.writer.text
        start, across = self._left_operand(depth)
        (first, last), (top, bottom) = self.writer.share(part.column), self.writer.share(part.row)
        line(depth, f"for {self.j0} in range({first}, {last}, {self.writer.columns}):")
        line(depth + 1, f"{self.nj} = min({last} - {self.j0}, {self.writer.columns})")
        operand = self._right_operand(depth + 1)
        line(depth + 1, f"for {self.i0} in range({top}, {bottom}, {self.writer.rows}):")
        line(depth + 2, f"{self.ni} = min({bottom} - {self.i0}, {self.writer.rows})")
        steps = zip(self.depths, self.left_steps, self.right_steps, strict=True)
        loops = [f"{text(extent)}, {left}, {right}" for (extent, _, _), left, right in steps]
        loops = ["1, 0, 0"] * (3 - len(loops)) + loops
        direct = self._direct()
        result = direct or f"address({self.tile}, 0), {self.writer.columns}"
        line(depth + 2, f"contract(tile_code, {start}, {across}, {operand}, {result},")
        line(depth + 2, f"         {', '.join(loops)}, {self.ni}, {self.nj})")
        if not direct:
            self._epilogue(depth + 2)

    def _direct(self) -> str:
        """Address and row stride of the result, where the epilogue only stores it, along the columns; else empty."""
        match self.part.epilogue:
            case (Store(name, indices, value, None),) if value == self.part.local:
                steps = operand_strides(Load(name, indices), self.writer.module)
                if steps.get(self.part.column.index) == ONE:
                    start = self._offset(steps, self.part.row, self.i0)
                    row = self.writer.text(steps.get(self.part.row.index, ZERO))
                    return f"address({self.writer.names(name, 'buffer')}, {start} + {self.j0}), {row}"
        return ""

    def _epilogue(self, depth: int) -> None:
        """The rest of the equations on a finished tile."""
        line, local = self.writer.line, self.writer.names(self.part.local.name, "local")
        line(depth, f"for {self.i} in range({self.i0}, {self.i0} + {self.ni}):")
        line(depth + 1, f"for {self.j} in range({self.j0}, {self.j0} + {self.nj}):")
        place = f"({self.i} - {self.i0}) * {self.writer.columns} + {self.j} - {self.j0}"
        line(depth + 2, f"{local} = {self.tile}[{place}]")
        self.writer.body(self.part.epilogue, depth + 2)

    def _left_operand(self, depth: int) -> tuple[str, str]:
        """The address of a tile's first left element, and the elements from one row to the next.

        An operand that is contiguous along the rows is laid out strip by strip, where its depths are far apart.
        """
        across = self.writer.text(self.left[self.part.row.index])
        if "strips" not in self.helpers:
            return self._address(self.part.left, self.left, self.part.row, self.i0), across
        line, text = self.writer.line, self.writer.text
        left, row, step = (self.writer.names(f"left{name}", "tile") for name in ("", f"_{self.i}", "_step"))
        (extent, stride, _), (far, worth) = self.depths[0], (FAR_BYTES // self.bytes, WORTH_TILES * self.writer.columns)
        room = mul(add(extent, Const(self.writer.columns)), Const(self.writer.columns))
        panel = f"address({self.panel}, {text(room)})"
        line(
            depth,
            f"{left}, {row}, {step} = {self._address(self.part.left, self.left, self.part.row, '0')}, "
            f"{self.bytes}, {text(stride)}",
        )
        line(depth, f"if {step} >= {far} and {text(self.part.column.extent, SUM)} > {worth}:")
        rows = text(self.part.row.extent)
        line(depth + 1, f"pack(strips_code, {left}, {step}, {panel}, {text(extent)}, {rows})")
        packed = text(mul(extent, Const(self.bytes)))
        line(depth + 1, f"{left}, {row}, {step} = {panel}, {packed}, {self.writer.rows}")
        self.left_steps = [step]
        return f"{left} + {self.i0} * {row}", "1"

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

    def _right_operand(self, depth: int) -> str:
        """The right operand's address for the columns at hand, packed where needed; sets its strides over the depth."""
        part, text = self.part, self.writer.text
        source = self._address(part.right, self.right, part.column, self.j0)
        panel = f"address({self.panel}, 0)"
        if self.right[part.column.index] == ONE:
            self.right_steps = [text(right) for _, _, right in self.depths]
            return self._copied_if_far(source, panel, depth) if "copy" in self.helpers else source
        if "pack" in self.helpers:
            stride, extent = text(self.right[part.column.index]), text(self.depths[0][0])
            self.writer.line(depth, f"pack(pack_code, {source}, {stride}, {panel}, {extent}, {self.nj})")
            self.right_steps = [str(self.writer.columns)]
            return panel
        return self._packed(panel, depth)

    def _copied_if_far(self, source: str, panel: str, depth: int) -> str:
        """Far apart rows miss the caches and the page table once each: copy them, where many tiles use the copy."""
        line, text = self.writer.line, self.writer.text
        step, right = (self.writer.names(name, "tile") for name in ("step", "right"))
        line(depth, f"{right}, {step} = {source}, {self.right_steps[0]}")
        line(depth, f"if {step} >= {FAR_BYTES // self.bytes} and {text(self.part.row.extent, SUM)} >= {WORTH_ROWS}:")
        line(depth + 1, f"pack(copy_code, {right}, {step}, {panel}, {text(self.depths[0][0])}, {self.nj})")
        line(depth + 1, f"{right}, {step} = {panel}, {self.writer.columns}")
        self.right_steps = [step]
        return right

    def _packed(self, panel: str, depth: int) -> str:
        """Copy the columns at hand to the panel, element by element: any strides, any number of depth axes."""
        part, text = self.part, self.writer.text
        strides_inside = [
            mul(*(axis.extent for axis in part.depth[position + 1 :]), Const(self.writer.columns))
            for position in range(len(part.depth))
        ]
        self.writer.line(depth, f"for {self.j} in range({self.nj}):")
        at = self.writer.loops(part.depth, depth + 1)
        base = self._offset(self.right, part.column, f"({self.j0} + {self.j})")
        moving = add(*(mul(self.right.get(axis.index, ZERO), Index(axis.index)) for axis in part.depth))
        place = add(*(mul(step, Index(axis.index)) for step, axis in zip(strides_inside, part.depth, strict=True)))
        source = self.writer.names(part.right.tensor, "buffer")
        target = f"{self.panel}[{text(place)} + {self.j}]"
        self.writer.line(at, f"{target} = {source}[{base} + {text(moving)}]")
        left = [text(self.left.get(axis.index, ZERO)) for axis in part.depth]
        self.depths = [(axis.extent, ZERO, ZERO) for axis in part.depth]
        self.left_steps, self.right_steps = left, [text(step) for step in strides_inside]
        return panel
