"""Contractions along the depth: where both operands are contiguous along a summed axis, vectors run along it."""

from dataclasses import replace

from symdl_codegen.ir import Contract, Nest, Tensor
from symdl_codegen.scalars import ONE
from symdl_codegen.schedule.contractions import stored_steps, tile_contraction
from symdl_codegen.schedule.merging import Choice, dots_cost, id_of, product_cost
from symdl_codegen.schedule.panels import DEEPEST, panels


def dot_products(nest: Nest, name: str, buffers: dict[str, Tensor]) -> Nest | None:
    """Let vectors run along the depth.

    before: for i, j: v = add over y, n of x[i,y,n]*w[j,y,n]; rest
    after:  for blocks of i, j: v = the same, in vectors along n; rest as epilogue

    Where no column is contiguous, several axes are summed over, and it is estimated to cost less than packing.
    """
    tiled = tile_contraction(nest, name, buffers)
    if tiled is None:
        return None
    (part,) = tiled.body
    assert isinstance(part, Contract)
    known = panels(part, buffers)
    along = [axis for axis in part.depth if known.left.get(axis.index) == ONE == known.right.get(axis.index)]
    if part.more or not along or len(part.depth) < 2 or not known.packs_right:
        return None
    depth = (*(axis for axis in part.depth if axis not in along), *along)
    choice = Choice(tiled.axes, part.rows, part.columns, part.left, part.right)
    steps = {id_of(part.left): known.left, id_of(part.right): known.right}
    if product_cost(choice, part.depth, steps, stored_steps(nest, buffers)) <= dots_cost(nest.axes, depth):
        return None
    part = replace(part, rows=part.rows[-1:], columns=part.columns[-1:], depth=depth, along="depth")
    if len(panels(part, buffers).levels) > DEEPEST:
        return None
    buffers[part.panel] = Tensor(part.panel, (ONE,), "real", "scratch")
    outer = tuple(axis for axis in nest.axes if axis not in (*part.rows, *part.columns))
    return Nest(outer, (part,))
