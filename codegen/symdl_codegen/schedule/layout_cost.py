"""What a kernel costs in a layout, about: vector operations, counted from extents and strides alone."""

from collections.abc import Iterator, Mapping
from math import ceil, prod

from symdl_codegen.ir import Axis, Kernel, Let, Load, Nest, Reduce, Scalar, Statement, Store, Tensor, free_indices, walk
from symdl_codegen.scalars import ONE, affine, evaluate
from symdl_codegen.schedule.contractions import Product, product_of

UNKNOWN = 64  # what a size is taken for that is only known at the call
LANES = 16
ROWS, COLUMNS = 8, 48  # of a tile
CALL = 150  # of a tile, in vector operations
LANES_ADDED = 6  # to add the lanes of one sum
PACKED = 0.5  # to copy one element of an operand that is not contiguous

Buffers = Mapping[str, Tensor]


def kernel_cost(kernel: Kernel, buffers: Buffers, sizes: Mapping[str, int | None]) -> float:
    """Vector operations of ``kernel``, with dynamic sizes taken for ``UNKNOWN``."""
    return sum(_Cost(buffers, sizes).body(kernel.body, ()))


class _Sizes(dict[str, int]):
    def __missing__(self, name: str) -> int:
        return UNKNOWN


class _Cost:
    def __init__(self, buffers: Buffers, sizes: Mapping[str, int | None]) -> None:
        self.buffers = buffers
        self.sizes = _Sizes({name: value for name, value in sizes.items() if value is not None})

    def body(self, body: tuple[Statement, ...], axes: tuple[Axis, ...]) -> Iterator[float]:
        """The cost of each statement within loops over ``axes``."""
        stores = [part for part in body if isinstance(part, Store)]
        for part in body:
            match part:
                case Nest(more, inner):
                    yield from self.body(inner, (*axes, *more))
                case Reduce(_, _, reduced, value):
                    product, every = product_of(part, dict(self.buffers)), (*axes, *reduced)
                    choices = [] if product is None else list(self._contracted(axes, reduced, product, stores))
                    choices = choices or [self._streamed(every, _loads(value), along) for along in (axes, reduced)]
                    yield min(choices)
                case Store(name, indices, value, _):
                    yield self._streamed(axes, [Load(name, indices), *_loads(value)], axes)
                case Let(_, value):
                    yield self._streamed(axes, _loads(value), axes)

    def _extent(self, *axes: Axis) -> int:
        return prod(max(evaluate(axis.extent, self.sizes), 1) for axis in axes)

    def _streamed(self, axes: tuple[Axis, ...], loads: list[Load], along: tuple[Axis, ...]) -> float:
        """Loops over ``axes`` whose innermost is the last of ``along``: in vectors, where all that moves is unit."""
        count = self._extent(*axes)
        if not along:
            return float(len(loads) * count)
        last = along[-1]
        vector = all(_is_unit(load, last) for load in loads if last.index in free_indices(load))
        width = self._extent(last)
        return len(loads) * (count / width * ceil(width / LANES) if vector else count)

    def _contracted(
        self, axes: tuple[Axis, ...], depth: tuple[Axis, ...], product: Product, stores: list[Store]
    ) -> Iterator[float]:
        """The ways to compute a sum of products in tiles."""
        deep = self._extent(*depth)
        for left, right in ((product.left, product.right), (product.right, product.left)):
            rows = [axis for axis in axes if axis.index in free_indices(left) - free_indices(right)]
            columns = [axis for axis in axes if axis.index in free_indices(right) - free_indices(left)]
            along = [axis for axis in depth if _is_unit(left, axis) and _is_unit(right, axis)]
            for column in columns if rows else []:
                row = max(rows, key=self._extent)
                high, wide = self._extent(row), self._extent(column)
                outer = self._extent(*axes) / (high * wide)
                calls = ceil(high / ROWS) * ceil(wide / COLUMNS)
                unit = _is_unit(right, column)
                stored = sum(self._streamed((row, column), [Load(s.buffer, s.indices)], (column,)) for s in stores)
                work = high * deep * ceil(wide / LANES) * (1 + 1 / min(high, ROWS))
                yield outer * (work + CALL * calls + 4 * stored + (0 if unit else PACKED * deep * wide))
                if along and not unit:
                    width = self._extent(*along)
                    yield outer * high * wide * (deep / width * ceil(width / LANES) + LANES_ADDED)


def _loads(value: Scalar) -> list[Load]:
    return list(dict.fromkeys(node for node in walk(value) if isinstance(node, Load)))


def _is_unit(load: Load, axis: Axis) -> bool:
    """Whether ``load`` moves by one element where ``axis`` moves by one; its other indices need not be affine."""
    *others, last = load.indices
    own = affine(last) or {}
    return own.get(axis.index) == ONE and not any(axis.index in free_indices(index) for index in others)


__all__ = ["kernel_cost"]
