"""SymPy's indexed notation: ``IndexedBase``, ``Indexed``, ``Idx``, ``Sum``, ``Product``, with their ranges checked."""

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Basic, Expr, Idx, Symbol

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import fresh_index
from symdl.expr.nodes import Element, Reduce, TensorSymbol
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
    return Element(tensor, *(_plain_index(index) for index in node.indices))


def _plain_index(index: Expr) -> Expr:
    return index.xreplace({part: _as_symbol(part) for part in index.atoms(Idx)})


def _as_symbol(index: Idx) -> Expr:
    return Symbol(str(index.label), integer=True) if isinstance(index.label, Symbol) else index.label


def convert_sum(node: Basic, ingest: Ingest) -> Expr:
    """Return the reduction a ``Sum`` or ``Product`` with explicit bounds means, moved to zero-based indices.

    Raises:
        ShapeError: if an index of a tensor is not provably inside its axis for the given bounds.
        ExpressionError: if bounds are missing or infinite.
    """
    body = node.function
    ranges: dict[Any, tuple[Expr, Expr]] = {}
    for limit in node.limits:
        name = limit[0]
        if len(limit) == 3:
            lower, upper = limit[1], limit[2]
        elif isinstance(name, Idx) and name.upper is not None:
            lower, upper = name.lower, name.upper
        else:
            raise ExpressionError(f"{node}: index {name} has no bounds; write Sum(f, ({name}, 0, n - 1))")
        if lower.is_finite is False or upper.is_finite is False:
            raise ExpressionError(f"{node}: infinite bounds have no kernel; give index {name} finite bounds")
        ranges[name] = (lower, upper)
    body = _declare_inside(body, ranges)
    _check_inside(node, body, ranges)
    axes, mapping = [], {}
    for name, (lower, upper) in ranges.items():
        index = fresh_index()
        for alias in {name, _as_symbol(name)} if isinstance(name, Idx) else {name}:
            mapping[alias] = index + lower
        axes.append((index, upper - lower + 1))
    return Reduce("add" if isinstance(node, sympy.Sum) else "mul", ingest(body.xreplace(mapping)), *axes)


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


def _check_inside(node: Basic, body: Basic, ranges: dict[Any, tuple[Expr, Expr]]) -> None:
    from symdl.expr.nodes import Tensor

    loads: list[tuple[Basic, tuple[Expr, ...], tuple[Expr, ...]]] = []
    for part in body.atoms(sympy.Indexed):
        if part.base.shape is not None:
            loads.append((part, part.indices, tuple(part.base.shape)))
    for part in body.atoms(sympy.matrices.expressions.matexpr.MatrixElement):
        loads.append((part, part.indices, part.parent.shape))
    for part in body.atoms(Element):
        if isinstance(part.args[0], Tensor):
            loads.append((part, part.args[1:], part.args[0].shape))
    for part, indices, shape in loads:
        for index, size in zip(indices, shape, strict=True):
            used = [name for name in ranges if index.has(name)]
            if used and index.is_polynomial(*used) and sympy.Poly(index, *used).is_linear:
                lowest, highest = index, index
                for name in used:
                    low, high = ranges[name]
                    if index.coeff(name).is_negative:
                        low, high = high, low
                    lowest, highest = lowest.subs(name, low), highest.subs(name, high)
                _check_range(part, lowest, highest, size, node)


def _check_range(part: Basic, lowest: Expr, highest: Expr, size: Expr, node: Basic | None = None) -> None:
    low, high = sympy.expand(lowest), sympy.expand(size - 1 - highest)
    if not low.is_nonnegative or not (high.is_nonnegative or high == 0):
        where = f" in {node}" if node is not None else ""
        raise ShapeError(
            f"{part}{where}: its index runs from {lowest} to {highest}, but the axis has size {size} and "
            f"indices are zero-based; expected a range inside 0 to {size} - 1"
        )
