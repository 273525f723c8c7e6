"""Batches that come one after the other, from a collection that is gone through once for each epoch.

Several of them make one native call: their rows are copied behind each other as they come.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from symdl.errors import InputError
from symdl.train.arrays import cast, finite
from symdl.train.model import Model

ROOM = 2**24  # bytes of the batches of one native call

Arrays = dict[str, np.ndarray]


class Stream:
    """Checked batches of a collection: a list of batches, a data loader, anything that can be iterated over again.

    Raises:
        InputError: for an iterator, which could be gone through once only, and for a collection without batches.
    """

    def __init__(self, model: Model, source: Iterable[Any], dtype: str) -> None:
        if iter(source) is source:
            raise InputError(
                f"data: {type(source).__name__} is used up after one epoch; pass a list of batches, or an object whose "
                "__iter__ starts anew"
            )
        self.model, self.source, self.dtype = model, source, dtype
        self._batch(next(iter(source), None))  # its arrays carry the sizes

    def __iter__(self) -> Iterator[tuple[Arrays, int]]:
        """Yield the arrays of each batch, cast, and its number of samples."""
        for batch in self.source:
            yield self._batch(batch)

    def joined(self) -> Iterator[tuple[Arrays, list[int]]]:
        """Yield the rows of some batches, and the number of samples of each: the same for all, but the last has fewer.

        The next ones are written over them.
        """
        room: Arrays = {}
        counts: list[int] = []
        for arrays, count in self:
            if counts and (not _fit(room, arrays, sum(counts) + count) or not counts[-1] == counts[0] >= count):
                yield _first(room, sum(counts)), counts
                counts = []
            if not counts and not _fit(room, arrays, count):
                most = max(1, ROOM // max(1, sum(array.nbytes for array in arrays.values())))
                room = {name: np.empty((most * count, *array.shape[1:]), array.dtype) for name, array in arrays.items()}
            for name, array in arrays.items():
                room[name][sum(counts) : sum(counts) + count] = array
            counts.append(count)
        if counts:
            yield _first(room, sum(counts)), counts

    def _batch(self, batch: Any) -> tuple[Arrays, int]:
        if batch is None:
            raise InputError("data: there are no batches")
        arrays, count = self.model.check(batch, self.model.declared.data, "data: a batch")
        known = self.model.declared.by_name
        return {
            name: finite(name, cast(array, known[name], self.dtype), array) for name, array in arrays.items()
        }, count


def _fit(room: Arrays, arrays: Arrays, count: int) -> bool:
    """Whether ``room`` has places for so many rows like those of ``arrays``."""
    return room.keys() == arrays.keys() and all(
        len(room[name]) >= count and room[name].shape[1:] == array.shape[1:] for name, array in arrays.items()
    )


def _first(room: Arrays, count: int) -> Arrays:
    return {name: array[:count] for name, array in room.items()}


def is_stream(data: Any) -> bool:
    """Tell whether data are a collection of batches: something to iterate over that is no mapping and no array."""
    return isinstance(data, Iterable) and not isinstance(data, Mapping | np.ndarray | str | bytes)
