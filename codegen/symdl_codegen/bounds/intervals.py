"""Interval arithmetic over integer scalars: what an index can reach over an iteration domain, given its guards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from symdl_codegen.program import Apply, Const, Load, Scalar, Size, Tensor, kind_of, walk

Range = tuple[float, float]  # both ends included; integers, or an infinity where nothing is known
ANYTHING: Range = (-inf, inf)
Form = frozenset[tuple[Scalar, int]]  # a linear form without its constant


def is_data(scalar: Scalar) -> bool:
    """Whether ``scalar`` depends on the elements of a tensor."""
    return any(isinstance(node, Load) for node in walk(scalar))


@dataclass(frozen=True)
class Domain:
    """Ranges of the indices, of integer tensors' elements and of linear forms, for one tuple of sizes."""

    sizes: Mapping[str, int]
    tensors: Mapping[str, Tensor]
    atoms: Mapping[Scalar, Range]
    forms: Mapping[Form, Range] = field(default_factory=dict)

    def range(self, scalar: Scalar) -> Range:
        """The smallest and largest value that ``scalar`` may take; may be wider than what is reached."""
        terms, constant = self._linear(scalar)
        low = high = float(constant) if terms else constant
        for atom, factor in terms.items():
            ends = [end * factor for end in self._atom(atom)]
            low, high = low + min(ends), high + max(ends)
        known = self._known(terms)
        low, high = max(low, known[0] + constant), min(high, known[1] + constant)
        return (low if low == -inf else int(low)), (high if high == inf else int(high))

    def where(self, condition: Scalar, holds: bool = True) -> "Domain | None":
        """The domain on which ``condition`` holds (or does not); None where that is nowhere."""
        match condition:
            case Const(value):
                return self if bool(value) == holds else None
            case Apply("not", (inner,)):
                return self.where(inner, not holds)
            case Apply("and" | "or" as op, parts):
                return self._all(parts, holds) if (op == "and") == holds else self._any(parts, holds)
            case Apply("lt" | "le" | "eq" as op, (left, right)) if kind_of(left, dict(self.tensors)) == "int":
                difference = Apply("add", (left, Apply("neg", (right,))))
                if op == "eq":
                    return self._within(difference, (0, 0)) if holds else self
                if holds:
                    return self._within(difference, (-inf, -1 if op == "lt" else 0))
                return self._within(difference, (0 if op == "lt" else 1, inf))
        return self

    def _all(self, parts: tuple[Scalar, ...], holds: bool) -> "Domain | None":
        domain: Domain | None = self
        for part in parts:
            domain = domain.where(part, holds) if domain else None
        return domain

    def _any(self, parts: tuple[Scalar, ...], holds: bool) -> "Domain | None":
        domains = [found for part in parts if (found := self.where(part, holds))]
        if not domains:
            return None
        atoms = {key: _hull([d._atom(key) for d in domains]) for key in {k for d in domains for k in d.atoms}}
        shared = set.intersection(*(set(d.forms) for d in domains))
        return Domain(self.sizes, self.tensors, atoms, {key: _hull([d.forms[key] for d in domains]) for key in shared})

    def _within(self, scalar: Scalar, limits: Range) -> "Domain | None":
        """The domain on which ``scalar`` lies within ``limits``."""
        terms, constant = self._linear(scalar)
        low, high = limits[0] - constant, limits[1] - constant
        if not terms:
            return self if low <= 0 <= high else None
        found = self.range(scalar)
        if found[0] > limits[1] or found[1] < limits[0]:
            return None
        atoms = dict(self.atoms)
        for atom, factor in terms.items():
            others = [[end * k for end in self._atom(other)] for other, k in terms.items() if other != atom]
            rest = sum(min(ends) for ends in others), sum(max(ends) for ends in others)
            ends = sorted(((low - rest[1]) / factor, (high - rest[0]) / factor))
            atoms[atom] = _meet(self._atom(atom), (_up(ends[0]), _down(ends[1])))
            if atoms[atom][0] > atoms[atom][1]:
                return None
        form = frozenset(terms.items())
        forms = {**self.forms, form: _meet(self.forms.get(form, ANYTHING), (low, high))}
        return Domain(self.sizes, self.tensors, atoms, forms)

    def _known(self, terms: Mapping[Scalar, int]) -> Range:
        """What guards say about a linear form, or about its negative."""
        low, high = self.forms.get(frozenset(terms.items()), ANYTHING)
        opposite = self.forms.get(frozenset((atom, -factor) for atom, factor in terms.items()), ANYTHING)
        return max(low, -opposite[1]), min(high, -opposite[0])

    def _linear(self, scalar: Scalar) -> tuple[dict[Scalar, int], int]:
        """``scalar`` as a sum of factor * atom and a constant; what is not linear is an atom."""
        match scalar:
            case Const(value):
                return {}, int(value)
            case Size(name):
                return {}, self.sizes[name]
            case Apply("neg", (inner,)):
                return _scaled(self._linear(inner), -1)
            case Apply("add", parts):
                total: dict[Scalar, int] = {}
                constant = 0
                for terms, number in map(self._linear, parts):
                    constant += number
                    for atom, factor in terms.items():
                        total[atom] = total.get(atom, 0) + factor
                return {atom: factor for atom, factor in total.items() if factor}, constant
            case Apply("mul", parts):
                found = [self._linear(part) for part in parts]
                moving = [part for part in found if part[0]]
                scale = 1
                for terms, number in found:
                    scale *= 1 if terms else number
                if len(moving) < 2:
                    return _scaled(moving[0], scale) if moving else ({}, scale)
        return {scalar: 1}, 0

    def _atom(self, atom: Scalar) -> Range:
        return _meet(self._computed(atom), self.atoms.get(atom, ANYTHING))

    def _computed(self, atom: Scalar) -> Range:
        match atom:
            case Apply("floordiv", (above, below)):
                step, (low, high) = self.range(below), self.range(above)
                if step[0] == step[1] > 0:
                    return _quotient(low, step[0]), _quotient(high, step[0])
            case Apply("mod", (above, below)):
                step, (low, high) = self.range(below), self.range(above)
                if step[0] == step[1] > 0:
                    one_period = _quotient(low, step[0]) == _quotient(high, step[0]) and abs(low) < inf
                    return (low % step[0], high % step[0]) if one_period else (0, step[0] - 1)
            case Apply("max" | "min" as op, parts):
                ranges = [self.range(part) for part in parts]
                choose = max if op == "max" else min
                return choose(low for low, _ in ranges), choose(high for _, high in ranges)
            case Apply("abs", (inner,)):
                low, high = self.range(inner)
                return (0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
            case Apply("mul", parts):
                return self._product(parts)
            case Apply("where", (condition, yes, no)):
                branches = ((self.where(condition), yes), (self.where(condition, False), no))
                return _hull([domain.range(value) for domain, value in branches if domain] or [ANYTHING])
        return ANYTHING

    def _product(self, parts: tuple[Scalar, ...]) -> Range:
        total: Range = (1, 1)
        for low, high in map(self.range, parts):
            if abs(low) == inf or abs(high) == inf:
                return ANYTHING
            ends = [a * b for a in total for b in (low, high)]
            total = min(ends), max(ends)
        return total


def _scaled(form: tuple[dict[Scalar, int], int], scale: int) -> tuple[dict[Scalar, int], int]:
    return {atom: factor * scale for atom, factor in form[0].items() if scale}, form[1] * scale


def _hull(ranges: list[Range]) -> Range:
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _meet(one: Range, other: Range) -> Range:
    return max(one[0], other[0]), min(one[1], other[1])


def _quotient(value: float, step: float) -> float:
    return value if abs(value) == inf else value // step


def _up(value: float) -> float:
    return value if abs(value) == inf else -int(-value // 1)


def _down(value: float) -> float:
    return value if abs(value) == inf else int(value // 1)


__all__ = ["ANYTHING", "Domain", "Range", "is_data"]
