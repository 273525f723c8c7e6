"""Recognises contractions: an add-reduction of a product of two loads with affine addresses, in any orientation."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Contract,
    Let,
    Load,
    Local,
    Nest,
    Reduce,
    Scalar,
    Statement,
    Store,
    Tensor,
    free_indices,
    locals_of,
    map_scalar,
    map_statement,
    scalars_of,
    statements,
    walk,
)
from symdl_codegen.scalars import ONE, strides
from symdl_codegen.schedule.merging import all_choices, cheapest, id_of
from symdl_codegen.schedule.panels import joint_shapes, make_room, panels, scratch_shapes


@dataclass(frozen=True)
class Product:
    """``scale`` * sum over ``reduce.axes`` of ``left * right``; ``scale`` has no reduced index."""

    left: Load
    right: Load
    scale: tuple[Scalar, ...]


def product_of(reduce: Reduce, buffers: dict[str, Tensor]) -> Product | None:
    """Write the value of ``reduce`` as a scaled product of two real loads that both depend on its axes, or None."""
    if reduce.op != "add" or reduce.local.kind != "real":
        return None
    factors = factors_of(reduce.value)
    inner = {axis.index for axis in reduce.axes}
    scale = tuple(factor for factor in factors if not free_indices(factor) & inner)
    operands = [factor for factor in factors if free_indices(factor) & inner]
    if len(operands) != 2 or not all(isinstance(operand, Load) for operand in operands):
        return None
    left, right = operands
    assert isinstance(left, Load)
    assert isinstance(right, Load)
    for load in (left, right):
        buffer = buffers[load.tensor]
        if buffer.kind != "real" or strides(load, buffer.shape) is None:
            return None
    return Product(left, right, scale)


def sides(axes: tuple[Axis, ...], body: tuple[Statement, ...], buffers: dict[str, Tensor]) -> tuple[set[str], set[str]]:
    """The axes that only the left and only the right operands of all sums of products in ``body`` have."""
    kept, found = {axis.index for axis in axes}, []
    for reduce in (part for part in body if isinstance(part, Reduce)):
        product = product_of(reduce, buffers)
        if product is None:
            return set(), set()
        left, right = free_indices(product.left) & kept, free_indices(product.right) & kept
        found.append((left - right, right - left))
    if not found or any(pair not in (found[0], found[0][::-1]) for pair in found):
        return set(), set()
    return found[0]


def factors_of(value: Scalar) -> list[Scalar]:
    """The factors of a product, signs as constants."""
    match value:
        case Apply("mul", arguments):
            return [factor for argument in arguments for factor in factors_of(argument)]
        case Apply("neg", (argument,)):
            return [Const(-1.0), *factors_of(argument)]
    return [value]


def tile_contraction(nest: Nest, name: str, buffers: dict[str, Tensor]) -> Nest | None:
    """Turn a sum of products into register tiles.

    before: for n, i, y, x: v = add over c, u of k[i,c,u]*a[n,c,y+u,x]; rest
    after:  for n: for tiles of rows i and columns (y, x): v = the same; rest as epilogue

    Needs an axis that only one operand has and an axis that only the other has; axes that are not merged to rows and
    columns become loops around the tiles. Several sums of products share the tiles where these are the same for all
    and the depth of each fits a panel; those that are only added up in the epilogue become one sum. Adds the scratch
    buffers of the tile to ``buffers``.
    """
    reductions = [part for part in nest.body if isinstance(part, Reduce)]
    products = [product_of(reduce, buffers) for reduce in reductions]
    if not products or any(isinstance(part, Nest) for part in nest.body):
        return None
    known: list[Product] = []
    depths, costs, result = [], [], stored_steps(nest, buffers)
    for reduce, product in zip(reductions, products, strict=True):
        if product is None or locals_of(reduce.value):
            return None
        operands = (product.left, product.right)
        steps = {id_of(load): strides(load, buffers[load.tensor].shape) or {} for load in operands}
        depth = _contiguous_last(reduce.axes, steps.values())
        depths.append(depth)
        costs.append(all_choices(nest.axes, depth, operands, steps, result))
        known.append(product)
    choices = cheapest(costs)
    if not choices:
        return None
    sums, epilogue = _epilogue(nest, reductions, known)
    if len(sums) > 1:
        sums, epilogue = added_up(sums, epilogue)
    names = (f"{name}_panel", f"{name}_places", f"{name}_tile")
    parts, rooms = [], []
    for choice, depth, local in zip(choices, depths, sums, strict=True):
        left, right = choice.left, choice.right
        part = Contract(choice.rows, choice.columns, depth, left, right, local, (), *names)
        room = panels(part, buffers)
        if not room.is_possible or (len(sums) > 1 and room.blocks(0) is not None):
            return None
        parts.append(part)
        rooms.append(scratch_shapes(room, room.strips if len(sums) == 1 else ONE))
    make_room(names, joint_shapes(rooms, len(set(sums))), buffers)
    return Nest(choices[0].outer, (replace(parts[0], epilogue=epilogue, more=tuple(parts[1:])),))


def _contiguous_last(depth: tuple[Axis, ...], steps: Collection[Mapping[str | None, Scalar]]) -> tuple[Axis, ...]:
    """``depth`` with the axes last along which most operands are contiguous."""
    return tuple(sorted(depth, key=lambda axis: sum(known.get(axis.index) == ONE for known in steps)))


def stored_steps(nest: Nest, buffers: dict[str, Tensor]) -> dict[str | None, Scalar]:
    """The element strides of what ``nest`` stores first."""
    for part in nest.body:
        if isinstance(part, Store):
            return strides(Load(part.buffer, part.indices), buffers[part.buffer].shape) or {}
    return {}


def _epilogue(
    nest: Nest, reductions: list[Reduce], products: list[Product]
) -> tuple[list[Local], tuple[Statement, ...]]:
    """The local of each sum, and the statements that follow, with the scales applied first where there are some."""
    taken = {part.local.name for part in statements((nest,)) if isinstance(part, Let | Reduce)}
    sums, epilogue = [], list(nest.body)
    for reduce, product in zip(reductions, products, strict=True):
        place, raw = epilogue.index(reduce), reduce.local
        if product.scale:
            raw = Local(next(n for n in (f"{raw.name}_sum{'_' * k}" for k in range(99)) if n not in taken), "real")
            taken.add(raw.name)
            factors: list[Scalar] = [*product.scale, raw]
            epilogue.insert(place + 1, Let(reduce.local, Apply("mul", tuple(factors))))
        del epilogue[place]
        sums.append(raw)
    return sums, tuple(epilogue)


def added_up(sums: list[Local], epilogue: tuple[Statement, ...]) -> tuple[list[Local], tuple[Statement, ...]]:
    """``sums`` with one local for those of which ``epilogue`` needs no more than what they add up to.

    before: sums a, b, c; y = f(a + b + z, c)        after: sums a, a, c; y = f(a + z, c)
    """
    counts: Counter[Scalar] = Counter(
        node for scalar in scalars_of(epilogue) for node in walk(scalar) if isinstance(node, Local)
    )
    names: set[Scalar] = {*sums}
    table: dict[Scalar, Scalar] = {}

    def change(node: Scalar) -> Scalar:
        if not (isinstance(node, Apply) and node.primitive == "add"):
            return node
        own = [part for part in node.arguments if part in names and counts[part] == 1]
        table.update(dict.fromkeys(own[1:], own[0]) if own else {})
        rest = tuple(part for part in node.arguments if part not in own[1:])
        return rest[0] if len(rest) == 1 else Apply("add", rest)

    epilogue = tuple(map_statement(part, lambda scalar: map_scalar(scalar, change)) for part in epilogue)
    joint = [table.get(local, local) for local in sums]
    return [local for local in joint if isinstance(local, Local)], epilogue


__all__ = ["Product", "factors_of", "product_of", "sides", "stored_steps", "tile_contraction"]
