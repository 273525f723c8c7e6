"""Sums over the rows of a tensor run in register tiles, as a product of a row of ones with the tensor."""

from symdl_codegen.ir import Axis, Const, Contract, Load, Nest, Reduce, Store, Tensor
from symdl_codegen.scalars import ONE, ZERO, mul, strides
from symdl_codegen.schedule.panels import make_room, panels, scratch_shapes

LEAST = 16  # rows from which on a tile is worth its call
WIDEST = 512  # columns up to which it is: longer rows are better read as a whole


def sum_rows(nest: Nest, name: str, buffers: dict[str, Tensor]) -> Nest | None:
    """Turn the sum of a tensor over all axes but those it keeps into tiles.

    before: for j: v = add over n of x[n,j]; rest
    after:  one = 1.0; for tiles of a single row and columns j: v = add over n of one*x[n,j]; rest as epilogue

    Such is the gradient of a bias. The last kept axis must be contiguous and not long, and the sum of some length.
    """
    match nest.body:
        case (Reduce(local, "add", depth, Load() as load), *rest) if nest.axes and local.kind == "real":
            steps = strides(load, buffers[load.tensor].shape) or {}
        case _:
            return None
    *outer, last = nest.axes
    length = mul(*(axis.extent for axis in depth))
    is_short = isinstance(length, Const) and length.value < LEAST
    is_narrow = isinstance(last.extent, Const) and last.extent.value <= WIDEST
    moving = all(steps.get(axis.index, ZERO) != ZERO for axis in (*nest.axes, *depth)) and steps[last.index] == ONE
    if is_short or not is_narrow or not moving or any(isinstance(part, Nest | Reduce) for part in rest):
        return None
    one, names = f"{name}_one", (f"{name}_panel", f"{name}_places", f"{name}_tile")
    row = Axis(f"{name}_row", ONE)
    part = Contract((row,), (last,), depth, Load(one, ()), load, local, tuple(rest), *names)
    buffers_with = {**buffers, one: Tensor(one, (), "real", "scratch")}
    room = panels(part, buffers_with)
    if not room.is_possible:
        return None
    buffers.update(buffers_with)
    make_room(names, scratch_shapes(room, room.strips), buffers)
    return Nest((), (Store(one, (), Const(1.0)), Nest(tuple(outer), (part,))))


__all__ = ["sum_rows"]
