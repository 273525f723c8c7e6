"""Padded copies: what a window reads under conditions becomes a tensor of its own, that it reads without conditions.

A factor ``where(0 <= u + k - p < h, x[u + k - p], 0)`` of a sum depends on u and k by u + k alone. Over all u and k it
has few different values: they are computed once, as the entries of x with zeros around it, and the sum becomes a
product of plain reads. The same holds for the adjoint of a strided convolution,
``where((a - k) mod s = 0, δ[⌊(a - k)/s⌋], 0)``: the copy is δ with zeros between its entries. Nothing here knows a
convolution.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import sympy
from sympy import Basic, Expr, Integer, Mul

from symdl.expr.index import Index, axis_index, free_indices, fresh_index, rebuild, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System, elements_of

Extents = Mapping[Index, Expr]


def pad_windows(system: System) -> System:
    """Return an equal system in which sums of products read what is guarded from padded copies."""
    names = {equation.target.name for equation in system.equations} | {tensor.name for tensor in system.inputs}
    names |= {symbol.name for equation in system.equations for symbol in equation.body.free_symbols}
    equations: list[Equation] = []
    known: dict[tuple[Expr, tuple[Expr, ...]], TensorSymbol] = {}

    def copy(body: Expr, shape: tuple[Expr, ...]) -> TensorSymbol:
        if (body, shape) not in known:
            number = next(k for k in range(len(names) + 1) if f"padded{k}" not in names)
            names.add(f"padded{number}")
            known[body, shape] = TensorSymbol(f"padded{number}", shape)
            equations.append(Equation(known[body, shape], body))
        return known[body, shape]

    for equation in system.equations:
        equations.append(equation if equation.loop is not None else _padded(equation, copy))
    return System(tuple(equations), system.outputs)


def _padded(equation: Equation, copy: Callable[[Expr, tuple[Expr, ...]], TensorSymbol]) -> Equation:
    body = equation.body
    if not (isinstance(body, Reduce) and body.op == "add" and body.has(SCALAR_OPS["where"])):
        return equation
    reduced, content = body.open()
    extents: dict[Index, Expr] = {**dict(equation.axes), **dict(reduced)}
    factors = [factor for part in Mul.make_args(content) for factor in guarded_apart(part, extents)]
    if len(factors) < 2:
        return equation
    kept = [index for index, _ in equation.axes]
    factors = [_copied(factor, kept, extents, copy) for factor in factors]
    return replace(equation, body=Reduce("add", Mul(*factors), *reduced))


def guarded_apart(factor: Expr, extents: Extents) -> list[Expr]:
    """Return the factors of a product under a condition, only those under it that need it."""
    where = SCALAR_OPS["where"]
    if not (isinstance(factor, where) and factor.args[2] == 0):
        return [factor]
    condition, product, zero = factor.args
    plain = [part for part in Mul.make_args(product) if _reads_within(part, extents)]
    rest = Mul(*(part for part in Mul.make_args(product) if part not in plain))
    return [*plain, where(condition, rest, zero)]


def _reads_within(expr: Expr, extents: Extents) -> bool:
    """Tell whether an expression needs no condition: an entry of a tensor at places that stay inside it."""
    if not isinstance(expr, Element) or len(set(expr.indices)) < len(expr.indices):
        return False
    return all(
        place.is_Integer
        or (isinstance(place, Index) and extents.get(place) == size)
        or (isinstance(place, sympy.Mod) and (size - place.args[1]).is_nonnegative)
        or all(least(side, extents) >= 0 for side in (place, sympy.expand(size - 1 - place)))
        for place, size in zip(expr.indices, expr.tensor.shape, strict=True)
    )


def least(side: Expr, extents: Extents) -> Expr:
    """Return the least value of a sum of indices; minus infinity where it is no such sum, or not known."""
    found = side.subs(dict.fromkeys(free_indices(side), 0))
    for index in free_indices(side):
        factor, extent = side.coeff(index), extents.get(index)
        if not (factor.is_Integer and extent is not None and extent.is_Integer):
            return sympy.S.NegativeInfinity
        found += sympy.Min(0, factor * (extent - 1))
    linear = side - sympy.Add(*(side.coeff(index) * index for index in free_indices(side)))
    return found if found.is_Integer and not free_indices(sympy.expand(linear)) else sympy.S.NegativeInfinity


def _copied(
    factor: Expr, kept: Sequence[Index], extents: Extents, copy: Callable[[Expr, tuple[Expr, ...]], TensorSymbol]
) -> Expr:
    """Return a factor under a condition as an element of its copy; as it is, where nothing is read more than once.

    A copy is laid out so that the ``kept`` indices, those that are not summed, move along it.
    """
    where = SCALAR_OPS["where"]
    if not (isinstance(factor, where) and factor.args[2] == 0 and elements_of(factor.args[1])):
        return factor
    places: dict[Index, Expr] = {}  # axis of the copy -> where this factor reads it
    sizes = {index: extents[index] for index in free_indices(factor)}
    body = factor
    for line in _lines(factor):
        if any(line.coeff(index).is_negative for index in kept):
            line = -line
        joined = _joined(body, line, extents)
        if joined is not None:
            body, axis, places[axis], sizes[axis] = joined
    if not places:
        return factor
    order = sorted(free_indices(body), key=_appearance(body))
    body = substitute(body, {index: axis_index(k) for k, index in enumerate(order)})
    tensor = copy(body, tuple(sizes[index] for index in order))
    return Element(tensor, *(places.get(index, index) for index in order))


def _appearance(body: Expr) -> Callable[[Index], tuple[int, str]]:
    """Return a sort key: the first place at which an index is read: the copy is laid out like what it copies."""
    seen: dict[Index, int] = {}
    for load in elements_of(body.args[1]):
        for place in load.indices:
            for index in sorted(free_indices(place), key=str):
                seen.setdefault(index, len(seen))
    return lambda index: (seen.get(index, len(seen)), index.name)


def _lines(expr: Expr) -> list[Expr]:
    """Return the sums of several indices, without their constants, that an expression's places and conditions hold."""
    found: dict[Expr, None] = {}

    def visit(node: Basic) -> None:
        if isinstance(node, sympy.core.relational.Relational):
            note(node.args[0] - node.args[1])
        elif isinstance(node, Element):
            for place in node.indices:
                note(place)
        elif isinstance(node, sympy.floor | sympy.Mod):
            note(sympy.fraction(sympy.together(node.args[0]))[0])
        for argument in node.args:
            if not getattr(argument, "is_symdl_tensor", False):
                visit(argument)

    def note(value: Expr) -> None:
        value = sympy.expand(value)
        indices = sorted(free_indices(value), key=lambda index: index.name)
        if len(indices) > 1 and not value.has(Element, sympy.floor, sympy.Mod):
            line = sympy.Add(*(value.coeff(index) * index for index in indices))
            if not free_indices(sympy.expand(value - line)):
                line = line.primitive()[1]
                found.setdefault(-line if line.could_extract_minus_sign() else line)

    visit(expr)
    return list(found)


