"""Symmetric results of contractions, as X' D X, are computed once: on and below the diagonal, and stored twice."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from symdl_codegen.ir import (
    Apply,
    Contract,
    Index,
    Kernel,
    Let,
    Load,
    Module,
    Nest,
    Reduce,
    Scalar,
    Statement,
    Store,
    locals_of,
    statements,
    substitute,
)
from symdl_codegen.schedule.contractions import factors_of


def symmetric(module: Module) -> Module:
    """Compute what is the same above and below the diagonal once.

    before: for tiles of i and j: v = add over k of x[k,i]*y[k,j]; h[i,j] = v        where y[k,j] = d[k]*x[k,j]
    after:  for tiles of i and j <= i: v = the same; h[i,j] = v; h[j,i] = v

    Recognised from the equations: exchanging i and j exchanges the factors of the product, those of operands that are
    computed earlier included, and leaves what is stored as it is.
    """
    known = _definitions(module)

    def changed(part: Statement) -> Statement:
        match part:
            case Nest(axes, body):
                return Nest(axes, tuple(map(changed, body)))
            case Contract() if _is_symmetric(part, known):
                (row,), (column,) = part.rows, part.columns
                stores = [statement for statement in part.epilogue if isinstance(statement, Store)]
                exchange: dict[Scalar, Scalar] = {
                    Index(row.index): Index(column.index),
                    Index(column.index): Index(row.index),
                }
                mirrored = [
                    replace(store, indices=tuple(substitute(index, exchange) for index in store.indices))
                    for store in stores
                ]
                return replace(part, epilogue=(*part.epilogue, *mirrored), symmetric=True)
        return part

    kernels = [
        kernel if kernel.span else replace(kernel, body=tuple(map(changed, kernel.body))) for kernel in module.kernels
    ]
    return replace(module, kernels=tuple(kernels))


def _is_symmetric(part: Contract, known: dict[str, tuple[Store, Scalar]]) -> bool:
    if part.along != "columns" or part.more or len(part.rows) != 1 or len(part.columns) != 1:
        return False
    (row,), (column,) = part.rows, part.columns
    if row.extent != column.extent:
        return False
    exchange: dict[Scalar, Scalar] = {Index(row.index): Index(column.index), Index(column.index): Index(row.index)}
    for left, right in product(_forms(part.left, known), _forms(part.right, known)):
        factors = Counter([*left, *right])
        if Counter(substitute(factor, exchange) for factor in factors.elements()) == factors:
            return _stores_alike(part.epilogue, exchange)
    return False


def _stores_alike(epilogue: tuple[Statement, ...], exchange: dict[Scalar, Scalar]) -> bool:
    """Whether exchanging the indices leaves each value as it is, and both are indices of each place."""
    for part in epilogue:
        match part:
            case Let(_, value):
                places: set[Scalar] = set(exchange)
            case Store(_, indices, value, None):
                places = set(indices)
            case _:
                return False
        if not places >= set(exchange) or _sorted(substitute(value, exchange)) != _sorted(value):
            return False
    return True


def _sorted(value: Scalar) -> Scalar:
    """``value`` with the arguments of sums, products and equalities in one order."""
    if isinstance(value, Load):
        return Load(value.tensor, tuple(map(_sorted, value.indices)))
    if not isinstance(value, Apply):
        return value
    arguments = tuple(map(_sorted, value.arguments))
    if value.primitive in ("add", "mul", "eq"):
        arguments = tuple(sorted(arguments, key=repr))
    return Apply(value.primitive, arguments)


def _forms(load: Load, known: dict[str, tuple[Store, Scalar]]) -> Iterator[list[Scalar]]:
    """The factors of an operand: itself, and what it was computed from."""
    yield [load]
    if load.tensor in known:
        store, value = known[load.tensor]
        yield factors_of(substitute(value, dict(zip(store.indices, load.indices, strict=True))))


def _definitions(module: Module) -> dict[str, tuple[Store, Scalar]]:
    """What each buffer that one statement writes, once and element by element, is computed from."""
    found: dict[str, list[tuple[Store, Scalar] | None]] = {}
    for kernel in module.kernels:
        for store in (part for part in statements(kernel.body) if isinstance(part, Store)):
            found.setdefault(store.buffer, []).append(None)
        if kernel.span is None:
            for store, value in _stores(kernel, kernel.body, (), {}):
                found[store.buffer].append((store, value))
    return {
        name: entries[1]
        for name, entries in found.items()
        if len(entries) == 2 and entries[1] is not None and module.buffers[name].role == "temporary"
    }


def _stores(
    kernel: Kernel, body: tuple[Statement, ...], indices: tuple[Scalar, ...], values: dict[Scalar, Scalar]
) -> Iterator[tuple[Store, Scalar]]:
    """Plain stores with their values, locals replaced by theirs; what is reduced is a tensor without a definition."""
    values = dict(values)
    for part in body:
        match part:
            case Let(local, value):
                values[local] = substitute(value, values)
            case Reduce(local, _, _, _):
                values[local] = Load(f"{local.name} of {kernel.name}", indices)
            case Nest(axes, inner):
                more = (*indices, *(Index(axis.index) for axis in axes))
                yield from _stores(kernel, inner, more, values)
            case Store(_, places, value, None) if len(set(places)) == len(places):
                value = substitute(value, values)
                if all(isinstance(place, Index) for place in places) and not locals_of(value):
                    yield part, value


__all__ = ["symmetric"]
