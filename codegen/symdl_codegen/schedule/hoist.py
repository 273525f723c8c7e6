"""Hoisting: an expensive scalar that is the same in every iteration is computed once, before the loops."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from symdl_codegen.ir import (
    Apply,
    Const,
    Contract,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Nest,
    Reduce,
    Scalar,
    Statement,
    Tensor,
    map_scalar,
    map_statement,
    scalars_of,
    statements,
    substitute,
    walk,
)
from symdl_codegen.scalars import cost, kind_of

THRESHOLD = 4  # operations below which the compiler's own motion is enough


def hoist(kernel: Kernel, buffers: dict[str, Tensor]) -> Kernel:
    """Move invariant scalars in front of the loops.

    before: for i: y = x/(1.0 - pow(b, t))        after: h0 = 1.0 - pow(b, t); h1 = 1.0/h0; for i: y = x*h1

    A division by an invariant becomes a multiplication by its reciprocal (one rounding more).
    """
    if not any(
        isinstance(part, Contract) or (isinstance(part, Nest) and part.axes) for part in statements(kernel.body)
    ):
        return kernel
    stored = kernel.writes
    taken = {part.local.name for part in statements(kernel.body) if isinstance(part, Let | Reduce | Contract)}
    body = tuple(map_statement(part, lambda scalar: map_scalar(scalar, _reciprocal(stored))) for part in kernel.body)
    table: dict[Scalar, Scalar] = {}
    lets: list[Statement] = []
    for scalar in scalars_of(body):
        for node in _invariant(scalar, stored):
            if node not in table:
                local = Local(
                    next(n for n in map("h{}".format, range(10**6)) if n not in taken), kind_of(node, buffers)
                )
                taken.add(local.name)
                lets.append(Let(local, node))
                table[node] = local
    if not lets:
        return kernel
    return replace(kernel, body=(Nest((), (*lets, *(_replaced(part, table) for part in body))),))


def _replaced(part: Statement, table: dict[Scalar, Scalar]) -> Statement:
    return map_statement(part, lambda scalar: substitute(scalar, table))


def _is_invariant(scalar: Scalar, stored: frozenset[str]) -> bool:
    """Whether ``scalar`` has no index, no local, and reads only tensors of order 0 that the kernel does not write."""
    return not any(
        isinstance(node, Index | Local) or (isinstance(node, Load) and (node.indices or node.tensor in stored))
        for node in walk(scalar)
    )


def _invariant(scalar: Scalar, stored: frozenset[str]) -> Iterator[Scalar]:
    """The largest invariant parts of ``scalar`` that are worth a name."""
    if isinstance(scalar, Apply):
        if _is_invariant(scalar, stored) and cost(scalar) >= THRESHOLD:
            yield scalar
            return
        for argument in scalar.arguments:
            yield from _invariant(argument, stored)


def _reciprocal(stored: frozenset[str]) -> Callable[[Scalar], Scalar]:
    def change(scalar: Scalar) -> Scalar:
        match scalar:
            case Apply("div", (above, below)) if not isinstance(below, Const) and _is_invariant(below, stored):
                if not _is_invariant(above, stored):
                    return Apply("mul", (above, Apply("div", (Const(1.0), below))))
        return scalar

    return change


__all__ = ["hoist"]
