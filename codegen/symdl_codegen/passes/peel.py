"""Peeling: a recurrence splits where a condition on its time changes, so that its kernels need not ask."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from symdl_codegen.ir import (
    Apply,
    Const,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Span,
    Statement,
    map_scalar,
    map_statement,
    scalars_of,
    walk,
)
from symdl_codegen.lower.equations import identity
from symdl_codegen.scalars import add, mul

MOST_SPANS = 4  # copies of a loop's kernels, beyond which the remaining conditions stay where they are


def peel(module: Module) -> Module:
    """Split loops over time at the cuts where conditions on time and sizes alone change.

    before: for 0 <= t < T: h[t] = f(where(t == 0, h0, h[t-1]))
    after:  for 0 <= t < min(T, 1): h[t] = f(h0); for 1 <= t < T: h[t] = f(h[t-1])
    """
    kernels: list[Kernel] = []
    taken = {kernel.name for kernel in module.kernels}
    done: set[str] = set()
    for kernel in module.kernels:
        if kernel.span is None:
            kernels.append(kernel)
        elif kernel.span.loop not in done:
            done.add(kernel.span.loop)
            loop = [other for other in module.kernels if other.span and other.span.loop == kernel.span.loop]
            kernels += _peeled(loop, kernel.span, taken) if all(k.span == kernel.span for k in loop) else loop
    return replace(module, kernels=tuple(kernels))


def _peeled(kernels: list[Kernel], span: Span, taken: set[str]) -> list[Kernel]:
    cases = [_Case(span)]
    for cut in dict.fromkeys(cut for kernel in kernels for cut in _cuts_of(kernel, span)):
        split = [part for case in cases for part in case.split(cut)]
        cases = split if len(split) <= MOST_SPANS else cases
    if len(cases) == 1:
        return kernels
    cases = cases[::-1] if span.reverse else cases  # each split was into earlier and later steps
    return [_specialised(kernel, case, case is cases[0], taken) for case in cases for kernel in kernels]


def _specialised(kernel: Kernel, case: "_Case", keeps_name: bool, taken: set[str]) -> Kernel:
    name, number = kernel.name, 2
    while not keeps_name and name in taken:
        name, number = f"{kernel.name}_{number}", number + 1
    taken.add(name)
    body = tuple(map_statement(part, lambda scalar: map_scalar(scalar, case.decided)) for part in kernel.body)
    return replace(kernel, name=name, body=tuple(map(_without_empty_sums, body)), span=case.steps())


def _without_empty_sums(part: Statement) -> Statement:
    """A reduction of nothing but its neutral element is that element."""
    match part:
        case Nest(axes, inner):
            return Nest(axes, tuple(map(_without_empty_sums, inner)))
        case Reduce(local, op, _, Const() as value) if value == identity(op, local.kind):
            return Let(local, value)
    return part


@dataclass(frozen=True)
class Form:
    """An integer as a constant plus terms factor * atom."""

    terms: frozenset[tuple[Scalar, int]]
    constant: int

    def minus(self, other: "Form") -> "Form":
        """The difference."""
        total = dict(self.terms)
        for atom, factor in other.terms:
            total[atom] = total.get(atom, 0) - factor
        terms = frozenset((atom, factor) for atom, factor in total.items() if factor)
        return Form(terms, self.constant - other.constant)

    def scalar(self) -> Scalar:
        """The form as a scalar."""
        terms = sorted(self.terms, key=str)
        return add(*(mul(Const(factor), atom) for atom, factor in terms), Const(self.constant))


NOTHING = Form(frozenset(), 0)


def form_of(scalar: Scalar) -> Form:
    """An integer as a form."""
    match scalar:
        case Const(value) if type(value) is int:
            return Form(frozenset(), value)
        case Apply("neg", (inner,)):
            return NOTHING.minus(form_of(inner))
        case Apply("add", parts):
            total = NOTHING
            for part in parts:
                total = total.minus(NOTHING.minus(form_of(part)))
            return total
        case Apply("mul", (Const(value), other)) | Apply("mul", (other, Const(value))) if type(value) is int:
            form = form_of(other)
            return Form(frozenset((a, f * value) for a, f in form.terms if value), form.constant * value)
    return Form(frozenset([(scalar, 1)]), 0)


@dataclass(frozen=True)
class _Case:
    """Some steps of a span: those at or after every cut of ``after`` and before every cut of ``before``."""

    span: Span
    after: tuple[Form, ...] = (NOTHING,)
    before: tuple[Form, ...] = ()

    def is_after(self, cut: Form) -> bool | None:
        """Whether all steps are at or after ``cut`` (True), or before it (False), as far as constants tell."""
        for other in self.after:
            difference = cut.minus(other)
            if not difference.terms and difference.constant <= 0:
                return True
        for other in (*self.before, form_of(self.span.extent)):
            difference = cut.minus(other)
            if not difference.terms and difference.constant >= 0:
                return False
        return None

    def split(self, cut: Form) -> "list[_Case]":
        """The steps before ``cut`` and those from it on."""
        if self.is_after(cut) is not None:
            return [self]
        return [replace(self, before=(*self.before, cut)), replace(self, after=(*self.after, cut))]

    def steps(self) -> Span:
        """The span of these steps; empty where the sizes leave none."""
        return replace(
            self.span,
            first=_extreme("max", [form.scalar() for form in self.after]),
            last=_extreme("min", [self.span.extent, *(form.scalar() for form in self.before)]),
        )

    def decided(self, scalar: Scalar) -> Scalar:
        """``scalar`` without the conditions that are the same at all these steps."""
        match scalar:
            case Apply("where", (Const(value), yes, no)):
                return yes if value else no
            case Apply("not", (Const(value),)):
                return Const(not value)
            case Apply("and" | "or" as op, parts):
                return _joined(op, parts)
            case Apply("mul" | "add" | "neg" as op, parts):
                return _without_zeros(op, parts)
        comparison = _comparison(scalar, self.span)
        if comparison is None:
            return scalar
        cuts, truth = comparison
        known = truth(*map(self.is_after, cuts))
        return scalar if known is None else Const(known)


def _without_zeros(op: str, parts: tuple[Scalar, ...]) -> Scalar:
    """A sum, product or negative without the zeros that a boundary gives; a product with one is zero."""
    rest = tuple(p for p in parts if not (isinstance(p, Const) and isinstance(p.value, float) and p.value == 0.0))
    if len(rest) == len(parts):
        return Apply(op, parts)
    if op != "add" or not rest:
        return Const(0.0)
    return rest[0] if len(rest) == 1 else Apply(op, rest)


def _extreme(op: str, parts: list[Scalar]) -> Scalar:
    values = [part.value for part in parts if isinstance(part, Const)]
    rest: list[Scalar] = [part for part in parts if not isinstance(part, Const)]
    if values:
        rest.append(Const(max(values) if op == "max" else min(values)))
    return rest[0] if len(rest) == 1 else Apply(op, tuple(rest))


def _joined(op: str, parts: tuple[Scalar, ...]) -> Scalar:
    absorbing = op == "or"
    values = [part.value for part in parts if isinstance(part, Const)]
    rest = tuple(part for part in parts if not isinstance(part, Const))
    if absorbing in values or not rest:
        return Const(absorbing if absorbing in values else not absorbing)
    return rest[0] if len(rest) == 1 else Apply(op, rest)


def _cuts_of(kernel: Kernel, span: Span) -> Iterator[Form]:
    for scalar in scalars_of(kernel.body):
        for node in walk(scalar):
            if isinstance(node, Apply) and node.primitive == "where":
                for part in walk(node.arguments[0]):
                    comparison = _comparison(part, span)
                    yield from comparison[0] if comparison else ()


def _comparison(scalar: Scalar, span: Span) -> tuple[tuple[Form, ...], Callable[..., bool | None]] | None:
    """The cuts of a comparison of time with sizes, and its value, given for each cut whether time is at or after it."""
    match scalar:
        case Apply("lt" | "le" | "eq" as op, (left, right)):
            form = form_of(left).minus(form_of(right))
        case _:
            return None
    factor = dict(form.terms).get(Size(span.time), 0)
    rest = form.minus(Form(frozenset([(Size(span.time), factor)]), 0)) if factor else form
    if abs(factor) != 1 or any(isinstance(part, Index | Load | Local) for a, _ in rest.terms for part in walk(a)):
        return None
    if any(part == Size(span.time) for atom, _ in rest.terms for part in walk(atom)):
        return None
    place = NOTHING.minus(rest) if factor == 1 else rest  # time op place, or place op time
    following = place.minus(Form(frozenset(), -1))
    if op == "eq":
        return (place, following), _at
    if factor == 1:
        return (place if op == "lt" else following,), lambda after: None if after is None else not after
    return (following if op == "lt" else place,), lambda after: after


def _at(after_start: bool | None, after_end: bool | None) -> bool | None:
    if after_start is False or after_end is True:
        return False
    return True if after_start and after_end is False else None


__all__ = ["Form", "form_of", "peel"]
