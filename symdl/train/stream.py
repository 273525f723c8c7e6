"""Batches that come one after the other, from a collection that is gone through once for each epoch."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from symdl.errors import InputError
from symdl.train.arrays import cast, finite
from symdl.train.model import Model


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

    def __iter__(self) -> Iterator[tuple[dict[str, np.ndarray], int]]:
        """Yield the arrays of each batch, cast, and its number of samples."""
        for batch in self.source:
            yield self._batch(batch)

    def _batch(self, batch: Any) -> tuple[dict[str, np.ndarray], int]:
        if batch is None:
            raise InputError("data: there are no batches")
        arrays, count = self.model.check(batch, self.model.declared.data, "data: a batch")
        known = self.model.declared.by_name
        return {
            name: finite(name, cast(array, known[name], self.dtype), array) for name, array in arrays.items()
        }, count


def is_stream(data: Any) -> bool:
    """Tell whether data are a collection of batches: something to iterate over that is no mapping and no array."""
    return isinstance(data, Iterable) and not isinstance(data, Mapping | np.ndarray | str | bytes)
