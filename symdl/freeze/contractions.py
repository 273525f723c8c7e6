"""Contractions: a sum of a product of many factors becomes products of two, in a cheap order."""

from collections.abc import Callable
from dataclasses import replace

import opt_einsum
import sympy
from sympy import Add, Expr, Mul

from symdl.expr.index import Index, axis_index, free_indices, fresh_index, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System, elements_of, scalars_of
from symdl.freeze.scatter import as_scatter
from symdl.freeze.sums import products

_where = SCALAR_OPS["where"]
NOMINAL_SIZE = 64  # what a symbolic size counts as when orders of contraction are compared


def split_contractions(system: System) -> System:
    """Return an equal system in which every sum over a product has at most two factors that span different indices.

    Factors over the same indices are multiplied first; what is more than a plain load gets an equation of its own, so
    that kernels see matrix products. Orders of contraction are chosen by cost; a symbolic size counts ``NOMINAL_SIZE``.
    """
    names = {tensor.name for tensor in (*system.inputs, *system.by_target)}
    names |= {symbol.name for equation in system.equations for symbol in scalars_of(equation.body)}
    equations: list[Equation] = []
    count = 0

    def fresh(shape: tuple[Expr, ...]) -> TensorSymbol:
        nonlocal count
        while True:
            count += 1
            if f"c{count}" not in names:
                return TensorSymbol(f"c{count}", shape)

    for equation in system.equations:
        equations += _split(equation, fresh)
    return System(tuple(equations), system.outputs)


class _WithoutTimeError(Exception):
    """A part of an equation in a loop does not depend on the loop's time: it has no place in the block."""


def _split(equation: Equation, fresh: Callable[[tuple[Expr, ...]], TensorSymbol]) -> list[Equation]:
    """Return an equation as contractions of two; as it is, where a part of it would leave its loop."""
    try:
        return _parts(equation, fresh)
    except _WithoutTimeError:
        return [equation]


def _parts(equation: Equation, fresh: Callable[[tuple[Expr, ...]], TensorSymbol]) -> list[Equation]:
    body = equation.body
    if not (isinstance(body, Reduce) and body.op == "add") or as_scatter(equation) is not None:
        return [equation]
    opened = {axis_index(k): fresh_index() for k in range(len(equation.target.shape))}
    outer = [(opened[index], size) for index, size in equation.axes]
    reduced, content = substitute(body, opened).open()
    sizes = dict([*outer, *reduced])
    groups: dict[frozenset[Index], list[Expr]] = {}
    several = products(content, [index for index, _ in outer])
    if several is not None and len(several) > 1:
        return _added(equation, several, reduced, opened, fresh)
    for factor in Mul.make_args(content if several is None else several[0]):
        groups.setdefault(free_indices(factor), []).append(factor)
    everything = frozenset().union(*groups)
    constants = groups.pop(frozenset(), [])
    if len(groups) < 2:
        return [equation]
    made: list[Equation] = []
    time = None if equation.loop is None else (outer[equation.loop.axis][0], equation.loop.axis)
    operands: list[tuple[frozenset[Index], Expr]] = []
    for indices, factors in sorted(groups.items(), key=lambda item: sorted(index.name for index in item[0])):
        product = Mul(*factors)
        if indices != everything and not _is_operand(product, time):
            product = _materialise(indices, sizes, product, (), fresh, made, time)
        operands.append((indices, product))
    summed = {index for index, _ in reduced}
    kept = frozenset(index for index, _ in outer)
    if len(operands) > 2:
        operands = _pairwise(operands, sizes, summed, kept, fresh, made, time)
    final = Mul(*constants, *(operand for _, operand in operands))
    remaining = [(index, sizes[index]) for index, _ in reduced if any(index in part for part, _ in operands)]
    lost = sympy.Mul(
        *(
            size
            for index, size in reduced
            if not any(index in part for part, _ in operands) and not any(index in indices for indices in groups)
        )
    )
    result = Reduce("add", final, *remaining) if remaining else final
    result = substitute(result * lost, {new: old for old, new in opened.items()})
    made.append(replace(equation, body=result))
    return [replace(item, loop=equation.loop) for item in made]


