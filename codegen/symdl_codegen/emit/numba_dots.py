"""Contractions whose vectors run along the depth, as Numba text: blocks of dot products, then the epilogue."""

from symdl_codegen.emit.numba_operands import address
from symdl_codegen.emit.numba_tile import Writer
from symdl_codegen.intrinsics.dots import dots_shape
from symdl_codegen.ir import Axis, Contract
from symdl_codegen.schedule.panels import panels


class DotsText:
    """Writes one contraction."""

    def __init__(self, writer: Writer, part: Contract) -> None:
        self.writer, self.part = writer, part
        self.known = panels(part, writer.module.buffers)
        (self.row,), (self.column,) = part.rows, part.columns

    def offsets(self, depth: int) -> None:
        """Rows and columns have single steps: nothing to list."""

    def write(self, depth: int) -> None:
        """Add the lines of the contraction: blocks of nearly equal size, so that none is thin."""
        writer, part, line, text = self.writer, self.part, self.writer.line, self.writer.text
        (i, i0, ni), (j, j0, nj) = (
            self._blocked(axis, most, depth + level)
            for level, axis, most in zip((0, 1), (self.row, self.column), dots_shape(), strict=True)
        )
        tile, local = writer.names(part.tile, "buffer"), writer.names(part.local.name, "local")
        left, right = (
            address(writer, part, load.tensor, steps, ((start, steps[axis.index]),))
            for load, steps, axis, start in (
                (part.left, self.known.left, self.row, i0),
                (part.right, self.known.right, self.column, j0),
            )
        )
        *outer, (extent, _, _) = self.known.levels
        loops = ["1, 0, 0"] * (2 - len(outer)) + [", ".join(map(text, loop)) for loop in outer]
        row, column = text(self.known.left[self.row.index]), text(self.known.right[self.column.index])
        line(depth + 2, f"dots(dots_code, {left}, {row}, {right}, {column}, address({tile}, 0), {writer.columns},")
        line(depth + 2, f"     {', '.join(loops)}, {text(extent)}, {ni}, {nj})")
        line(depth + 2, f"for {i} in range({i0}, {i0} + {ni}):")
        line(depth + 3, f"for {j} in range({j0}, {j0} + {nj}):")
        line(depth + 4, f"{local} = {tile}[({i} - {i0}) * {writer.columns} + {j} - {j0}]")
        writer.body(part.epilogue, depth + 4)

    def _blocked(self, axis: Axis, most: int, depth: int) -> tuple[str, str, str]:
        """Add the loop over an axis in blocks of at most ``most``; return its index, a block's start and length."""
        names, line = self.writer.names, self.writer.line
        index, (first, last) = names(axis.index, "index"), self.writer.share(axis)
        start, length, step = (names(f"{index}_{what}", "tile") for what in ("start", "count", "step"))
        line(depth, f"{step} = evenly({last} - {first}, {most}, 1)")
        line(depth, f"for {start} in range({first}, {last}, {step}):")
        line(depth + 1, f"{length} = minimum({last} - {start}, {step})")
        return index, start, length
