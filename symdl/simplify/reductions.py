"""Rules for sums: delta elimination, constants out, declared facts, merging of sums with a common factor."""

from collections.abc import Callable, Iterator

import sympy
from sympy import Add, Eq, Expr, Integer, KroneckerDelta, Lt, Mul

from symdl.expr.index import Index, free_indices, fresh_index, substitute
from symdl.expr.nodes import Element, Reduce
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.structure import structure_key
from symdl.simplify.algebra import complexity, tidy
from symdl.simplify.scope import Scope
from symdl.simplify.steps import deltas_outside, solved_delta, strides

Axes = list[tuple[Index, Expr]]
Note = Callable[[str], None]


def simplify_reduce(op: str, axes: Axes, content: Expr, note: Note, scope: Scope) -> Expr:
    """Return a simpler form of a reduction.

    Args:
        op: The reduction.
        axes: Its axes, opened.
        content: What it reduces.
        note: Called with the name of each rule that fires.
        scope: Where the reduction stands.
    """
    content = tidy(content, scope.within(axes))
    if op != "add":
        return Reduce(op, content, *axes)
    return _sum(axes, content, note, scope)


def _sum(axes: Axes, content: Expr, note: Note, scope: Scope) -> Expr:
    bound = {index for index, _ in axes}
    if content == 0:
        return Integer(0)
    content = deltas_outside(content)
    shorter = strides(axes, content, scope)
    if shorter is not None:
        note("stride")
        return _sum(*shorter, note, scope)
    if _has_bound_delta(content, bound) and isinstance(content, Mul | sympy.Pow):
        content = sympy.expand(content, power_base=False, log=False) if not _direct_delta(content, bound) else content
    if isinstance(content, Add):
        return _sum_of_terms(axes, content, note, scope)
    factors = list(Mul.make_args(content))
    selected = _select(axes, factors, note, scope)
    if selected is not None:
        return selected
    solved = solved_delta(axes, content, scope)
    if solved is not None:
        note("Kronecker delta")
        return _sum(*solved, note, scope)
    outside = [factor for factor in factors if not free_indices(factor) & bound]
    inside = [factor for factor in factors if free_indices(factor) & bound]
    if not inside:
        return Mul(content, *(size for _, size in axes))
    known = _known_sum(axes, inside, note)
    if known is not None:
        return tidy(Mul(*outside) * known, scope)
    for position, factor in enumerate(inside):  # SymPy spreads numbers over sums: gather them again
        if isinstance(factor, Add) and not factor.has(sympy.Float):
            number, rest = factor.as_content_primitive()
            if number != 1:
                outside.append(number)
                inside[position] = rest
    if len(inside) == 1 and isinstance(inside[0], Add):
        total = _sum_of_terms(axes, inside[0], note, scope)
        if complexity(total) < complexity(inside[0]):
            return tidy(Mul(*outside) * total, scope)
    outside += _align_signs(inside)
    if outside and outside != [Integer(1)]:
        note("constant factor")
    return Mul(*outside) * Reduce("add", Mul(*inside), *axes)


def _align_signs(factors: list[Expr]) -> list[Expr]:
    """Use (x_k - y_k)(y_l - x_l) = -(x_k - y_k)(x_l - y_l): factors that differ by index and sign get one sign."""
    found: list[Expr] = []
    sums = [position for position, factor in enumerate(factors) if isinstance(factor, Add)]
    for order, position in enumerate(sums):
        turned = structure_key(-factors[position])
        if any(structure_key(factors[before]) == turned for before in sums[:order]):
            factors[position] = -factors[position]
            found.append(Integer(-1))
    return found


def _direct_delta(content: Expr, bound: set[Index]) -> bool:
    return any(isinstance(factor, KroneckerDelta) and free_indices(factor) & bound for factor in Mul.make_args(content))


def _has_bound_delta(content: Expr, bound: set[Index]) -> bool:
    return any(free_indices(delta) & bound for delta in content.atoms(KroneckerDelta))


def _select(axes: Axes, factors: list[Expr], note: Note, scope: Scope) -> Expr | None:
    """Use Σ_k δ(k,i)·f(k) = f(i); where i may leave the range of k, f(i) under the condition that it does not.

    What a condition k = i selects, ``where(Eq(k, i), f(k), 0)``, is such a term too where i is read from integers.
    """
    inner = scope.within(axes)
    extents = dict(axes)

    def shows(index: Index, place: Expr) -> bool:
        """Tell whether a fixed place is read in the result, so that sizes with which it does not exist are refused."""
        return place.is_Integer and any(_reads_along(factor, index, extents[index]) for factor in factors)

    possible = [
        (inner.fits(other, extents[index]) or _is_read(other) or shows(index, other), position, index, other, part)
        for position, factor in enumerate(factors)
        for index, other, part in _selections(factor)
        if index in extents
        and (isinstance(other, Index) or inner.fits(other, extents[index]) or _is_read(other) or shows(index, other))
    ]
    if not possible:
        return None
    certain, position, index, other, part = max(possible, key=lambda choice: choice[0])
    note("Kronecker delta")
    rest = substitute(Mul(part, *factors[:position], *factors[position + 1 :]), {index: other})
    kept = [axis for axis in axes if axis[0] != index]
    if certain:
        return _sum(kept, tidy(rest, scope.within(kept)), note, scope)
    return _sum(kept, SCALAR_OPS["where"](Lt(other, extents[index]), rest, Integer(0)), note, scope)


