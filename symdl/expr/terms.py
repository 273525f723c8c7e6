"""What a Hessian in index notation is made of: terms, each a product over groups of axes.

A body over rows (i, j, ...) and columns (k, l, ...) pairs the axis i with k, j with l. A term of it is a sum over some
indices of a product of factors; factors that share a pair belong to one group. Two groups or more are a Kronecker
product, δ(i,k) is an identity in its pair.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from sympy import Add, Expr, Integer, KroneckerDelta, Mul, expand_mul

from symdl.errors import ShapeError
from symdl.expr.index import Index, free_indices
from symdl.expr.nodes import Array, Element, Reduce, Tensor, axes_of
from symdl.expr.sizes import same_size, shape_text

Axis = tuple[Index, Expr]
Product = tuple[list[Axis], list[Expr]]  # sums, factors


@dataclass(frozen=True)
class Pairs:
    """The axes of rows and of columns, paired by position."""

    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def position(self) -> dict[Index, int]:
        """The pair of each index."""
        return {axis[0]: k for axes in (self.rows, self.columns) for k, axis in enumerate(axes)}

    def of(self, expr: Expr) -> frozenset[int]:
        """Return the pairs that an expression depends on."""
        return frozenset(self.position[index] for index in free_indices(expr) if index in self.position)

    def delta(self, pair: int) -> Expr:
        """Return δ(row, column) of a pair."""
        return KroneckerDelta(self.rows[pair][0], self.columns[pair][0])

    def sides(self, pairs: Iterable[int]) -> tuple[list[Axis], list[Axis]]:
        """Return the rows and the columns of some pairs, in order."""
        chosen = sorted(pairs)
        return [self.rows[pair] for pair in chosen], [self.columns[pair] for pair in chosen]


@dataclass(frozen=True)
class Term:
    """``Σ_sums ∏ groups``: bodies by their pairs; a sum that belongs to one group only is inside its body."""

    sums: tuple[Axis, ...]
    groups: tuple[tuple[frozenset[int], Expr], ...]

    @property
    def partition(self) -> frozenset[frozenset[int]]:
        """The pairs of each group."""
        return frozenset(pairs for pairs, _ in self.groups)


def opened(hessian: Tensor) -> tuple[Pairs, Expr]:
    """Return the pairs of axes of a tensor of even order, and its body at their indices.

    Raises:
        ShapeError: if its shape is not ``s + s``.
    """
    half = hessian.order // 2
    shape = hessian.shape
    if not half or hessian.order % 2 or not all(map(same_size, shape[:half], shape[half:])):
        raise ShapeError(
            f"structure: expected a Hessian, of shape s + s as (p, p) or (n, k, n, k), found {shape_text(shape)}"
        )
    axes = [(index if size != 1 else Integer(0), size) for index, size in axes_of(shape)]
    indices = [index for index, _ in axes]
    body = hessian.at(*indices) if isinstance(hessian, Array) else Element(hessian, *indices)
    return Pairs(tuple(axes[:half]), tuple(axes[half:])), body


def terms_of(products: Sequence[Product], pairs: Pairs) -> list[Term]:
    """Return products as terms; those that differ in one group only are joined."""
    found = [_term(sums, factors, pairs) for sums, factors in products]
    return _joined([term for term in found if all(group != 0 for _, group in term.groups)])


def products_of(body: Expr) -> list[Product]:
    """Return a body as a sum of products: for each its sums and factors."""
    if isinstance(body, Element) and isinstance(body.tensor, Array):
        return products_of(body.tensor.at(*body.indices))
    if isinstance(body, Add):
        return [product for term in body.args for product in products_of(term)]
    if isinstance(body, Reduce) and body.op == "add":
        sums, inside = body.open()
        return [([*sums, *more], factors) for more, factors in products_of(inside)]
    if isinstance(body, Mul):
        mixed = [part for part in body.args if isinstance(part, Add) and part.has(KroneckerDelta)]
        if mixed:
            return products_of(expand_mul(body, deep=False))
        inner = [part for part in body.args if isinstance(part, Reduce) and part.op == "add"]
        rest = [part for part in body.args if part not in inner]
        if len(inner) == 1 and (inner[0].body.has(KroneckerDelta) or not any(map(free_indices, rest))):
            return [(axes, [*rest, *factors]) for axes, factors in products_of(inner[0])]
        return [([], list(body.args))]
    return [([], [body])]


def _term(sums: Sequence[Axis], factors: Sequence[Expr], pairs: Pairs) -> Term:
    groups: list[tuple[frozenset[int], list[Expr]]] = []
    free: list[Expr] = []
    for factor in factors:
        own = pairs.of(factor)
        if not own:
            free.append(factor)
            continue
        touching = [group for group in groups if group[0] & own]
        merged = (own.union(*(group[0] for group in touching)), [f for group in touching for f in group[1]] + [factor])
        groups = [group for group in groups if group not in touching] + [merged]
    missing = frozenset(range(len(pairs))).difference(*(group[0] for group in groups))
    groups += [(frozenset((pair,)), []) for pair in sorted(missing)]
    groups.sort(key=lambda group: min(group[0]))
    users = {
        index: [number for number, (_, parts) in enumerate(groups) if any(index in free_indices(p) for p in parts)]
        for index, _ in sums
    }
    outer = [axis for axis in sums if len(users[axis[0]]) != 1]
    shared = {index for index, _ in outer}
    inner: dict[int, list[Axis]] = {}
    for axis in sums:
        if axis[0] not in shared:
            inner.setdefault(users[axis[0]][0], []).append(axis)
    for factor in free:  # a scalar goes with the group that sums over its indices, else with the first one
        home = next((users[i][0] for i in free_indices(factor) if i in users and i not in shared), 0)
        groups[home][1].append(factor)
    bodies = []
    for number, (own, parts) in enumerate(groups):
        body = Mul(*parts)
        bodies.append((own, Reduce("add", body, *inner[number]) if number in inner else body))
    return Term(tuple(outer), tuple(bodies))


def _joined(terms: list[Term]) -> list[Term]:
    """Join terms that have the same sums and groups and differ in the body of one group."""
    done: list[Term] = []
    for term in terms:
        for place, other in enumerate(done):
            joined = _join(other, term)
            if joined is not None:
                done[place] = joined
                break
        else:
            done.append(term)
    return done if len(done) == len(terms) else _joined(done)


def _join(one: Term, two: Term) -> Term | None:
    if one.partition != two.partition or one.sums != two.sums or len(one.groups) < 2:
        return None
    second = dict(two.groups)
    for sign in (1, -1):  # a sign can stand in any group
        first = [(own, body) for own, body in one.groups]
        other = dict(second)
        if sign < 0:
            lead = one.groups[0][0]
            other = {own: -body if own == lead else body for own, body in other.items()}
            flip = next((own for own in other if own != lead), lead)
            other[flip] = -other[flip]
        differing = [own for own, body in first if body != other[own]]
        if len(differing) == 1:
            groups = tuple((own, body + other[own] if own == differing[0] else body) for own, body in first)
            return replace(one, groups=groups)
    return None
