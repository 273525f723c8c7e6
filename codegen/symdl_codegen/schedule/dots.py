"""Contractions along the depth: where both operands are contiguous along a summed axis, vectors run along it."""

from dataclasses import replace

from symdl_codegen.ir import Contract, Load, Nest, Scalar, Tensor
from symdl_codegen.scalars import ONE, strides
from symdl_codegen.schedule.contractions import tile_contraction

LEAST = 256  # summed elements below which adding the lanes up costs too much
PANELS = 1  # depths of a tile with a panel that needs no copying element by element


def dot_products(nest: Nest, name: str, buffers: dict[str, Tensor]) -> Nest | None:
    """Let vectors run along the depth.

    before: for i, j: v = add over y, n of x[i,y,n]*w[j,y,n]; rest
    after:  for blocks of i, j: v = the same, in vectors along n; rest as epilogue

    Where no column is contiguous, and a sum over several axes would have its operands copied element by element.
    """
    tiled = tile_contraction(nest, name, buffers)
    if tiled is None:
        return None
    (part,) = tiled.body
    assert isinstance(part, Contract)
    left, right = (_steps(load, buffers) for load in (part.left, part.right))
    along = [axis for axis in part.depth if left.get(axis.index) == ONE == right.get(axis.index)]
    if not along or len(part.depth) < 2 or right.get(part.column.index) == ONE:
        return None
    depth = (*(axis for axis in part.depth if axis not in along), *along)
    buffers[part.panel] = Tensor(part.panel, (ONE,), "real", "scratch")
    return Nest(tiled.axes, (replace(part, depth=depth, along="depth"),))


def _steps(load: Load, buffers: dict[str, Tensor]) -> dict[str | None, Scalar]:
    return strides(load, buffers[load.tensor].shape) or {}
