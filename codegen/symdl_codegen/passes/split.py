"""Splitting: an index of which a kernel asks in which block it lies, and where there, becomes two indices."""

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
    Local,
    Module,
    Nest,
    Scalar,
    Statement,
    Store,
    axes_of,
    map_statement,
    scalars_of,
    substitute,
    walk,
)
from symdl_codegen.passes.constants import folded
from symdl_codegen.scalars import add, evaluate, mul

MOST = 16  # copies of a body


def split(module: Module) -> Module:
    """Write what a kernel does for each place in a block one after the other.

    before: for i < 8: d[i] = where(i mod 2 == p[i//2], g[i//2], 0.0)
    after:  for q < 4: d[2*q] = where(0 == p[q], g[q], 0.0); d[2*q+1] = where(1 == p[q], g[q], 0.0)

    Then it can join the kernel that computes p, and nothing is divided.
    """
    return replace(module, kernels=tuple(map(_split, module.kernels)))


def _split(kernel: Kernel) -> Kernel:
    match kernel.body:
        case (Nest(axes, body),) if all(isinstance(p, Let) or (isinstance(p, Store) and p.op is None) for p in body):
            lengths = {axis.index: length for axis in axes if (length := _block(axis, body))}
            if not lengths or prod(lengths.values()) > MOST:
                return kernel
            names = _fresh(kernel, lengths)
            parts = [
                part
                for number, places in enumerate(product(*map(range, lengths.values())))
                for part in _at(body, dict(zip(lengths, places, strict=True)), lengths, names, number)
            ]
            outer = tuple(
                Axis(names[axis.index], Const(evaluate(axis.extent, {}) // lengths[axis.index]))
                if axis.index in lengths
                else axis
                for axis in axes
            )
            return replace(kernel, body=(Nest(outer, tuple(parts)),))
    return kernel


def _block(axis: Axis, body: tuple[Statement, ...]) -> int | None:
    """The length of the blocks of ``axis`` that ``body`` asks about, if there is one and it divides the extent."""
    found = {
        node.arguments[1]
        for scalar in scalars_of(body)
        for node in walk(scalar)
        if isinstance(node, Apply) and node.primitive in ("floordiv", "mod") and node.arguments[0] == Index(axis.index)
    }
    match (*found, axis.extent):
        case (Const(int(length)), Const(int(extent))) if 1 < length <= extent and extent % length == 0:
            return length
    return None


def _fresh(kernel: Kernel, lengths: dict[str, int]) -> dict[str, str]:
    """The name of the index of the blocks, for each index that is split."""
    taken = {axis.index for axis in axes_of(kernel.body)}
    names = {}
    for index in lengths:
        names[index] = next(name for n in range(len(taken) + 1) if (name := f"{index}_block{n or ''}") not in taken)
        taken.add(names[index])
    return names


def _at(
    body: tuple[Statement, ...], places: dict[str, int], lengths: dict[str, int], names: dict[str, str], number: int
) -> list[Statement]:
    """``body`` at the given place in each block."""

    def change(node: Scalar) -> Scalar:
        match node:
            case Apply("floordiv" | "mod" as primitive, (Index(index), Const(length))) if lengths.get(index) == length:
                return Index(names[index]) if primitive == "floordiv" else Const(places[index])
            case Apply(primitive, arguments):
                return Apply(primitive, tuple(map(change, arguments)))
            case Index(index) if index in lengths:
                return add(mul(Index(names[index]), Const(lengths[index])), Const(places[index]))
        return replace(node, indices=tuple(map(change, node.indices))) if hasattr(node, "indices") else node

    parts: list[Statement] = []
    table: dict[Scalar, Scalar] = {}
    for part in body:
        part = map_statement(part, lambda scalar: substitute(folded(change(scalar)), table))
        if isinstance(part, Let):
            local = Local(f"{part.local.name}_{number}", part.local.kind)
            table[part.local], part = local, replace(part, local=local)
        parts.append(part)
    return parts


__all__ = ["split"]
