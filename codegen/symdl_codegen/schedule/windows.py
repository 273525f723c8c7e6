"""Sums over windows leave out what is zero by its place: the border of a padded copy, the gaps of a stretched one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod

from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Contract,
    Cut,
    Index,
    Kernel,
    Load,
    Module,
    Nest,
    Scalar,
    Store,
    Tensor,
    substitute,
)
from symdl_codegen.scalars import affine, merged_stride, strides
from symdl_codegen.schedule.contractions import stored_steps
from symdl_codegen.schedule.merging import Choice, id_of, merged_axes, product_cost
from symdl_codegen.schedule.panels import panels, scratch_shapes

GAIN = 0.9  # cut sums are taken where they are estimated to cost at most this part


@dataclass(frozen=True)
class Filled:
    """A temporary that is zero in places: by position where it is not, as a cut of no particular sum.

    ``source`` is what it holds there, a load in ``places``, its own indices; None where that is more than a load, or
    where more conditions are left.
    """

    spans: dict[int, Cut]
    places: tuple[Scalar, ...]
    source: Load | None


@dataclass(frozen=True)
class Candidate:
    """A cut, the axes that must be loops around the tile for it, and the part of the sum that it leaves."""

    cut: Cut
    around: frozenset[str]
    part: float


def windows(module: Module) -> Module:
    """Cut the loops of sums of products to where no factor is zero by its place.

    before: for y: for tiles of c and n: v = add over o, u<5 of w[o,c,u]*p[o,y-u+4,n]     where p[o,i,n] = 0 for i < 4
    after:  for y: for tiles of c and n: v = add over u<5 with 4 <= y-u+4, o of the same

    The axes that the bounds depend on become loops around the tiles; that is done where it is estimated to cost less.
    """
    filled = _filled(module)
    buffers = dict(module.buffers)
    kernels = [_windowed(kernel, filled, buffers) for kernel in module.kernels]
    needed = {name for kernel in kernels for name in kernel.reads} | set(module.outputs.values())
    kernels = [kernel for kernel in kernels if not kernel.writes <= filled.keys() - needed]
    return replace(module, kernels=tuple(kernels), buffers=buffers)


def _filled(module: Module) -> dict[str, Filled]:
    """The temporaries that one kernel writes, zero where it says so by conditions on single indices."""
    found: dict[str, Filled] = {}
    for kernel in module.kernels:
        match kernel.body:
            case (Nest(axes, (Store(name, places, Apply("where", (condition, value, Const(0))), None),)),):
                indices = {place.name: k for k, place in enumerate(places) if isinstance(place, Index)}
                if len(indices) < max(len(axes), len(places)) or kernel.span or kernel.strip:
                    continue
                extents = {indices[axis.index]: axis.extent for axis in axes}
                spans, is_all = _spans(condition, indices, extents)
                source = value if is_all and isinstance(value, Load) else None
                if source is not None and module.buffers[source.tensor].role == "state":
                    source = None  # it may have changed since
                if spans and module.buffers[name].role == "temporary":
                    found[name] = Filled(spans, places, source)
    writers = [name for kernel in module.kernels for name in kernel.writes]
    return {name: entry for name, entry in found.items() if writers.count(name) == 1}


def _spans(condition: Scalar, indices: Mapping[str, int], extents: Mapping[int, Scalar]) -> tuple[dict[int, Cut], bool]:
    """What a conjunction says of each index by itself: first, last and every how many; and whether that is all."""
    parts = condition.arguments if isinstance(condition, Apply) and condition.primitive == "and" else (condition,)
    found, used = {}, 0
    for name, position in indices.items():
        extent = extents[position]
        if not isinstance(extent, Const):
            continue
        first, last, every = 0, int(extent.value), 1
        for part in parts:
            match part:
                case Apply("le" | "lt" as relation, (small, large)):
                    line = _line(Apply("add", (large, Apply("neg", (small,)))), name)
                    if line is not None:
                        factor, rest = line  # factor*index + rest >= 0, or > 0
                        rest -= relation == "lt"
                        if factor > 0:
                            first = max(first, -(rest // factor))
                        else:
                            last = min(last, rest // -factor + 1)
                        used += 1
        for part in parts:
            match part:
                case Apply("eq", (Apply("mod", (value, Const(int() as period))), Const(0))):
                    line = _line(value, name)
                    if line is not None and abs(line[0]) == 1 and period > 0 and every == 1:
                        first, every = first + (-(line[0] * line[1] + first)) % period, period
                        used += 1
        if (first, last, every) != (0, int(extent.value), 1):
            found[position] = Cut(0, False, position, first, max(first, last), every)
    return found, used == len(parts)


def _line(value: Scalar, name: str) -> tuple[int, int] | None:
    """The factor and the rest of a value that is affine in one index and in nothing else."""
    found = affine(value)
    if found is None or set(found) - {None} != {name}:
        return None
    factor, rest = found[name], found.get(None, Const(0))
    if isinstance(factor, Const) and isinstance(rest, Const) and factor.value:
        return int(factor.value), int(rest.value)
    return None


def _windowed(kernel: Kernel, filled: dict[str, Filled], buffers: dict[str, Tensor]) -> Kernel:
    match kernel.body:
        case (Nest(outer, (Contract() as part,)),) if part.along == "columns" and not (part.symmetric or part.more):
            changed = None if kernel.span else _cut(outer, part, filled, buffers)
            return kernel if changed is None else replace(kernel, body=(changed,))
    return kernel


def _cut(outer: tuple[Axis, ...], part: Contract, filled: dict[str, Filled], buffers: dict[str, Tensor]) -> Nest | None:
    """The cheapest way to leave out zeros; None where that is not worth it."""
    kept = {axis.index: axis for axis in (*outer, *part.rows, *part.columns)}
    candidates = list(_candidates(part, kept, filled))
    if not candidates or panels(part, buffers).is_deep:
        return None
    operands = (part.left, part.right)
    steps = {id_of(load): strides(load, buffers[load.tensor].shape) or {} for load in operands}
    result = stored_steps(Nest((), part.epilogue), buffers)
    now = Choice(outer, part.rows, part.columns, *operands)
    least, best = GAIN * product_cost(now, part.depth, steps, result), None
    for chosen in (c for count in range(1, len(candidates) + 1) for c in combinations(candidates, count)):
        if len({candidate.cut.depth for candidate in chosen}) < len(chosen):
            continue
        around = frozenset[str]().union(*(candidate.around for candidate in chosen))
        free = tuple(axis for name, axis in kept.items() if name not in around)
        share = {candidate.cut.depth: candidate.part for candidate in chosen}
        depth = tuple(_shortened(axis, share[k]) if k in share else axis for k, axis in enumerate(part.depth))
        choice = merged_axes(free, depth, operands, steps, result)
        if choice is not None:
            loops = tuple(axis for name, axis in kept.items() if name in around)
            choice = replace(choice, outer=(*loops, *choice.outer))
            cost = product_cost(choice, depth, steps, result)
            if cost < least:
                least, best = cost, (choice, tuple(candidate.cut for candidate in chosen))
    return _rewritten(part, *best, filled, buffers) if best else None


def _shortened(axis: Axis, part: float) -> Axis:
    assert isinstance(axis.extent, Const)
    return replace(axis, extent=Const(round(part * axis.extent.value) or 1))


def _candidates(part: Contract, kept: Mapping[str, Axis], filled: dict[str, Filled]) -> Iterator[Candidate]:
    """The cuts that one operand's zeros allow, each of one axis of the depth."""
    names = {axis.index: k for k, axis in enumerate(part.depth)}
    for right, load in ((False, part.left), (True, part.right)):
        for position, span in filled[load.tensor].spans.items() if load.tensor in filled else ():
            line = affine(load.indices[position]) or {}
            summed = [name for name in line if name is not None and name in names]
            around = frozenset(name for name in line if name is not None and name in kept)
            if len(summed) != 1 or len(around) + 1 != len(set(line) - {None}):
                continue
            factor, depth = line[summed[0]], part.depth[names[summed[0]]]
            extents = [axis.extent for axis in (depth, *(kept[name] for name in around))]
            if not isinstance(factor, Const) or not all(isinstance(extent, Const) for extent in extents):
                continue
            if span.every > 1 and abs(factor.value) != 1:
                continue
            cut = replace(span, depth=names[summed[0]], right=right)
            # each entry that is not zero meets each step of the sum in one place
            entries = -(-(cut.last - cut.first) // cut.every)
            places = prod(extent.value for extent in extents[1:] if isinstance(extent, Const))
            yield Candidate(cut, around, min(entries / max(places, 1), 1.0))


def _rewritten(
    part: Contract, choice: Choice, cuts: tuple[Cut, ...], filled: dict[str, Filled], buffers: dict[str, Tensor]
) -> Nest | None:
    """The contraction in the axes of ``choice``, what is cut outermost in its depth; None where no tile can do it.

    It reads what was filled itself, where all that is zero in the copy is left out and that is laid out like it.
    """
    order = [cut.depth for cut in cuts]
    order += [k for k in range(len(part.depth)) if k not in order]
    turned = choice.left is not part.left
    loads = [choice.left, choice.right]
    for right in (False, True):
        own = [cut for cut in cuts if (cut.right != turned) == right]
        read = _read_through(loads[right], own, filled)
        axes = choice.columns if right else choice.rows
        if read is not None and _stride(axes, read[0], buffers) == _stride(axes, loads[right], buffers):
            loads[right], moved = read
            cuts = tuple(moved.get(cut, cut) for cut in cuts)
    left, right_load = loads
    part = replace(
        part,
        rows=choice.rows,
        columns=choice.columns,
        depth=tuple(part.depth[k] for k in order),
        left=left,
        right=right_load,
        cuts=tuple(replace(cut, depth=k, right=cut.right != turned) for k, cut in enumerate(cuts)),
    )
    known = panels(part, buffers)
    if not known.is_possible:
        return None
    for scratch, shape in zip(part.scratch, scratch_shapes(known, known.strips), strict=True):
        buffers[scratch] = replace(buffers[scratch], shape=shape)
    return Nest(choice.outer, (part,))


def _stride(axes: tuple[Axis, ...], load: Load, buffers: dict[str, Tensor]) -> Scalar | None:
    return merged_stride(axes, strides(load, buffers[load.tensor].shape) or {})


def _read_through(load: Load, cuts: list[Cut], filled: dict[str, Filled]) -> tuple[Load, dict[Cut, Cut]] | None:
    """The load of what ``load`` copies and the cuts in its indices; None where some of what is zero would be read."""
    entry = filled.get(load.tensor)
    if entry is None or entry.source is None or {cut.position for cut in cuts} != entry.spans.keys():
        return None
    table = dict(zip(entry.places, load.indices, strict=True))
    moved = {}
    for cut in cuts:
        place = entry.places[cut.position]
        assert isinstance(place, Index)
        own = [(k, _line(index, place.name)) for k, index in enumerate(entry.source.indices)]
        lines = [(k, line) for k, line in own if line is not None and line[0] == 1]
        if len(lines) != 1 or cut.every != 1:
            return None
        ((position, (_, shift)),) = lines
        moved[cut] = replace(cut, position=position, first=cut.first + shift, last=cut.last + shift)
    return Load(entry.source.tensor, tuple(substitute(index, table) for index in entry.source.indices)), moved


__all__ = ["windows"]
