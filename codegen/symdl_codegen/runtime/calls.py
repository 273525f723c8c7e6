"""The call table: a program bound to sizes and memory, as numbers that the native driver runs without Python.

An entry is a call, [kernel address, count, arguments], or a loop over time::

    [0, words of this header after these two, steps, first time, time step, words of the calls, calls, patches]

followed by the calls of one time step. A patch is where an argument that is the time stands, counted from the entry.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from math import prod

from symdl_codegen.emit import Argument, Call
from symdl_codegen.ir import Span
from symdl_codegen.scalars import evaluate


def turns(calls: Sequence[Call], sizes: Mapping[str, int]) -> Iterator[tuple[range, list[Call]]]:
    """``calls`` in the order in which they are made: for each time of the range, each call of the list.

    A call outside the loops comes alone, for one time. A span without a step is left out.
    """
    for span, group in groupby(calls, key=lambda call: call.span):
        if span is None:
            yield from ((range(1), [call]) for call in group)
        elif times := _times(span, sizes):
            yield times, list(group)


def _times(span: Span, sizes: Mapping[str, int]) -> range:
    first, last = evaluate(span.first, sizes), evaluate(span.last, sizes)
    return range(last - 1, first - 1, -1) if span.reverse else range(first, last)


class CallTable:
    """The table of one program. ``kernels`` are addresses; ``value`` gives every argument but the time.

    ``code`` begins with the entries of phase step and those of phase update; ``patches`` has for each buffer the places
    of its address.
    """

    def __init__(
        self,
        calls: Sequence[Call],
        kernels: Sequence[int],
        sizes: Mapping[str, int],
        value: Callable[[Argument], int],
    ) -> None:
        self.kernels, self.sizes, self.value = kernels, sizes, value
        self.code: list[int] = [0, 0]
        self.patches: dict[str, list[int]] = {}
        for times, group in turns(calls, sizes):
            self.code[group[0].phase == "update"] += 1
            if group[0].span is None:
                self._call(group[0])
            else:
                self._loop(times, group)

    def _call(self, call: Call) -> None:
        self.code += [self.kernels[call.kernel], len(call.arguments)]
        for argument in call.arguments:
            if argument.role == "buffer":
                self.patches.setdefault(argument.name, []).append(len(self.code))
            self.code.append(self._argument(argument, call))

    def _argument(self, argument: Argument, call: Call) -> int:
        if _is_time(argument, call) or argument.role == "first":
            return 0
        if argument.role == "last":
            return prod(evaluate(axis.extent, self.sizes) for axis in call.shares[int(argument.name)].axes)
        return self.value(argument)

    def _loop(self, times: range, group: list[Call]) -> None:
        entry = len(self.code)
        count = sum(_is_time(argument, call) for call in group for argument in call.arguments)
        words = sum(2 + len(call.arguments) for call in group)
        self.code += [0, 5 + count, len(times), times.start, times.step, words, len(group), *[0] * count]
        patch = entry + 7
        for call in group:
            first = len(self.code) + 2
            self._call(call)
            for position, argument in enumerate(call.arguments):
                if _is_time(argument, call):
                    self.code[patch] = first + position - entry
                    patch += 1


def _is_time(argument: Argument, call: Call) -> bool:
    return call.span is not None and argument.role == "size" and argument.name == call.span.time


__all__ = ["CallTable", "turns"]
