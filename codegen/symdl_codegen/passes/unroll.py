"""Unrolling: the largest or smallest of a few values is written out, so that loops around it become vector code."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from math import prod

from symdl_codegen.ir import (
    Apply,
    Axis,
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
    Statement,
    map_scalar,
    map_statement,
    statements,
    substitute,
)
from symdl_codegen.passes.constants import folded
from symdl_codegen.scalars import evaluate

MOST = 16  # values


def unroll(module: Module) -> Module:
    """Write reductions of a few values out.

    before: m = max over k < 2 of x[2*i+k]        after: m = max(x[2*i], x[2*i+1])

    Only of maxima and minima, whose order does not matter, and of sums of loads. Where the smallest of several numbers
    is asked for, each of which counts under a condition, and compared with one of them, the conditions decide:

    before: p = min over k < 2 of where(c[k], k, 2); y = p == 1        after: y = c[1] and not c[0]
    """
    return replace(module, kernels=tuple(_unrolled(kernel) for kernel in module.kernels))


def _unrolled(kernel: Kernel) -> Kernel:
    taken = {part.local.name for part in statements(kernel.body) if isinstance(part, Let | Reduce)}
    return replace(kernel, body=_body(kernel.body, taken))


def _body(body: tuple[Statement, ...], taken: set[str]) -> tuple[Statement, ...]:
    parts: list[Statement] = []
    firsts: dict[Local, dict[float, Scalar]] = {}
    for part in body:
        match part:
            case Nest(axes, inner):
                part = Nest(axes, _body(inner, taken))
            case Reduce(local, op, axes, value) if _is_short(part):
                values = [folded(substitute(value, place)) for place in _places(axes)]
                choices = _choices(values) if op == "min" else None
                if choices is not None:
                    lets, firsts[local] = _named(local, choices, taken)
                    parts += lets
                part = Let(local, Apply(op, tuple(values)))
            case _:
                part = map_statement(part, lambda scalar: map_scalar(scalar, _compared(firsts)))
        parts.append(part)
    return tuple(parts)


def _is_short(part: Reduce) -> bool:
    """Whether a reduction is over at most ``MOST`` values and may be written out."""
    if not all(isinstance(axis.extent, Const) for axis in part.axes):
        return False
    simple = part.op in ("max", "min") or (part.op == "add" and isinstance(part.value, Load))
    return simple and 1 < prod([evaluate(axis.extent, {}) for axis in part.axes]) <= MOST


def _places(axes: tuple[Axis, ...]) -> Iterator[dict[Scalar, Scalar]]:
    for place in product(*(range(evaluate(axis.extent, {})) for axis in axes)):
        yield {Index(axis.index): Const(number) for axis, number in zip(axes, place, strict=True)}


def _choices(values: list[Scalar]) -> dict[float, Scalar] | None:
    """The condition of each number, where ``values`` are rising numbers that count under conditions, else None."""
    found: dict[float, Scalar] = {}
    others: list[float] = []
    for value in values:
        match value:
            case Apply("where", (condition, Const(number), Const(other))) if not found or number > max(found):
                found[number] = condition
                others.append(other)
            case _:
                return None
    return found if max(found) < min(others) else None


def _named(local: Local, choices: dict[float, Scalar], taken: set[str]) -> tuple[list[Statement], dict[float, Scalar]]:
    """The conditions as locals, and for each number whether it is the first whose condition holds."""
    lets: list[Statement] = []
    firsts: dict[float, Scalar] = {}
    before: Scalar = None
    for number, condition in choices.items():
        name = f"{local.name}_is_{len(firsts)}"
        while name in taken:
            name += "_"
        taken.add(name)
        own: Scalar = Local(name, "bool")
        lets.append(Let(own, condition))
        firsts[number] = own if before is None else Apply("and", (own, Apply("not", (before,))))
        before = own if before is None else Apply("or", (before, own))
    return lets, firsts


def _compared(firsts: dict[Local, dict[float, Scalar]]) -> Callable[[Scalar], Scalar]:
    def change(node: Scalar) -> Scalar:
        match node:
            case Apply("eq", arguments):
                sides: tuple[Scalar, ...] = arguments
                for local, number in (sides, sides[::-1]):
                    if isinstance(local, Local) and isinstance(number, Const) and number.value in firsts.get(local, {}):
                        return firsts[local][number.value]
        return node

    return change


__all__ = ["unroll"]
