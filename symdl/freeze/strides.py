"""Strided windows: an index that a sum asks for at every s-th place becomes two, the place and its remainder.

The adjoint of a convolution with stride s is a sum over offsets k of ``where((i - k) mod s = 0, δ[(i - k)/s], 0)*K[k]``
where all but every s-th term are zero. With i = s a + p and k = s q + p it is, for each remainder p, a sum over q of
``δ[a - q] K[s q + p]``: a product without gaps, of which the remainders are further columns. Nothing here knows a
convolution.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import sympy
from sympy import And, Expr, Integer, Mod, Mul, floor

from symdl.expr.index import Index, axis_index, free_indices, fresh_index, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System, elements_of
from symdl.freeze.padding import guarded_apart, least, multiplied_out

MOST = 1.5  # as many terms as before, those included that are zero because windows are no multiples of their stride


@dataclass(frozen=True)
class Stride:
    """``kept`` = step*place + remainder - shift, ``summed`` = step*number + remainder."""

    kept: Index
    summed: Index
    step: int
    shift: int
    place: Index
    remainder: Index
    number: Index
    extents: tuple[int, int]  # of what is kept and of what is summed

    @property
    def places(self) -> int:
        """The extent of the place."""
        return -(-(self.extents[0] + self.shift) // self.step)

    @property
    def numbers(self) -> int:
        """The extent of the number."""
        return -(-self.extents[1] // self.step)

    @property
    def is_whole(self) -> bool:
        """Whether the window is a multiple of the stride."""
        return self.extents[1] % self.step == 0

    @property
    def inside(self) -> Expr:
        """Whether number and remainder are those of an offset."""
        return self.step * self.number + self.remainder < Integer(self.extents[1])

    @property
    def new(self) -> dict[Index, int]:
        """The new indices and their extents."""
        return {self.place: self.places, self.remainder: self.step, self.number: self.numbers}

    @property
    def values(self) -> dict[Index, Expr]:
        """What the two old indices are."""
        return {
            self.kept: self.step * self.place + self.remainder - self.shift,
            self.summed: self.step * self.number + self.remainder,
        }


def split_strides(system: System) -> System:
    """Return an equal system in which sums of products have no terms that are zero for the remainder of an index."""
    names = {equation.target.name for equation in system.equations} | {tensor.name for tensor in system.inputs}
    names |= {symbol.name for equation in system.equations for symbol in equation.body.free_symbols}

    def named(base: str) -> str:
        name = next(name for k in range(len(names) + 1) if (name := f"{base}_strided{k or ''}") not in names)
        names.add(name)
        return name

    equations: list[Equation] = []
    for equation in system.equations:
        equations += [equation] if equation.loop is not None else _split(equation, named)
    return System(tuple(equations), system.outputs)


def _split(equation: Equation, named: Callable[[str], str]) -> list[Equation]:
    body = equation.body
    if not (isinstance(body, Reduce) and body.op == "add" and body.has(Mod)):
        return [equation]
    reduced, content = body.open()
    axes, sums = dict(equation.axes), dict(reduced)
    strides: list[Stride] = []
    for node in sorted(content.atoms(sympy.Eq), key=str):
        found = _stride(node, axes, sums)
        if found is not None and not {found.kept, found.summed} & {i for s in strides for i in (s.kept, s.summed)}:
            strides.append(found)
    terms = sympy.prod(s.step * s.numbers for s in strides) / sympy.prod(s.extents[1] for s in strides)
    if not strides or terms > MOST:
        return [equation]
    extents = {**axes, **sums}
    parts = [factor for part in Mul.make_args(content) for factor in guarded_apart(part, extents)]
    written = [_substituted(factor, strides) for factor in parts]
    factors = _guarded([factor for factor in written if factor is not None], strides)
    if None in written or factors is None or not all(_reads_inside(factor, extents, strides) for factor in factors):
        return [equation]
    return _equations(equation, reduced, Mul(*factors), strides, named)


def _stride(node: Expr, axes: dict[Index, Expr], sums: dict[Index, Expr]) -> Stride | None:
    """What ``(kept - summed + shift) mod step = 0`` says, where the extents of both are known."""
    if not (isinstance(node.args[0], Mod) and node.args[1] == 0 and node.args[0].args[1].is_Integer):
        return None
    line, step = sympy.expand(node.args[0].args[0]), int(node.args[0].args[1])
    kept, summed = ([index for index in free_indices(line) if index in known] for known in (axes, sums))
    if len(kept) != 1 or len(summed) != 1 or len(line.free_symbols) != 2 or step < 2:
        return None
    (i,), (r,) = kept, summed
    sign, rest = line.coeff(i), sympy.expand(line - line.coeff(i) * (i - r))
    if sign not in (1, -1) or not rest.is_Integer or not (axes[i].is_Integer and sums[r].is_Integer):
        return None
    shift = int(sign * rest) % step
    return Stride(i, r, step, shift, fresh_index(), fresh_index(), fresh_index(), (int(axes[i]), int(sums[r])))


def _substituted(factor: Expr, strides: list[Stride]) -> Expr | None:
    """A factor in the new indices; None where it asks for what is kept without a condition that keeps it inside."""
    where = SCALAR_OPS["where"]
    is_guarded = isinstance(factor, where) and factor.args[2] == 0
    if not is_guarded and free_indices(factor) & {stride.kept for stride in strides}:
        return None
    values = {index: value for stride in strides for index, value in stride.values.items()}
    return multiplied_out(substitute(factor, values))


def _guarded(factors: list[Expr], strides: list[Stride]) -> list[Expr] | None:
    """The factors, one for each window that is no multiple of its stride under the condition that it is inside."""
    where, found = SCALAR_OPS["where"], list(factors)
    for stride in strides:
        own = [k for k, factor in enumerate(factors) if isinstance(factor, Element) and _moves(factor, stride)]
        if len(own) != 1:
            return None
        if not stride.is_whole:
            (k,) = own
            before = found[k].args[0] if isinstance(found[k], where) else sympy.true
            found[k] = where(And(before, stride.inside), factors[k], Integer(0))
    return found


def _reads_inside(factor: Expr, old: dict[Index, Expr], strides: list[Stride]) -> bool:
    """Whether the conditions of a factor keep what it reads inside: places and offsets run further than they did."""
    new = {index: Integer(extent) for stride in strides for index, extent in stride.new.items()}
    extents = {**old, **new}
    where = SCALAR_OPS["where"]
    condition = factor.args[0] if isinstance(factor, where) else sympy.true
    known = [_at_least_zero(part) for part in And.make_args(condition)]
    for load in elements_of(factor):
        for place, size in zip(load.indices, load.tensor.shape, strict=True):
            if not free_indices(place) & new.keys():
                continue
            if not all(extents[index].is_Integer for index in free_indices(place)):
                return False
            sides = (place, sympy.expand(size - 1 - place))
            if not all(least(side, extents) >= 0 or any(_follows(side, part) for part in known) for side in sides):
                return False
    return True


def _at_least_zero(condition: Expr) -> Expr:
    """What a condition says to be at least zero; minus infinity where that is nothing."""
    if not isinstance(condition, sympy.Ge | sympy.Gt | sympy.Le | sympy.Lt):
        return sympy.S.NegativeInfinity
    small, large = condition.args if isinstance(condition, sympy.Le | sympy.Lt) else condition.args[::-1]
    is_strict = isinstance(condition, sympy.Gt | sympy.Lt)
    return sympy.expand(large - small - int(is_strict))


def _follows(side: Expr, known: Expr) -> bool:
    """Whether a whole number is at least zero where ``known`` is: factor*side + rest with rest < factor."""
    indices = free_indices(side)
    if not indices or not known.is_finite:
        return False
    index = min(indices, key=str)
    factor = known.coeff(index) / side.coeff(index)
    rest = sympy.expand(known - factor * side)
    return bool(factor.is_positive and rest.is_Rational and rest < factor)


def _moves(factor: Expr, stride: Stride) -> bool:
    return stride.number in free_indices(factor)


def _equations(
    equation: Equation,
    reduced: list[tuple[Index, Expr]],
    content: Expr,
    strides: list[Stride],
    named: Callable[[str], str],
) -> list[Equation]:
    """The sum in the new indices, and the result, which reads it."""
    of_kept, of_summed = {s.kept: s for s in strides}, {s.summed: s for s in strides}
    order: list[tuple[Index, Expr, Expr]] = []  # an index of the sum, its extent, and what it is in the result
    for index, size in equation.axes:
        if index not in of_kept:
            order.append((index, size, index))
            continue
        stride = of_kept[index]
        place = index + stride.shift
        order.append((stride.place, Integer(stride.places), floor(place / Integer(stride.step))))
        order.append((stride.remainder, Integer(stride.step), Mod(place, stride.step)))
    sums = [
        (of_summed[index].number, Integer(of_summed[index].numbers)) if index in of_summed else (index, size)
        for index, size in reduced
    ]
    canonical = {index: axis_index(position) for position, (index, _, _) in enumerate(order)}
    target = TensorSymbol(named(equation.target.name), tuple(size for _, size, _ in order))
    body = substitute(Reduce("add", content, *sums), canonical)
    return [
        Equation(target, body),
        replace(equation, body=Element(target, *(value for _, _, value in order))),
    ]


__all__ = ["split_strides"]
