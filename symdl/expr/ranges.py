"""Proofs that indices stay inside their axes, from the bounds of sums and from conditions that guard an element.

Works on what a user wrote, before it is converted, so that errors speak of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Basic, Dummy, Expr, Idx, MatrixBase, Mod, Symbol, floor
from sympy.matrices.expressions.matexpr import MatrixElement

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.calls import Call
from symdl.expr.elements import Element, Reduce
from symdl.expr.scalar import ScalarOp

DEPTH = 8  # how many bounds a proof may use one after the other


def limits_of(node: Basic) -> list[tuple[Basic, Expr, Expr]]:
    """Return (index, lower, upper) for each index of a ``Sum`` or ``Product``; an ``Idx`` brings its own range.

    Raises:
        ExpressionError: if bounds are missing or infinite, or an index is bound twice.
    """
    found: list[tuple[Basic, Expr, Expr]] = []
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
        if any(known == name for known, *_ in found):
            raise ExpressionError(
                f"{node}: index {name} is bound twice, so that its meaning is not clear; use two indices "
                "(SymPy itself writes such sums for elements of products with traces: use sd.trace)"
            )
        found.append((name, lower, upper))
    return found


@dataclass(frozen=True)
class Bounds:
    """What is known about indices: lower and upper bounds, each of which may hold other indices."""

    lower: dict[Basic, list[Expr]] = field(default_factory=dict)
    upper: dict[Basic, list[Expr]] = field(default_factory=dict)
    names: dict[Basic, Basic] = field(default_factory=dict)  # an index as written -> a symbol with what is known of it

    def bind(self, name: Basic, lower: Expr, upper: Expr) -> "Bounds":
        """Return the bounds inside a sum over ``name``."""
        low, high = self.rename(lower), self.rename(upper)
        own = Dummy(str(name), integer=True, nonnegative=True if self.proves(low) else None)
        names = {**self.names, name: own}
        if isinstance(name, Idx) and isinstance(name.label, Symbol):
            names[Symbol(str(name.label), integer=True)] = own
        return Bounds({**self.lower, own: [low]}, {**self.upper, own: [high]}, names)

    def under(self, condition: Basic) -> "Bounds":
        """Return the bounds where a condition holds: each comparison that is linear in an index is a bound on it."""
        lower = {name: list(bounds) for name, bounds in self.lower.items()}
        upper = {name: list(bounds) for name, bounds in self.upper.items()}
        for part in sympy.And.make_args(condition):
            for gap in _gaps(part):  # gap >= 0
                gap = sympy.expand(self.rename(gap))
                for name in gap.free_symbols & lower.keys():
                    factor = gap.coeff(name)
                    rest = gap - factor * name
                    if factor not in (1, -1) or rest.has(name):
                        continue
                    (lower if factor == 1 else upper)[name].append(-rest if factor == 1 else rest)
        return Bounds(lower, upper, self.names)

    def rename(self, expr: Expr) -> Expr:
        """Return an expression in the symbols that carry what is known."""
        return expr.xreplace(self.names)

    def proves(self, expr: Expr, depth: int = DEPTH) -> bool:
        """Tell whether an expression (renamed) is certain to be at least 0."""
        expr = sympy.expand(expr)
        if expr.is_nonnegative:
            return True
        if depth == 0:
            return False
        return any(self.proves(lower, depth - 1) for lower in self._lowered(expr, depth))

    def _lowered(self, expr: Expr, depth: int) -> Iterator[Expr]:
        """Yield expressions that ``expr`` is at least as large as."""
        for part in sorted(expr.atoms(floor, Mod), key=sympy.default_sort_key):
            factor = expr.coeff(part)
            rest = expr - factor * part
            if factor == 0 or rest.has(part):
                continue
            if isinstance(part, Mod):
                if part.args[1].is_positive:
                    if factor.is_nonnegative:
                        yield rest
                    elif factor.is_nonpositive:
                        yield rest + factor * (part.args[1] - 1)
            elif factor.is_nonpositive:
                yield rest + factor * part.args[0]
            elif factor.is_nonnegative and self.proves(part.args[0], depth - 1):
                yield rest
        for name in sorted(expr.free_symbols & self.lower.keys(), key=str):
            factor = expr.coeff(name)
            rest = expr - factor * name
            if rest.has(name):
                continue
            bounds = self.lower[name] if factor.is_nonnegative else self.upper[name] if factor.is_nonpositive else []
            for bound in bounds:
                yield rest + factor * bound


def _gaps(condition: Basic) -> list[Expr]:
    """Return expressions in integers that are at least 0 where the condition holds."""
    if not isinstance(condition, sympy.core.relational.Relational):
        return []
    left, right = condition.args
    return {
        sympy.Ge: [left - right], sympy.Gt: [left - right - 1], sympy.Le: [right - left], sympy.Lt: [right - left - 1],
        sympy.Eq: [left - right, right - left],
    }.get(type(condition), [])  # fmt: skip


def check_ranges(value: Basic) -> None:
    """Check that every element inside a ``Sum`` or ``Product`` of ``value`` stays inside its tensor.

    Raises:
        ShapeError: naming the element, its index, the axis and the remedy.
        ExpressionError: for bounds that mean nothing.
    """
    _walk(value, Bounds(), None)


def check_array(body: Basic, axes: list[tuple[Basic, Expr]]) -> None:
    """Check a body whose indices run over axes, as ``check_ranges`` does for sums."""
    bounds = Bounds()
    for name, size in axes:
        bounds = bounds.bind(name, sympy.Integer(0), size - 1)
    _walk(body, bounds, body)


def _walk(node: Basic, bounds: Bounds, binder: Basic | None) -> None:
    if isinstance(node, sympy.Sum | sympy.Product):
        for name, lower, upper in reversed(limits_of(node)):
            bounds = bounds.bind(name, lower, upper)
        return _walk(node.function, bounds, node)
    if isinstance(node, Reduce):
        axes, content = node.open()
        for index, size in axes:
            bounds = bounds.bind(index, sympy.Integer(0), size - 1)
        return _walk(content, bounds, binder)
    if isinstance(node, Call):
        for axes, content in node.open():
            inner = bounds
            for index, size in axes:
                inner = inner.bind(index, sympy.Integer(0), size - 1)
            _walk(content, inner, binder)
        return None
    if binder is not None:
        for index, size in _places(node):
            _check(node, index, size, bounds, binder)
    for argument, inner in _parts(node, bounds):
        _walk(argument, inner, binder)
    return None


def _parts(node: Basic, bounds: Bounds) -> Iterator[tuple[Basic, Bounds]]:
    """Yield the arguments of a node, each with the bounds that hold there."""
    if isinstance(node, sympy.Piecewise):
        for branch in node.args:
            yield branch.cond, bounds
            yield branch.expr, bounds.under(branch.cond)
            bounds = bounds.under(sympy.Not(branch.cond))
    elif isinstance(node, ScalarOp) and node.name == "where":
        yield node.args[0], bounds
        yield node.args[1], bounds.under(node.args[0])
        yield node.args[2], bounds.under(sympy.Not(node.args[0]))
    elif not getattr(node, "is_symdl_tensor", False) and not isinstance(node, sympy.MatrixExpr | MatrixBase):
        yield from ((argument, bounds) for argument in node.args)


def _places(node: Basic) -> list[tuple[Expr, Expr]]:
    """Return (index, size of the axis) of an element in any notation."""
    if isinstance(node, sympy.Indexed):
        shape: Any = node.base.shape
        return [] if shape is None or len(shape) != len(node.indices) else list(zip(node.indices, shape, strict=True))
    if isinstance(node, MatrixElement):
        return list(zip(node.indices, node.parent.shape, strict=True))
    if isinstance(node, Element):
        return list(zip(node.indices, node.tensor.shape, strict=True))
    return []


def _check(node: Basic, index: Expr, size: Expr, bounds: Bounds, binder: Basic) -> None:
    if index.has(sympy.Indexed, Element, MatrixElement):
        return  # gathered: a number from data, checked where the data are
    known = bounds.rename(index)
    free = known.free_symbols - bounds.lower.keys() - size.free_symbols
    _check_bound_elsewhere(node, free, binder)
    if not known.free_symbols & bounds.lower.keys():
        return
    if any(not (symbol.is_integer and symbol.is_nonnegative) for symbol in free):
        return  # an index that is bound further out
    if bounds.proves(known) and bounds.proves(bounds.rename(size) - 1 - known):
        return
    reach = _reach(index, bounds)
    runs = (
        f"its index runs from {reach[0]} to {reach[1]}" if reach else f"its index {index} is not certain to be inside"
    )
    raise ShapeError(
        f"{node} in {binder}: {runs}, but the axis has size {size} and indices are zero-based; expected a range inside "
        f"0 to {size} - 1, or a Piecewise condition on the index"
    )


def _check_bound_elsewhere(node: Basic, free: set[Basic], binder: Basic) -> None:
    """Refuse an index outside of the sum over it; SymPy makes such expressions when it moves a Piecewise outward."""
    sums = binder.atoms(sympy.Sum, sympy.Product)
    for name in sorted(free & {limit[0] for inner in sums for limit in inner.limits}, key=str):
        raise ExpressionError(
            f"{node} in {binder}: index {name} is used outside of the sum over it; SymPy moves a Piecewise out of a "
            "sum inside a sum: write the choice with sd.where and sd.array"
        )


def _reach(index: Expr, bounds: Bounds) -> tuple[Expr, Expr] | None:
    """Return the range of a linear index as written, None for others."""
    back = {own: name for name, own in bounds.names.items()}
    low = high = sympy.expand(bounds.rename(index))
    for _ in range(DEPTH):
        for name in sorted(low.free_symbols & bounds.lower.keys(), key=str):
            factor = low.coeff(name)
            if not factor.is_number or (low - factor * name).has(name):
                return None
            low = sympy.expand(low.subs(name, bounds.lower[name][0] if factor > 0 else bounds.upper[name][0]))
        for name in sorted(high.free_symbols & bounds.lower.keys(), key=str):
            factor = high.coeff(name)
            if not factor.is_number or (high - factor * name).has(name):
                return None
            high = sympy.expand(high.subs(name, bounds.upper[name][0] if factor > 0 else bounds.lower[name][0]))
    return low.xreplace(back), high.xreplace(back)
