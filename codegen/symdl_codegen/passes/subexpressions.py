"""Common subexpressions: an expensive scalar that repeats within one level of a nest is computed once."""

from collections import Counter
from dataclasses import replace

from symdl_codegen.ir import (
    Contract,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Scalar,
    Statement,
    Store,
    Tensor,
    axes_of,
    statements,
    substitute,
    walk,
)
from symdl_codegen.scalars import cost, is_total, kind_of, spanning

THRESHOLD = 4  # operations below which recomputing is cheaper than naming


def subexpressions(module: Module) -> Module:
    """Name repeated scalars.

    before: a = exp(x)*y; b = exp(x)*z        after: t = exp(x); a = t*y; b = t*z

    Only scalars that may be computed unconditionally are named; those inside a reduction stay where they are.
    """
    return replace(
        module,
        kernels=tuple(
            replace(kernel, body=_Sharing(module.buffers, kernel).body(kernel.body)) for kernel in module.kernels
        ),
    )


class _Sharing:
    """Names the repeated scalars of one kernel."""

    def __init__(self, buffers: dict[str, Tensor], kernel: Kernel) -> None:
        self.buffers, self.spans = buffers, spanning(axes_of(kernel.body), buffers, kernel.span)
        self.taken = {part.local.name for part in statements(kernel.body) if isinstance(part, Let | Reduce | Contract)}

    def body(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """``body`` with its repeated scalars named."""
        counts: Counter[Scalar] = Counter()
        for statement in body:
            for scalar in _direct(statement):
                counts.update(node for node in walk(scalar) if not isinstance(node, Load) and cost(node) >= THRESHOLD)
        written = {part.buffer for part in statements(body) if isinstance(part, Store)}
        table: dict[Scalar, Scalar] = {}
        result: list[Statement] = []
        for statement in body:
            named: list[Scalar] = []
            for scalar in _direct(statement):
                for node in sorted(dict.fromkeys(walk(scalar)), key=lambda node: -cost(node)):
                    stable = not any(isinstance(part, Load) and part.tensor in written for part in walk(node))
                    repeated = counts[node] > 1 and node not in table
                    if repeated and stable and is_total(node, self.spans) and not _inside(node, table, counts):
                        table[node] = Local("")
                        named.append(node)
            for node in sorted(named, key=cost):  # what is within another one comes before it
                del table[node]
                value = substitute(node, table)
                table[node] = Local(_fresh(self.taken), kind_of(node, self.buffers))
                result.append(Let(table[node], value))
            result.append(self._replace(statement, table))
        return tuple(result)

    def _replace(self, statement: Statement, table: dict[Scalar, Scalar]) -> Statement:
        match statement:
            case Let(local, value):
                return Let(local, substitute(value, table))
            case Store(name, indices, value, op):
                return Store(name, tuple(substitute(index, table) for index in indices), substitute(value, table), op)
            case Nest(axes, inner):
                return Nest(axes, self.body(inner))
            case Contract():
                return replace(statement, epilogue=self.body(statement.epilogue))
        return statement


def _inside(node: Scalar, table: dict[Scalar, Scalar], counts: Counter[Scalar]) -> bool:
    """Whether every occurrence of ``node`` is within an already named, equally often repeated scalar."""
    return any(node in set(walk(named)) and counts[named] == counts[node] for named in table)


def _fresh(taken: set[str]) -> str:
    number = 0
    while f"t{number}" in taken:
        number += 1
    taken.add(f"t{number}")
    return f"t{number}"


def _direct(statement: Statement) -> tuple[Scalar, ...]:
    match statement:
        case Let(_, value):
            return (value,)
        case Store(_, indices, value, _):
            return (*indices, value)
    return ()


__all__ = ["subexpressions"]
