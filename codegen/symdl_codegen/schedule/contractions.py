"""Recognises contractions: an add-reduction of a product of two loads with affine addresses, in any orientation."""

from dataclasses import dataclass

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
    statements,
)
from symdl_codegen.scalars import ONE, strides
from symdl_codegen.schedule.merging import id_of, merged_axes
from symdl_codegen.schedule.panels import panels, scratch_shapes


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
    """The axes that only the left and only the right operand of the one sum of products in ``body`` has."""
    reductions = [part for part in body if isinstance(part, Reduce)]
    product = product_of(reductions[0], buffers) if len(reductions) == 1 else None
    if product is None:
        return set(), set()
    kept, left, right = {axis.index for axis in axes}, free_indices(product.left), free_indices(product.right)
    return (left - right) & kept, (right - left) & kept


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

    Needs one reduction, an axis that only one operand has and an axis that only the other has; axes that are not merged
    to rows and columns become loops around the tiles. Adds the scratch buffers of the tile to ``buffers``.
    """
    reductions = [part for part in nest.body if isinstance(part, Reduce)]
    if len(reductions) != 1 or any(isinstance(part, Nest) for part in nest.body):
        return None
    reduce = reductions[0]
    product = product_of(reduce, buffers)
    if product is None or locals_of(reduce.value):
        return None
    operands = (product.left, product.right)
    steps = {id_of(load): strides(load, buffers[load.tensor].shape) or {} for load in operands}
    depth = tuple(sorted(reduce.axes, key=lambda axis: sum(known.get(axis.index) == ONE for known in steps.values())))
    choice = merged_axes(nest.axes, depth, operands, steps, stored_steps(nest, buffers))
    if choice is None:
        return None
    panel, places, tile = (f"{name}_{what}" for what in ("panel", "places", "tile"))
    local, epilogue = _epilogue(nest, reduce, product)
    rows, columns, left, right = choice.rows, choice.columns, choice.left, choice.right
    contract = Contract(rows, columns, depth, left, right, local, epilogue, panel, places, tile)
    known = panels(contract, buffers)
    if not known.is_possible:
        return None
    for scratch, shape in zip((panel, places, tile), scratch_shapes(known), strict=True):
        buffers[scratch] = Tensor(scratch, shape, "int" if scratch == places else "real", "scratch")
    return Nest(choice.outer, (contract,))


def stored_steps(nest: Nest, buffers: dict[str, Tensor]) -> dict[str | None, Scalar]:
    """The element strides of what ``nest`` stores first."""
    for part in nest.body:
        if isinstance(part, Store):
            return strides(Load(part.buffer, part.indices), buffers[part.buffer].shape) or {}
    return {}


def _epilogue(nest: Nest, reduce: Reduce, product: Product) -> tuple[Local, tuple[Statement, ...]]:
    """The statements after the reduction, with the scale applied first where there is one."""
    rest = tuple(part for part in nest.body if part is not reduce)
    if not product.scale:
        return reduce.local, rest
    taken = {part.local.name for part in statements((nest,)) if isinstance(part, Let | Reduce)}
    raw = Local(
        next(name for name in (f"{reduce.local.name}_sum", f"{reduce.local.name}_sum_") if name not in taken), "real"
    )
    factors: list[Scalar] = [*product.scale, raw]
    scaled: Scalar = Apply("mul", tuple(factors))
    return raw, (Let(reduce.local, scaled), *rest)


__all__ = ["Product", "factors_of", "product_of", "sides", "stored_steps", "tile_contraction"]
