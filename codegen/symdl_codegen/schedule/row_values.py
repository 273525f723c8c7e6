"""What the parts of a joined nest compute more often than they must is computed once for each row, into scratch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Nest,
    Reduce,
    Scalar,
    Statement,
    Store,
    Tensor,
    axes_of,
    free_indices,
    map_scalar,
    statements,
    substitute,
    walk,
)
from symdl_codegen.scalars import cost, is_total, kind_of, spanning
from symdl_codegen.schedule.contractions import sides

INVARIANT = 4  # operations that are worth a row, where they do not depend on every index of a loop
REPEATED = 16  # operations that are worth a row, where two loops have them


def row_values(kernel: Kernel, buffers: dict[str, Tensor]) -> Kernel:
    """Compute what is the same along an axis once, and what two loops have in common once.

    before: for n: for i, t: y[n,i,t] = x[n,i,t]/sqrt(v[t])      after: for n: for t: row[t] = 1.0/sqrt(v[t])
                                                                            for i, t: y[n,i,t] = x[n,i,t]*row[t]
    before: for n: s = add over k of exp(x[n,k])                 after: for n: for k: row[k] = exp(x[n,k])
                   for k: y[n,k] = exp(x[n,k])/s                            s = add over k of row[k]; h = 1.0/s
                                                                            for k: y[n,k] = row[k]*h

    A division by what is the same along an axis becomes a product with its reciprocal (one rounding more). Adds scratch
    to ``buffers``.
    """
    return replace(kernel, body=_Rows(kernel, buffers).body(kernel.body))


@dataclass(frozen=True)
class _Place:
    """A scalar of a loop nest, and the axes of the loops around it inside the body at hand."""

    axes: tuple[Axis, ...]
    value: Scalar


class _Rows:
    """Names the rows of one kernel."""

    def __init__(self, kernel: Kernel, buffers: dict[str, Tensor]) -> None:
        self.name, self.buffers = kernel.name, buffers
        self.spans = spanning(axes_of(kernel.body), buffers, kernel.span)
        self.taken = {part.local.name for part in statements(kernel.body) if isinstance(part, Let | Reduce)}

    def body(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """``body`` with rows in front of the parts that use them."""
        body = tuple(_with_reciprocals(part) if _is_leaf(part, self.buffers) else part for part in body)
        result: list[Statement] = []
        table: dict[Scalar, Scalar] = {}  # a scalar over numbered axes -> where it is held
        repeated = self._repeated(body)
        for part in body:
            if _is_leaf(part, self.buffers):
                for scalar, axes in self._worthwhile(part, repeated):
                    key = _numbered(scalar, axes)
                    if key not in table:
                        made, table[key] = self._row(scalar, axes)
                        result.append(made)
                part = _changed(part, lambda value, axes: _read(value, axes, table))
            elif isinstance(part, Nest) and any(isinstance(inner, Nest) for inner in part.body):
                part = replace(part, body=self.body(part.body))
            result.append(part)
        return tuple(result)

    def _row(self, scalar: Scalar, axes: tuple[Axis, ...]) -> tuple[Statement, Scalar]:
        """The statement that computes ``scalar`` over ``axes``, and its value there over numbered axes."""
        kind = kind_of(scalar, self.buffers)
        if not axes:
            local = Local(self._fresh(), kind)
            return Let(local, scalar), local
        number = 0
        while (name := f"{self.name}_row{number}") in self.buffers:
            number += 1
        self.buffers[name] = Tensor(name, tuple(axis.extent for axis in axes), kind, "scratch")
        indices = tuple(Index(axis.index) for axis in axes)
        return Nest(axes, (Store(name, indices, scalar),)), Load(name, tuple(map(Index, _numbers(axes))))

    def _fresh(self) -> str:
        number = 0
        while f"c{number}" in self.taken:
            number += 1
        self.taken.add(f"c{number}")
        return f"c{number}"

    def _repeated(self, body: tuple[Statement, ...]) -> set[Scalar]:
        """Scalars over numbered axes that more than one part of ``body`` computes for each of its elements."""
        seen: set[Scalar] = set()
        again: set[Scalar] = set()
        for part in body:
            if _is_leaf(part, self.buffers):
                places = [(node, place.axes) for place in _places(part) for node in walk(place.value)]
                worth = [(node, _own(node, axes)) for node, axes in places if cost(node) >= REPEATED]
                own = {_numbered(node, axes) for node, axes in worth if axes and self._is_movable(node, part)}
                again |= seen & own
                seen |= own
        return again

    def _worthwhile(self, part: Statement, repeated: set[Scalar]) -> list[tuple[Scalar, tuple[Axis, ...]]]:
        """The largest scalars of ``part`` that are to be held in a row, and their axes."""

        def found(node: Scalar, around: tuple[Axis, ...]) -> Iterator[tuple[Scalar, tuple[Axis, ...]]]:
            if isinstance(node, Apply):
                axes = _own(node, around)
                invariant = len(axes) < len(around) and cost(node) >= INVARIANT
                if (invariant or (axes and _numbered(node, axes) in repeated)) and self._is_movable(node, part):
                    yield node, axes
                else:
                    for argument in node.arguments:
                        yield from found(argument, around)

        return [entry for place in _places(part) for entry in found(place.value, place.axes)]

    def _is_movable(self, scalar: Scalar, part: Statement) -> bool:
        """Whether ``scalar`` may be computed in front of the part it stands in."""
        return is_total(scalar, self.spans) and not any(node in _bound(part) for node in walk(scalar))


def _with_reciprocals(part: Statement) -> Statement:
    """``part`` with a product for each division of what depends on an index by what does not."""

    def changed(value: Scalar, axes: tuple[Axis, ...]) -> Scalar:
        names, bound = {axis.index for axis in axes}, _bound(part)

        def change(node: Scalar) -> Scalar:
            match node:
                case Apply("div", (above, below)) if not isinstance(below, Const):
                    wide, narrow = free_indices(above) & names, free_indices(below) & names
                    if narrow < names and not narrow >= wide and not any(node in bound for node in walk(below)):
                        return Apply("mul", (above, Apply("div", (Const(1.0), below))))
            return node

        return map_scalar(value, change)

    return _changed(part, changed)


def _read(value: Scalar, axes: tuple[Axis, ...], table: dict[Scalar, Scalar]) -> Scalar:
    """``value`` with the scalars of ``table`` read from where they are held."""
    if not isinstance(value, Apply):
        return value
    mine = _own(value, axes)
    held = table.get(_numbered(value, mine))
    if held is None:
        return Apply(value.primitive, tuple(_read(argument, axes, table) for argument in value.arguments))
    back: dict[Scalar, Scalar] = {Index(n): Index(axis.index) for n, axis in zip(_numbers(mine), mine, strict=True)}
    return substitute(held, back)


def _changed(
    part: Statement, change: Callable[[Scalar, tuple[Axis, ...]], Scalar], axes: tuple[Axis, ...] = ()
) -> Statement:
    """``part`` with each value changed, given the axes around it."""
    match part:
        case Let(local, value):
            return Let(local, change(value, axes))
        case Reduce(local, op, inner, value):
            return Reduce(local, op, inner, change(value, (*axes, *inner)))
        case Store(name, indices, value, op):
            return Store(name, indices, change(value, axes), op)
        case Nest(inner, body):
            return Nest(inner, tuple(_changed(child, change, (*axes, *inner)) for child in body))
    return part


def _own(scalar: Scalar, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """The axes that ``scalar`` depends on, in the order in which its largest load has them."""
    known = {axis.index: axis for axis in axes}
    loads = [node for node in walk(scalar) if isinstance(node, Load)]
    orders = [[node.name for node in walk(load) if isinstance(node, Index) and node.name in known] for load in loads]
    first = max(orders, key=lambda order: len(set(order)), default=[])
    free = free_indices(scalar)
    return tuple(known[name] for name in dict.fromkeys([*first, *known]) if name in free)


def _bound(part: Statement) -> set[Local]:
    """The locals that ``part`` binds for itself."""
    inner = part.body if isinstance(part, Nest) else ()
    return {inside.local for inside in statements(inner) if isinstance(inside, Let | Reduce)}


def _numbers(axes: tuple[Axis, ...]) -> list[str]:
    return [f"#{place}" for place in range(len(axes))]


def _numbered(scalar: Scalar, axes: tuple[Axis, ...]) -> Scalar:
    """``scalar`` with the indices of ``axes`` by their places, so that equal values of different loops are equal."""
    table: dict[Scalar, Scalar] = {Index(a.index): Index(n) for a, n in zip(axes, _numbers(axes), strict=True)}
    return Apply("add", (substitute(scalar, table), *(axis.extent for axis in axes)))


def _places(part: Statement, axes: tuple[Axis, ...] = ()) -> Iterator[_Place]:
    """The scalars of ``part``, each with the axes around it."""
    match part:
        case Let(_, value) | Store(_, _, value, _):
            yield _Place(axes, value)
        case Reduce(_, _, inner, value):
            yield _Place((*axes, *inner), value)
        case Nest(inner, body):
            for child in body:
                yield from _places(child, (*axes, *inner))


def _is_leaf(part: Statement, buffers: dict[str, Tensor]) -> bool:
    """Whether ``part`` is one loop nest or statement, and no contraction."""
    if not isinstance(part, Nest):
        return True
    return not any(isinstance(inner, Nest) for inner in part.body) and not all(sides(part.axes, part.body, buffers))


__all__ = ["row_values"]
