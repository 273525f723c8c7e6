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
    Size,
    Statement,
    Tensor,
    free_indices,
    locals_of,
    statements,
)
from symdl_codegen.scalars import ONE, add, mul, strides

DEEPEST = 3  # nested reduction loops of one tile
LANES = Size("tile.columns")  # each backend binds it
ROWS = Size("tile.rows")


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

    before: for i, j: v = add over k of x[i,k]*w[j,k]; rest
    after:  for tiles of i, j: v = the same; rest as epilogue

    Needs one reduction, a row axis that only one operand has and a column axis that only the other has; further axes
    become loops around the tiles. Adds the scratch buffers of the tile to ``buffers``.
    """
    reductions = [part for part in nest.body if isinstance(part, Reduce)]
    if len(reductions) != 1 or len(reductions[0].axes) > DEEPEST or any(isinstance(part, Nest) for part in nest.body):
        return None
    reduce = reductions[0]
    product = product_of(reduce, buffers)
    if product is None or locals_of(reduce.value):
        return None
    choice = _orientation(nest, reduce, product, buffers)
    if choice is None:
        return None
    row, column, left, right = choice
    outer = tuple(axis for axis in nest.axes if axis not in (row, column))
    depth = tuple(sorted(reduce.axes, key=lambda axis: _is_unit(left, axis, buffers)))
    panel, tile = f"{name}_panel", f"{name}_tile"
    buffers[panel] = Tensor(panel, _panel_shape(row, depth, _is_unit(left, row, buffers)), "real", "scratch")
    buffers[tile] = Tensor(tile, (ROWS, LANES), "real", "scratch")
    local, epilogue = _epilogue(nest, reduce, product)
    contract = Contract(row, column, depth, left, right, local, epilogue, panel, tile)
    return Nest(outer, (contract,))


def _panel_shape(row: Axis, depth: tuple[Axis, ...], strips: bool) -> tuple[Scalar, ...]:
    """Room for the right operand of one tile's columns, and behind it for the left operand strip by strip."""
    extent = mul(*(axis.extent for axis in depth))
    columns = mul(add(extent, LANES), LANES)
    return (add(columns, mul(extent, add(row.extent, ROWS))) if strips else columns,)


def _is_unit(load: Load, axis: Axis, buffers: dict[str, Tensor]) -> bool:
    return (strides(load, buffers[load.tensor].shape) or {}).get(axis.index) == ONE


def _orientation(
    nest: Nest, reduce: Reduce, product: Product, buffers: dict[str, Tensor]
) -> tuple[Axis, Axis, Load, Load] | None:
    """Choose row, column, left and right: a contiguous result first, then a contiguous right operand."""
    ranked = []
    for left, right in ((product.left, product.right), (product.right, product.left)):
        rows = [axis for axis in nest.axes if axis.index in free_indices(left) - free_indices(right)]
        columns = [axis for axis in nest.axes if axis.index in free_indices(right) - free_indices(left)]
        if not rows or not columns:
            return None
        for column in columns:
            score = (2 * (column == nest.axes[-1])) + _is_unit(right, column, buffers)
            ranked.append((score, rows[-1], column, left, right))
    best = max(ranked, key=lambda entry: entry[0])
    return best[1:]


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


__all__ = ["LANES", "ROWS", "Product", "factors_of", "product_of", "sides", "tile_contraction"]
