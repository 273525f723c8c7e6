"""An estimate of how long a call takes one worker, for the decision who takes part in it. It never changes a result."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from symdl_codegen.intrinsics.machine import lanes
from symdl_codegen.ir import Axis, Contract, Kernel, Let, Load, Nest, Reduce, Routine, Scalar, Statement, Store, walk
from symdl_codegen.scalars import cost, evaluate

CYCLE = 0.35  # nanoseconds
CALL = 10.0  # nanoseconds of a call without any work
ACCESS = 0.5  # cycles of a vector loaded or stored, from a cache
SERIAL = 4.0  # cycles of an element that is added where data says


@dataclass(frozen=True, slots=True)
class Work:
    """Nanoseconds: ``shared`` of what is divided; of packing of the left and the right operand of a tile.

    A worker that has some of the columns packs all of the left operand; one that has some of the rows, the right one.
    """

    shared: float = 0.0
    left: float = 0.0
    right: float = 0.0

    @property
    def total(self) -> float:
        """Of one worker alone."""
        return CALL + self.shared + self.left + self.right


def work(kernel: Kernel, sizes: Mapping[str, int], dtype: str) -> Work:
    """The work of one call of ``kernel``; sizes that it does not know, as the time, are 0."""
    return _Estimate(dict(sizes), lanes(dtype)).body(kernel.body)


class _Estimate:
    def __init__(self, sizes: dict[str, int], width: int) -> None:
        self.sizes, self.width = sizes, width

    def body(self, body: tuple[Statement, ...]) -> Work:
        parts = [self.statement(part) for part in body]
        return Work(*(sum(values) for values in zip(*((p.shared, p.left, p.right) for p in parts), strict=True)))

    def statement(self, part: Statement) -> Work:
        match part:
            case Nest(axes, inner):
                times, inside = self.count(axes), self.body(inner)
                return Work(times * inside.shared, times * inside.left, times * inside.right)
            case Reduce(_, _, axes, value):
                return Work(self.count(axes) * self.scalar(value))
            case Let(_, value):
                return Work(self.scalar(value))
            case Store(_, _, value, op):
                scattered = op is not None and any(isinstance(node, Load) for i in part.indices for node in walk(i))
                return Work(self.scalar(value) + (SERIAL if scattered else ACCESS / self.width) * CYCLE)
            case Contract():
                return self.contraction(part)
            case Routine():
                rows, columns = (evaluate(extent, self.sizes) for extent in part.matrices[0])
                return Work(CYCLE * rows * rows * max(columns, 1))
        return Work()

    def contraction(self, part: Contract) -> Work:
        """Two products and sums of a vector each cycle; an element packed costs a quarter of one."""
        rows, columns = (self.count(axes) for axes in (part.rows, part.columns))
        depth = sum(self.count(one.depth) for one in part.products)
        inside = self.body(part.epilogue).shared
        vectors = -(-columns // self.width)
        tiles = rows * vectors * depth / (4 if part.symmetric else 2) * CYCLE + rows * columns * inside
        return Work(tiles, rows * depth * CYCLE / 4, columns * depth * CYCLE / 4)

    def count(self, axes: tuple[Axis, ...]) -> int:
        return prod(evaluate(axis.extent, self.sizes) for axis in axes)

    def scalar(self, scalar: Scalar) -> float:
        """One element of vector code."""
        loads = sum(isinstance(node, Load) for node in walk(scalar))
        return (cost(scalar) / 2 + ACCESS * loads) * CYCLE / self.width


__all__ = ["Work", "work"]