def _joined(body: Expr, line: Expr, extents: Extents) -> tuple[Expr, Index, Expr, Expr] | None:
    """Write a body that depends on some indices by their sum ``line`` alone over one index.

    Returns:
        The body, its new index, that index's value in terms of the old ones, and its extent; None if it is not so.
    """
    indices = sorted(free_indices(line), key=lambda index: index.name)
    if any(index not in extents for index in indices):
        return None
    factors = {index: line.coeff(index) for index in indices}
    chosen = next((index for index, factor in factors.items() if factor in (1, -1)), None)
    lowest = highest = Integer(0)
    for index, factor in factors.items():
        reach = factor * (extents[index] - 1)
        if factor.is_nonnegative:
            highest += reach
        elif factor.is_nonpositive:
            lowest += reach
        else:
            return None
    if chosen is None:
        return None
    axis = fresh_index()
    solved = factors[chosen] * (axis + lowest - (line - factors[chosen] * chosen))
    joined = multiplied_out(substitute(body, {chosen: sympy.expand(solved)}))
    if free_indices(joined) & set(indices):
        return None
    return joined, axis, sympy.expand(line - lowest), sympy.expand(highest - lowest + 1)


def multiplied_out(body: Expr) -> Expr:
    """Return a body with its places and the sides of its conditions multiplied out."""

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return Element(node.tensor, *(sympy.expand(multiplied_out(place)) for place in node.indices))
        if isinstance(node, sympy.core.relational.Relational | sympy.floor | sympy.Mod):
            return node.func(*(sympy.expand(multiplied_out(part)) for part in node.args))
        return None

    return rebuild(body, visit)
