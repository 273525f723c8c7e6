"""Operands of contractions: computed factors get buffers, and what a loop reads across its rows is transposed once."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Contract,
    Index,
    Kernel,
    Load,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Span,
    Store,
    Tensor,
    free_indices,
    locals_of,
    walk,
)
from symdl_codegen.passes.canonical import rename_body
from symdl_codegen.scalars import ONE, add, merged_stride, strides, text
from symdl_codegen.schedule.contractions import factors_of, product_of
from symdl_codegen.schedule.panels import SPREAD, is_crowded


def operands(module: Module) -> Module:
    """Store the computed factors of a sum of products, so that it becomes a contraction of two loads.

    before: for i, j: v = add over t, n of d[t,n,i]*where(t == 0, h0[n,j], h[t-1,n,j])
    after:  for t, n, j: right[t,n,j] = where(t == 0, h0[n,j], h[t-1,n,j])
            for i, j: v = add over t, n of d[t,n,i]*right[t,n,j]

    Only factors that have no more elements than a tensor they read. In a loop over time, one that is the same at every
    step is computed before the loop.
    """
    buffers = dict(module.buffers)
    placed = _Placed()
    for kernel in module.kernels:
        placed.add(_with_stored_factors(kernel, buffers, placed, module))
    return replace(module, kernels=tuple(placed.kernels), buffers=buffers)


def transposed(module: Module) -> Module:
    """Within loops over time, give contractions a right operand that is contiguous along their columns.

    before: for t: for tiles of n, i: v = add over j of h[t-1,n,j]*w[i,j]
    after:  for j, i: right[j,i] = w[i,j]; for t: for tiles of n, i: v = add over j of h[t-1,n,j]*right[j,i]

    Else every step would pack the operand anew. Needs an operand that is the same at every step. Rows of a length that
    would crowd them into a part of the cache get some room between them.
    """
    buffers = dict(module.buffers)
    placed = _Placed()
    for kernel in module.kernels:
        match kernel.body:
            case (Nest(outer, (Contract() as part,)),) if kernel.span:
                first, *more = (
                    _with_right(product, outer, number, kernel, placed, module, buffers)
                    for number, product in enumerate(part.products)
                )
                kernel = replace(kernel, body=(Nest(outer, (replace(first, more=tuple(more)),)),))
        placed.add(kernel)
    return replace(module, kernels=tuple(placed.kernels), buffers=buffers)


def _with_right(
    part: Contract,
    outer: tuple[Axis, ...],
    number: int,
    kernel: Kernel,
    placed: "_Placed",
    module: Module,
    buffers: dict[str, Tensor],
) -> Contract:
    """``part`` with a right operand that can be used in place, if it is the same at every step."""
    step = strides(part.right, buffers[part.right.tensor].shape) or {}
    spread = len(part.columns) == 1 and is_crowded(part.columns[0].extent)
    in_place = merged_stride(part.columns, step) == ONE
    crowded = spread and in_place and any(is_crowded(step.get(axis.index, ONE)) for axis in part.depth)
    if (in_place and not crowded) or not _is_fixed(part.right, kernel, module):
        return part
    needed = free_indices(part.right)
    axes = tuple(axis for axis in (*outer, *part.depth, *part.columns) if axis.index in needed)
    name = f"{kernel.name}_right{number or ''}"
    return replace(part, right=placed.stored(name, axes, part.right, None, kernel, buffers, SPREAD if spread else 0))


class _Placed:
    """The kernels of the module that is made, and the operands stored so far."""

    def __init__(self) -> None:
        self.kernels: list[Kernel] = []
        self.known: dict[object, str] = {}

    def add(self, kernel: Kernel) -> None:
        """Put ``kernel`` at the end."""
        self.kernels.append(kernel)

    def stored(
        self,
        name: str,
        axes: tuple[Axis, ...],
        value: Scalar,
        span: Span | None,
        user: Kernel,
        buffers: dict[str, Tensor],
        room: int = 0,
    ) -> Load:
        """The load of a buffer with ``value`` over ``axes``, computed in ``span``, or before the loop of ``user``.

        Its rows have ``room`` for so many more elements.
        """
        indices = tuple(Index(axis.index) for axis in axes)
        body = (Nest(axes, (Store(name, indices, value),)),)
        strip = user.strip if span == user.span else None
        key = (rename_body(body, {name: "operand"}), span, strip, room)
        if key not in self.known or user.phase != "step":
            while name in buffers:
                name += "_"
            *outer, last = (axis.extent for axis in axes)
            buffers[name] = Tensor(name, (*outer, add(last, Const(room))))
            note = f"{name}[{', '.join(map(text, indices))}] = {text(value)}"
            body = (Nest(axes, (Store(name, indices, value),)),)
            kernel = Kernel(name, body, note, user.phase, span, strip)
            self.kernels.insert(len(self.kernels) if span == user.span else self._before_loop(user), kernel)
            self.known[key] = name
        return Load(self.known[key], indices)

    def _before_loop(self, user: Kernel) -> int:
        """The place before the first kernel of the strip, or else the loop, that ``user`` is in."""
        return next((i for i, k in enumerate(self.kernels) if _is_beside(k, user)), len(self.kernels))


def _is_beside(kernel: Kernel, user: Kernel) -> bool:
    """Whether a kernel is in the strip of another one, or where that has none in its loop."""
    if user.strip:
        return kernel.strip == user.strip
    return bool(kernel.span and user.span and kernel.span.loop == user.span.loop)


def _is_fixed(value: Scalar, user: Kernel, module: Module) -> bool:
    """Whether ``value`` is the same at every time step of the loop of ``user``, and for every block of its strip."""
    assert user.span is not None
    beside = [kernel for kernel in module.kernels if _is_beside(kernel, user)]
    written = set().union(*(kernel.writes for kernel in beside))
    moving = {user.span.time, *(user.strip.sizes if user.strip else ())}
    nodes = list(walk(value))
    sizes = {node.name for node in nodes if isinstance(node, Size)}
    return not sizes & moving and not any(isinstance(n, Load) and n.tensor in written for n in nodes)


def _with_stored_factors(kernel: Kernel, buffers: dict[str, Tensor], placed: _Placed, module: Module) -> Kernel:
    match kernel.body:
        case (Nest(axes, inner),) if not any(isinstance(part, Nest) for part in inner):
            reductions = [part for part in inner if isinstance(part, Reduce)]
        case _:
            return kernel
    if len(reductions) != 1 or product_of(reductions[0], buffers) or locals_of(reductions[0].value):
        return kernel
    (reduce,) = reductions
    groups = _operands(axes, reduce, buffers)
    if groups is None:
        return kernel
    value: list[Scalar] = [f for f in factors_of(reduce.value) if not free_indices(f) & _names(reduce.axes)]
    for side, group in zip(("left", "right"), groups, strict=True):
        if len(group) == 1 and _is_plain(group[0], buffers):
            value.append(group[0])
            continue
        product = group[0] if len(group) == 1 else Apply("mul", tuple(group))
        # the kept axes last: a right operand is then contiguous along its columns
        own = tuple(axis for axis in (*reduce.axes, *axes) if axis.index in free_indices(product))
        span = None if kernel.span and _is_fixed(product, kernel, module) else kernel.span
        value.append(placed.stored(f"{kernel.name}_{side}", own, product, span, kernel, buffers))
    new = replace(reduce, value=Apply("mul", tuple(value)))
    return replace(kernel, body=(Nest(axes, tuple(new if part is reduce else part for part in inner)),))


def _operands(
    axes: tuple[Axis, ...], reduce: Reduce, buffers: dict[str, Tensor]
) -> tuple[list[Scalar], list[Scalar]] | None:
    """The factors in two groups, each with a kept axis that the other has not; None where there are no such groups."""
    if reduce.op != "add" or reduce.local.kind != "real":
        return None
    kept = _names(axes)
    factors = [factor for factor in factors_of(reduce.value) if free_indices(factor) & _names(reduce.axes)]
    for groups in _groupings(factors, kept):
        if all((len(group) == 1 and _is_plain(group[0], buffers)) or _is_small(group) for group in groups):
            return groups
    return None


def _groupings(factors: list[Scalar], kept: set[str]) -> Iterator[tuple[list[Scalar], list[Scalar]]]:
    for left, right in combinations(factors, 2):
        own, other = free_indices(left) & kept, free_indices(right) & kept
        if own <= other or other <= own:
            continue
        rest = [factor for factor in factors if factor is not left and factor is not right]
        joins = [factor for factor in rest if free_indices(factor) & kept <= own]
        others = [factor for factor in rest if factor not in joins]
        if all(free_indices(factor) & kept <= other for factor in others):
            yield [left, *joins], [right, *others]


def _is_plain(factor: Scalar, buffers: dict[str, Tensor]) -> bool:
    if not isinstance(factor, Load):
        return False
    return buffers[factor.tensor].kind == "real" and strides(factor, buffers[factor.tensor].shape) is not None


def _is_small(group: list[Scalar]) -> bool:
    """Whether the product has no more elements than one of the tensors it reads, as far as axes tell."""
    needed = set().union(*map(free_indices, group))
    return any(isinstance(node, Load) and free_indices(node) == needed for factor in group for node in walk(factor))


def _names(axes: tuple[Axis, ...]) -> set[str]:
    return {axis.index for axis in axes}


__all__ = ["operands", "transposed"]