def _is_operand(product: Expr, time: tuple[Index, int] | None) -> bool:
    """Whether a factor may stay: an element, or elements chosen by the time of the loop, which the loop is split at."""
    if isinstance(product, _where) and time is not None and free_indices(product.args[0]) <= {time[0]}:
        return all(branch.is_number or _is_operand(branch, time) for branch in product.args[1:])
    return isinstance(product, Element)


def _added(
    equation: Equation,
    several: list[Expr],
    reduced: list[tuple[Index, Expr]],
    opened: dict[Index, Index],
    fresh: Callable[[tuple[Expr, ...]], TensorSymbol],
) -> list[Equation]:
    """Return a sum of contractions as one equation for each, and their sum."""
    made: list[Equation] = []
    targets: list[TensorSymbol] = []
    back = {new: old for old, new in opened.items()}
    for product in several:
        part = Equation(
            fresh(equation.target.shape), substitute(Reduce("add", product, *reduced), back), loop=equation.loop
        )
        made += _split(part, fresh)
        targets.append(part.target)
    axes = [0 if size == 1 else index for index, size in equation.axes]
    total = Add(*(Element(target, *axes) for target in targets))
    return [*made, replace(equation, body=total)]


def _pairwise(
    operands: list[tuple[frozenset[Index], Expr]],
    sizes: dict[Index, Expr],
    summed: set[Index],
    kept: frozenset[Index],
    fresh: Callable[[tuple[Expr, ...]], TensorSymbol],
    made: list[Equation],
    time: tuple[Index, int] | None,
) -> list[tuple[frozenset[Index], Expr]]:
    """Contract operands two by two along opt_einsum's path, until two are left."""
    numbers = {index: int(size) if size.is_Integer else NOMINAL_SIZE for index, size in sizes.items()}
    order = sorted(numbers, key=lambda index: index.name)
    symbols = {index: opt_einsum.get_symbol(k) for k, index in enumerate(order)}
    inputs = [{symbols[index] for index in indices} for indices, _ in operands]
    output = {symbols[index] for index in kept if any(index in indices for indices, _ in operands)}
    dimensions = {symbols[index]: numbers[index] for index in order}
    finder = opt_einsum.paths.optimal if len(operands) <= 5 else opt_einsum.paths.greedy
    path = finder(inputs, output, dimensions)
    current = list(operands)
    for step in path:
        if len(current) <= 2:
            break
        picked = [current[position] for position in sorted(step)]
        current = [item for position, item in enumerate(current) if position not in step]
        union = frozenset().union(*(indices for indices, _ in picked))
        still = kept.union(*(indices for indices, _ in current))
        gone = [index for index in sorted(union, key=lambda index: index.name) if index in summed - still]
        rest = union - set(gone)
        product = Mul(*(operand for _, operand in picked))
        current.append(
            (
                rest,
                _materialise(rest, sizes, product, tuple((index, sizes[index]) for index in gone), fresh, made, time),
            )
        )
    return current


def _materialise(
    indices: frozenset[Index],
    sizes: dict[Index, Expr],
    product: Expr,
    reduced: tuple[tuple[Index, Expr], ...],
    fresh: Callable[[tuple[Expr, ...]], TensorSymbol],
    made: list[Equation],
    time: tuple[Index, int] | None,
) -> Expr:
    """Give a product, summed over some of its indices, an equation of its own; return its element."""
    order = _order(indices, product)
    if time is not None:
        if time[0] not in indices or time[1] >= len(order):
            raise _WithoutTimeError
        order.remove(time[0])
        order.insert(time[1], time[0])
    target = fresh(tuple(sizes[index] for index in order))
    body = Reduce("add", product, *reduced) if reduced else product
    made.append(Equation(target, substitute(body, {index: axis_index(k) for k, index in enumerate(order)})))
    return Element(target, *order)


def _order(indices: frozenset[Index], product: Expr) -> list[Index]:
    """Return indices in the order of the longest element that has them, so that memory is read as it is written."""
    elements = sorted(elements_of(product), key=lambda load: (-len(free_indices(load) & indices), str(load)))
    named = [
        index for load in elements[:1] for place in load.indices for index in _sorted(free_indices(place) & indices)
    ]
    return [*_sorted(indices - set(named)), *dict.fromkeys(named)]


def _sorted(indices: frozenset[Index]) -> list[Index]:
    return sorted(indices, key=lambda index: (len(index.name), index.name))
