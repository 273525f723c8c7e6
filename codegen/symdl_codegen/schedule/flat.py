"""Flat reductions: axes that every operand runs through as through one become one loop, whose vectors are long."""

from dataclasses import replace

from symdl_codegen.ir import Apply, Axis, Index, Kernel, Load, Nest, Reduce, Scalar, Statement, Tensor, substitute, walk
from symdl_codegen.scalars import ZERO, mul, strides


def flat(kernel: Kernel, buffers: dict[str, Tensor]) -> Kernel:
    """Merge the innermost axes of reductions.

    before: s = add over y < h, n < m of x[o,y,n]        after: s = add over n < h*m of x[o,0,n]

    The lanes of a sum are added up once, at the end of its innermost loop.
    """
    return replace(kernel, body=tuple(_flat(part, buffers) for part in kernel.body))


def _flat(part: Statement, buffers: dict[str, Tensor]) -> Statement:
    if isinstance(part, Nest):
        return Nest(part.axes, tuple(_flat(inner, buffers) for inner in part.body))
    while (
        isinstance(part, Reduce) and len(part.axes) > 1 and _as_one(part.axes[-2], part.axes[-1], part.value, buffers)
    ):
        *others, outer, inner = part.axes
        value = substitute(part.value, {Index(outer.index): ZERO})
        part = replace(part, axes=(*others, Axis(inner.index, mul(outer.extent, inner.extent))), value=value)
    return part


def _as_one(outer: Axis, inner: Axis, value: Scalar, buffers: dict[str, Tensor]) -> bool:
    """Whether ``value`` is a load, or arithmetic of loads, that moves along both axes as along one."""
    loads = [node for node in walk(value) if isinstance(node, Load)]
    inside = [index for load in loads for index in load.indices]
    plain = all(isinstance(index, Index) or not {outer.index, inner.index} & _names(index) for index in inside)
    if not loads or not plain or _names(value, through=False) & {outer.index, inner.index}:
        return False
    for load in loads:
        steps = strides(load, buffers[load.tensor].shape)
        if steps is None or steps.get(outer.index, ZERO) != mul(inner.extent, steps.get(inner.index, ZERO)):
            return False
    return not any(isinstance(node, Apply) and node.primitive == "where" for node in walk(value))


def _names(scalar: Scalar, through: bool = True) -> set[str]:
    """The indices in ``scalar``, those in places of loads only if asked for."""
    if isinstance(scalar, Index):
        return {scalar.name}
    parts = (
        scalar.arguments
        if isinstance(scalar, Apply)
        else scalar.indices
        if isinstance(scalar, Load) and through
        else ()
    )
    return set().union(*(_names(part, through) for part in parts))


__all__ = ["flat"]
