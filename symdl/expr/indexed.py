"""SymPy's indexed notation: ``IndexedBase``, ``Indexed``, ``Idx``, ``Sum``, ``Product``, with their ranges checked."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import And, Basic, Expr, Ge, Idx, Integer, Le, Symbol

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import fresh_index, rebuild
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.ranges import limits_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import same_size

Ingest = Callable[[Any], Any]


def declare_base(base: sympy.IndexedBase, shape: tuple[Expr, ...] | None = None) -> TensorSymbol:
    """Return the tensor an ``IndexedBase`` stands for; its shape must be declared or follow from index ranges."""
    sizes = base.shape if base.shape is not None else shape
    if sizes is None:
        raise ShapeError(
            f"IndexedBase {base.label}: its shape is not known; declare IndexedBase({str(base.label)!r}, "
            "shape=(n, ...)) or use indices with a range, Idx('i', n)"
        )
    return TensorSymbol(str(base.label), tuple(sizes))


def convert_indexed(node: sympy.Indexed, ingest: Ingest) -> Expr:
    """Return the element; indices with a declared range must stay inside the axis."""
    inferred = tuple(
        index.upper + 1 if isinstance(index, Idx) and index.upper is not None else None for index in node.indices
    )
    shape = None if None in inferred else inferred
    tensor = declare_base(node.base, shape)
    if len(node.indices) != tensor.order:
        raise ShapeError(f"{node}: {len(node.indices)} indices for {tensor.name} of order {tensor.order}")
    for index, size in zip(node.indices, tensor.shape, strict=True):
        if isinstance(index, Idx) and index.upper is not None:
            _check_range(node, index.lower, index.upper, size)
    return Element(tensor, *(ingest(_plain_index(index)) for index in node.indices))


def _plain_index(index: Expr) -> Expr:
    return index.xreplace({part: _as_symbol(part) for part in index.atoms(Idx)})


def aliases(name: Basic) -> tuple[Basic, ...]:
    """Return what an index is called in a body: an ``Idx`` also by its label, as converted bodies have it."""
    return (name, _as_symbol(name)) if isinstance(name, Idx) else (name,)


def _as_symbol(index: Idx) -> Expr:
    return Symbol(str(index.label), integer=True) if isinstance(index.label, Symbol) else index.label


def convert_sum(node: Basic, convert: Ingest) -> Expr:
    """Return the reduction a ``Sum`` or ``Product`` with explicit bounds means, moved to zero-based indices.

    A bound that holds another index of the sum becomes a condition: the sum over j <= i is that over all j, of what
    counts where j <= i.

    Args:
        node: The sum, whose ranges were checked.
        convert: Converts its body.

    Raises:
        ExpressionError: if bounds are missing or infinite, or an index is bound twice.
    """
    limits = limits_of(node)
    body = _declare_inside(node.function, {name: (lower, upper) for name, lower, upper in limits})
    inner = convert(body)
    neutral = Integer(0) if isinstance(node, sympy.Sum) else Integer(1)
    axes, mapping, guards = [], {}, []
    for position, (name, lower, upper) in enumerate(limits):
        outer = {other: (low, high) for other, low, high in limits[position + 1 :]}
        lowest, highest = _extreme(lower, outer, least=True), _extreme(upper, outer, least=False)
        guards += [Ge(name, lower)] * (lowest != lower) + [Le(name, upper)] * (highest != upper)
        index = fresh_index()
        mapping.update(dict.fromkeys(aliases(name), index + lowest))
        axes.append((index, highest - lowest + 1))
    if guards:
        inner = SCALAR_OPS["where"](And(*guards), inner, neutral)
    return Reduce("add" if neutral == 0 else "mul", rebuild(inner, mapping.get), *axes)


def _extreme(bound: Expr, outer: dict[Any, tuple[Expr, Expr]], least: bool) -> Expr:
    """Return the least or greatest value of a bound that is linear in the indices further out."""
    for name in [name for name in outer if bound.has(name)]:
        factor = sympy.expand(bound).coeff(name)
        if not factor.is_number or (bound - factor * name).expand().has(name):
            raise ExpressionError(
                f"bound {bound} is not linear in index {name}; use a Piecewise condition on the index"
            )
        low, high = outer[name]
        rest = {other: limits for other, limits in outer.items() if other != name}
        bound = _extreme(sympy.expand(bound.subs(name, low if (factor > 0) == least else high)), rest, least)
    return bound


def _declare_inside(body: Basic, ranges: dict[Any, tuple[Expr, Expr]]) -> Basic:
    """Give a shape to each ``IndexedBase`` that has none, from the ranges of its indices."""
    bases: dict[Any, Any] = {}
    for node in sorted(body.atoms(sympy.Indexed), key=sympy.default_sort_key):
        base = node.base
        if base.shape is not None or any(
            isinstance(i, Idx) and i.upper is not None and i not in ranges for i in node.indices
        ):
            continue
        if all(index in ranges for index in node.indices):
            shape = tuple(ranges[index][1] + 1 for index in node.indices)
            known = bases.setdefault(base, shape)
            if not all(map(same_size, known, shape)):
                raise ShapeError(
                    f"IndexedBase {base.label}: its indices imply the shapes {known} and {shape}; declare its shape"
                )
    mapping = {
        node: sympy.IndexedBase(node.base.label, shape=bases[node.base])[node.indices]
        for node in body.atoms(sympy.Indexed)
        if node.base in bases
    }
    return body.xreplace(mapping) if mapping else body


def _check_range(part: Basic, lowest: Expr, highest: Expr, size: Expr, node: Basic | None = None) -> None:
    low, high = sympy.expand(lowest), sympy.expand(size - 1 - highest)
    if not low.is_nonnegative or not (high.is_nonnegative or high == 0):
        where = f" in {node}" if node is not None else ""
        raise ShapeError(
            f"{part}{where}: its index runs from {lowest} to {highest}, but the axis has size {size} and "
            f"indices are zero-based; expected a range inside 0 to {size} - 1"
        )
