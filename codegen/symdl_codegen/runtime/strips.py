"""Strips, unrolled when sizes are bound: the calls of each block of time one after the other, its sizes as numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from symdl_codegen.emit import Argument, Call
from symdl_codegen.ir import Const, Scalar, Size, Strip, substitute
from symdl_codegen.scalars import evaluate


def unrolled(calls: Sequence[Call], sizes: Mapping[str, int]) -> list[tuple[Call, int]]:
    """``calls`` without strips, and which one each was. Loops of different blocks get different names."""
    found: list[tuple[Call, int]] = []
    numbered = zip(calls, range(len(calls)), strict=True)
    for strip, group in groupby(numbered, key=lambda pair: pair[0].strip):
        if strip is None:
            found += group
        else:
            inside = list(group)
            for known in _blocks(strip, sizes):
                found += ((_of_block(call, known, strip), number) for call, number in inside)
    return found


def _blocks(strip: Strip, sizes: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """The sizes of each block, in the order in which they are made."""
    extent = evaluate(strip.extent, sizes)
    starts = range(0, extent, strip.width)
    for start in reversed(starts) if strip.reverse else starts:
        values = (start // strip.width, start, min(strip.width, extent - start))
        yield dict(zip(strip.sizes, values, strict=True))


def _of_block(call: Call, known: Mapping[str, int], strip: Strip) -> Call:
    table: dict[Scalar, Scalar] = {Size(name): Const(value) for name, value in known.items()}
    arguments = tuple(
        Argument("number", str(known[a.name])) if a.role == "size" and a.name in known else a for a in call.arguments
    )
    shares = tuple(
        replace(share, axes=tuple(replace(axis, extent=substitute(axis.extent, table)) for axis in share.axes))
        for share in call.shares
    )
    span = call.span
    if span is not None:
        first, last = substitute(span.first, table), substitute(span.last, table)
        block = known[strip.sizes[0]]
        span = replace(span, loop=f"{span.loop} {block}", first=first, last=last)
    return replace(call, arguments=arguments, shares=shares, span=span, strip=None)


__all__ = ["unrolled"]
