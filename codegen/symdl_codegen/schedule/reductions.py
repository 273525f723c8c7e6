"""Reductions over a strided axis run row by row, so that the innermost loop stays contiguous."""

from symdl_codegen.ir import Axis, Index, Let, Load, Nest, Reduce, Scalar, Store, Tensor, walk
from symdl_codegen.lower.equations import identity
from symdl_codegen.scalars import ONE, strides


def reduce_rows(nest: Nest, name: str, buffers: dict[str, Tensor]) -> Nest | None:
    """Run a reduction row by row.

    before: for j: v = add over n of x[n,j]; rest

    after:  for j: row[j] = 0
            for n: for j: row[j] += x[n,j]
            for j: v = row[j]; rest

    Applies where more loads are contiguous along the last kept axis than along the last reduced one.
    """
    if not nest.axes or any(isinstance(part, Nest) for part in nest.body):
        return None
    reductions = [part for part in nest.body if isinstance(part, Reduce)]
    if len(reductions) != 1:
        return None
    reduce, last = reductions[0], nest.axes[-1]
    place = nest.body.index(reduce)
    if place or contiguous(reduce.value, last, buffers) <= contiguous(reduce.value, reduce.axes[-1], buffers):
        return None
    row = f"{name}_row"
    buffers[row] = Tensor(row, (last.extent,), reduce.local.kind, "scratch")
    here: tuple[Scalar, ...] = (Index(last.index),)
    start = Nest((last,), (Store(row, here, identity(reduce.op, reduce.local.kind)),))
    work = Nest((*reduce.axes, last), (Store(row, here, reduce.value, reduce.op),))
    finish = Nest((last,), (Let(reduce.local, Load(row, here)), *nest.body[1:]))
    return Nest(nest.axes[:-1], (start, work, finish))


def contiguous(value: Scalar, axis: Axis, buffers: dict[str, Tensor]) -> int:
    """How many loads of ``value`` move by one element when ``axis`` moves by one."""
    found = 0
    for node in walk(value):
        if isinstance(node, Load):
            found += (strides(node, buffers[node.tensor].shape) or {}).get(axis.index) == ONE
    return found
