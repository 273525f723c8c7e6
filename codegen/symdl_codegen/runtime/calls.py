"""The call table: a program bound to sizes and memory, as numbers that the native driver runs without Python.

Each worker has a code of its own: a header, [entries of phase step, of phase update, first and last row of the batch
that it gathers, and a call of the barrier], and then its entries. An entry is a call, [kernel address, count,
arguments], or a loop over time::

    [0, words of this header after these two, steps, first time, time step, words of the calls, calls, patches]

followed by the calls of one time step. A patch is where an argument that is the time stands, counted from the entry.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from symdl_codegen.emit import Argument, Call
from symdl_codegen.ir import Span
from symdl_codegen.scalars import evaluate

if TYPE_CHECKING:
    from symdl_codegen.runtime.division import Item, Part, Turn


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
    """The codes of one program, one after the other in ``code`` from ``starts`` on.

    ``kernels`` are addresses; ``value`` gives every argument for a worker, but times and parts of loops. ``barrier`` is
    for each worker the call of the barrier. ``patches`` has for each buffer the places of its address.
    """

    def __init__(
        self,
        turns: Sequence["Turn"],
        kernels: Sequence[int],
        value: Callable[[Argument, int], int],
        barrier: Sequence[tuple[int, ...]],
        rows: Sequence[tuple[int, int]],
    ) -> None:
        self.kernels, self.value, self.barrier = kernels, value, barrier
        self.code: list[int] = []
        self.starts: list[int] = []
        self.patches: dict[str, list[int]] = {}
        for worker, part in enumerate(rows):
            self.worker, start = worker, len(self.code)
            self.starts.append(start)
            self.code += [0, 0, *part, *barrier[worker]]
            for turn in turns:
                items = [
                    item for item in turn.items if item.division is None or item.division.parts[worker] is not None
                ]
                if turn.looped and items:
                    self._loop(turn.times, items)
                    self.code[start + (turn.phase == "update")] += 1
                elif not turn.looped:
                    for item in items:
                        self._item(item)
                        self.code[start + (turn.phase == "update")] += 1

    def _item(self, item: "Item") -> None:
        if item.call is None or item.division is None:
            self.code += self.barrier[self.worker]
            return
        call, part = item.call, item.division.parts[self.worker]
        assert part is not None
        self.code += [self.kernels[call.kernel], len(call.arguments)]
        for argument in call.arguments:
            if argument.role == "buffer":
                self.patches.setdefault(argument.name, []).append(len(self.code))
            self.code.append(self._argument(argument, call, part, item.division.granules))

    def _argument(self, argument: Argument, call: Call, part: "Part", granules: tuple[int, ...]) -> int:
        if argument.role in ("first", "last"):
            return part[int(argument.name)][argument.role == "last"]
        if argument.role == "block":
            return granules[int(argument.name)]
        return 0 if _is_time(argument, call) else self.value(argument, self.worker)

    def _loop(self, times: range, items: Sequence["Item"]) -> None:
        entry = len(self.code)
        calls = [item.call for item in items]
        count = sum(_is_time(argument, call) for call in calls if call for argument in call.arguments)
        words = sum(2 + len(call.arguments) if call else len(self.barrier[self.worker]) for call in calls)
        self.code += [0, 5 + count, len(times), times.start, times.step, words, len(calls), *[0] * count]
        patch = entry + 7
        for item in items:
            first = len(self.code) + 2
            self._item(item)
            for position, argument in enumerate(item.call.arguments if item.call else ()):
                if item.call and _is_time(argument, item.call):
                    self.code[patch] = first + position - entry
                    patch += 1


def _is_time(argument: Argument, call: Call) -> bool:
    return call.span is not None and argument.role == "size" and argument.name == call.span.time


__all__ = ["CallTable", "turns"]
