"""The epilogue of a contraction as Numba text: loops over finished tiles, in the indices of the merged axes."""

from typing import TYPE_CHECKING

from symdl_codegen.emit.scalar_text import PRODUCT
from symdl_codegen.ir import (
    Apply,
    Axis,
    Contract,
    Index,
    Let,
    Load,
    Reduce,
    Scalar,
    Statement,
    Store,
    free_indices,
    scalars_of,
    statements,
    walk,
)
from symdl_codegen.scalars import ONE, ZERO, mul, strides

if TYPE_CHECKING:  # because the two files write one text
    from symdl_codegen.emit.numba_tile import Writer

Bounds = tuple[str, str]  # the first and how many
Group = tuple[Axis, ...]  # axes that every access moves along as along one: the last index counts, the others are zero


class EpilogueText:
    """Writes the statements after the sums of one contraction.

    The finished rows from ``start`` on, each ``width`` wide, are at ``places`` in the tile, one place for each sum.
    """

    def __init__(self, writer: "Writer", part: Contract, places: dict[str, str], width: str, start: str) -> None:
        self.writer, self.part, self.places, self.width, self.start = writer, part, places, width, start

    def write(self, depth: int, rows: Bounds, columns: Bounds) -> None:
        """Add the loops over ``rows`` and ``columns``.

        Lines are decoded one by one; along them indices run group by group, so that the innermost loop counts one.
        Lines are rows, or columns where more of what is read and written is contiguous along the rows.
        """
        line = self.writer.line
        sides = [(self.part.rows, rows), (self.part.columns, columns)]
        along_rows = self._is_along_rows()
        (lines, (start, number)), (axes, (first, count)) = sides[::-1] if along_rows else sides
        groups = self._groups(lines)
        across = self._counter(groups)
        line(depth, f"for {across} in range({start}, {start} + {number}):")
        self._decode(groups, across, depth + 1)
        depth += 1
        *outer, last = self._groups(axes)
        along = place = self.writer.index(last[-1])
        if outer:
            run, extent = self._counter(outer, "run"), self._extent(last)
            line(depth, f"for {run} in range({first} // {extent}, ({first} + {count} - 1) // {extent} + 1):")
            self._decode(outer, run, depth + 1)
            depth, place = depth + 1, f"{run} * {extent} + {along}"
            bounds = f"maximum({first} - {run} * {extent}, 0), minimum({first} + {count} - {run} * {extent}, {extent})"
        else:
            bounds = f"{first}, {first} + {count}"
            if self.part.symmetric:
                bounds = f"{first}, minimum({first} + {count}, {across} + 1)"
        line(depth, f"for {along} in range({bounds}):")
        self._decode([last], along, depth + 1)
        row, column = (place, across) if along_rows else (across, place)
        place = f"({row} - {self.start}) * {self.width} + {column} - {columns[0]}"
        tile = self.writer.names(self.part.tile, "buffer")
        for local, before in self.places.items():
            name = self.writer.names(local, "local")
            line(depth + 1, f"{name} = {tile}[{place}]" if before == "0" else f"{name} = {tile}[{before} + {place}]")
        self.writer.body(self.part.epilogue, depth + 1)

    def _is_along_rows(self) -> bool:
        """Whether more of the elements that move along rows and columns lie next to each other along the rows."""
        if self.part.symmetric:
            return False
        rows, columns = ({axis.index for axis in axes} for axes in (self.part.rows, self.part.columns))
        found = [0, 0]
        for load in accesses(self.part.epilogue):
            steps = strides(load, self.writer.module.buffers[load.tensor].shape) or {}
            if rows & steps.keys() and columns & steps.keys():
                for side, axes in enumerate((self.part.rows, self.part.columns)):
                    found[side] += steps.get(axes[-1].index) == ONE
        return found[0] > found[1]

    def _counter(self, groups: list[Group], name: str = "number") -> str:
        """The variable that counts ``groups`` as one: of a single group its last index."""
        if len(groups) == 1:
            return self.writer.index(groups[0][-1])
        return self.writer.names(f"{name} {self.part.local.name}", "tile")

    def _decode(self, groups: list[Group], counter: str, depth: int) -> None:
        """Bind the indices of ``groups``, of which ``counter`` is the number."""
        for position, group in reversed(list(enumerate(groups))):
            index = self.writer.index(group[-1])
            if len(groups) > 1:
                extent = self._extent(group)
                self.writer.line(depth, f"{index} = {counter} % {extent}" if position else f"{index} = {counter}")
                if position:
                    rest = self.writer.names(f"rest {self.part.local.name}", "tile")
                    self.writer.line(depth, f"{rest} = {counter} // {extent}")
                    counter = rest
            for axis in group[:-1]:
                self.writer.line(depth, f"{self.writer.index(axis)} = 0")

    def _extent(self, group: Group) -> str:
        return self.writer.text(mul(*(axis.extent for axis in group)), PRODUCT + 1)

    def _groups(self, axes: tuple[Axis, ...]) -> list[Group]:
        """``axes`` in groups, as large as may be."""
        groups: list[Group] = [axes[:1]]
        for axis in axes[1:]:
            if self._follow(groups[-1][-1], axis):
                groups[-1] = (*groups[-1], axis)
            else:
                groups.append((axis,))
        return groups

    def _follow(self, outer: Axis, inner: Axis) -> bool:
        """Whether every access of the epilogue that moves along the two axes does so as along one."""
        names = {outer.index, inner.index}
        for load in accesses(self.part.epilogue):
            steps = strides(load, self.writer.module.buffers[load.tensor].shape)
            if not names & free_indices(load):
                continue
            if steps is None or not self.writer.spans(load):
                return False
            if steps.get(outer.index, ZERO) != mul(inner.extent, steps.get(inner.index, ZERO)):
                return False
        return not any(_is_used(value, names) for value in values(self.part.epilogue))


def accesses(body: tuple[Statement, ...]) -> list[Load]:
    """Every element that ``body`` reads or writes."""
    read = [node for scalar in scalars_of(body) for node in walk(scalar) if isinstance(node, Load)]
    return read + [Load(part.buffer, part.indices) for part in statements(body) if isinstance(part, Store)]


def values(body: tuple[Statement, ...]) -> list[Scalar]:
    """Every value that ``body`` computes, places of stores not counted."""
    return [part.value for part in statements(body) if isinstance(part, Let | Reduce | Store)]


def _is_used(scalar: Scalar, names: set[str]) -> bool:
    """Whether an index of ``names`` stands in ``scalar`` itself, not in a place of a load."""
    if isinstance(scalar, Apply):
        return any(_is_used(argument, names) for argument in scalar.arguments)
    return isinstance(scalar, Index) and scalar.name in names


__all__ = ["EpilogueText"]