def _selections(factor: Expr) -> Iterator[tuple[Expr, Expr, Expr]]:
    """Yield (a, b, what is left) for each way to see a factor as δ(a,b) times what is left."""
    where = SCALAR_OPS["where"]
    if isinstance(factor, KroneckerDelta):
        for index, other in (factor.args, factor.args[::-1]):
            yield index, other, Integer(1)
    if isinstance(factor, where) and factor.args[2] == 0:
        condition, chosen, _ = factor.args
        if isinstance(condition, Eq):
            for index, other in (condition.args, condition.args[::-1]):
                if _is_read(other):
                    yield index, other, chosen
        elif isinstance(chosen, where):
            for index, other, part in _selections(chosen):
                yield index, other, where(condition, part, Integer(0))


def _reads_along(factor: Expr, index: Index, size: Expr) -> bool:
    """Tell whether a factor reads, under no condition, at an index along an axis of the size that it runs over."""
    if factor.has(SCALAR_OPS["where"]):
        return False
    loads = factor.atoms(Element)
    return any((index, size) in zip(load.indices, load.tensor.shape, strict=True) for load in loads)


def _is_read(place: Expr) -> bool:
    """Tell whether an index is read from a tensor of integers: such a number is declared to be in range."""
    return isinstance(place, Element) and "integer" in place.tensor.properties


def _known_sum(axes: Axes, inside: list[Expr], note: Note) -> Expr | None:
    """Declared facts: the entries of a simplex vector sum to one."""
    if len(inside) == 1 and isinstance(inside[0], Element) and "simplex" in inside[0].tensor.properties:
        last = inside[0].indices[-1]
        for position, (index, size) in enumerate(axes):
            whole = size == inside[0].tensor.shape[-1]
            if last == index and whole and not any(index in free_indices(other) for other in inside[0].indices[:-1]):
                note("entries sum to 1")
                rest = [axis for k, axis in enumerate(axes) if k != position]
                return Mul(*(size for _, size in rest))
    return None


def _sum_of_terms(axes: Axes, content: Add, note: Note, scope: Scope) -> Expr:
    """Split off the terms that simplify by themselves; keep the others in one sum."""
    bound = {index for index, _ in axes}
    done: list[Expr] = []
    kept: list[Expr] = []
    for term in content.args:
        whole = Reduce("add", term, *axes)
        alone = _sum(axes, term, lambda rule: None, scope)
        if complexity(alone) < complexity(whole) and (
            not free_indices(term) & bound or not alone.has(Reduce) or _has_bound_delta(term, bound)
        ):
            done.append(_sum(axes, term, note, scope))
        else:
            kept.append(term)
    rest = Integer(0)
    if kept:
        joint = tidy(Add(*kept), scope.within(axes))
        # A product that hides its deltas in a factor would be expanded into the same terms again.
        final = isinstance(joint, Add) or (_has_bound_delta(joint, bound) and not _direct_delta(joint, bound))
        rest = Reduce("add", joint, *axes) if final else _sum(axes, joint, note, scope)
    return tidy(Add(*done, rest), scope) if done else rest


def merge_sums(expr: Expr, note: Note) -> Expr:
    """Use Σ f·g + Σ f·h = Σ f·(g + h) where a common factor depends on the summed index."""
    if not isinstance(expr, Add):
        return expr
    terms = list(expr.args)
    changed = True
    while changed:
        changed = False
        for a in range(len(terms)):
            for b in range(a + 1, len(terms)):
                merged = _merge(terms[a], terms[b])
                if merged is not None:
                    note("distributive law")
                    terms[a] = merged
                    del terms[b]
                    changed = True
                    break
            if changed:
                break
    return Add(*terms)


def _split(term: Expr) -> tuple[Expr, Reduce] | None:
    factors = Mul.make_args(term)
    sums = [factor for factor in factors if isinstance(factor, Reduce) and factor.op == "add"]
    if len(sums) != 1:
        return None
    return Mul(*(factor for factor in factors if factor is not sums[0])), sums[0]


def _merge(first: Expr, second: Expr) -> Expr | None:
    left, right = _split(first), _split(second)
    if left is None or right is None:
        return None
    (outer, one), (outer_other, other) = left, right
    sizes, sizes_other = [size for _, size in one.axes], [size for _, size in other.axes]
    if sizes != sizes_other or len(sizes) != 1:
        return None
    index = fresh_index()
    f = substitute(one.body, {one.bound_indices[0]: index})
    g = substitute(other.body, {other.bound_indices[0]: index})
    ratio, ratio_other = outer, outer_other
    common = Integer(1)
    if free_indices(outer) or free_indices(outer_other):
        if outer != outer_other and outer != -outer_other:
            return None
        common = outer
        ratio, ratio_other = Integer(1), Integer(1) if outer == outer_other else Integer(-1)
    shared = set(Mul.make_args(f)) & set(Mul.make_args(g))
    shared = {factor for factor in shared if index in free_indices(factor)}
    if not shared:
        return None
    rest_f = Mul(*(factor for factor in Mul.make_args(f) if factor not in shared))
    rest_g = Mul(*(factor for factor in Mul.make_args(g) if factor not in shared))
    inner = ratio * rest_f + ratio_other * rest_g
    content, _ = inner.as_content_primitive() if not inner.has(sympy.Float) else (Integer(1), inner)
    if content != 1:
        inner = tidy(inner / content)
        common = common * content
    return common * Reduce("add", Mul(*shared) * inner, (index, sizes[0]))
