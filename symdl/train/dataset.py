"""Training data, cast once, split into training and validation samples, and the order in which epochs take them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import InputError
from symdl.expr.random import SAMPLE
from symdl.train.arrays import cast, finite
from symdl.train.model import Model
from symdl.train.objective import WEIGHT
from symdl.train.options import Options, weights_of
from symdl.train.programs import batch_data, numbered
from symdl.train.stream import Stream, is_stream

_SPLIT, _ORDER = 1, 2  # streams of random numbers
_ABOUT = (WEIGHT.name, SAMPLE.name)  # what is known about samples besides their data


@dataclass(frozen=True)
class Samples:
    """What a training step reads.

    Attributes:
        rows: Arrays of which a mini-batch takes rows; empty where every step sees everything.
        fixed: Arrays that every step sees as they are.
        count: The number of training samples.
        training: All arrays of the training samples, and their number.
        validation: Those of the validation samples, or None.
        whole: Whether every step sees all samples it is given, so that no rows are gathered.
        weighted: Whether there are sample weights.
        stream: Batches that come one after the other, in place of arrays.
    """

    rows: dict[str, np.ndarray]
    fixed: dict[str, np.ndarray]
    count: int
    training: tuple[dict[str, np.ndarray], int] | None
    validation: tuple[dict[str, np.ndarray], int] | None
    whole: bool
    weighted: bool
    stream: Stream | None = None

    def least(self, options: Options) -> int:
        """Return the number of samples in the smallest batch of an epoch; 0 for a stream, whose batches tell."""
        size = self.count if self.whole else int(options.batch_size or self.count)
        return (self.count % size or size) if size else 0

    def order(self, epoch: int, epochs: int, options: Options) -> tuple[np.ndarray, int]:
        """Return the rows of an epoch in order, and the batch size; for whole batches one row for each epoch, and 1."""
        if self.whole:
            return np.zeros(epochs, dtype=np.int64), 1
        rows = np.arange(self.count)
        if options.shuffle:
            np.random.default_rng([options.seed, _ORDER, epoch]).shuffle(rows)
        return rows, int(options.batch_size or self.count)


def prepare(model: Model, data: Any, validation: Any, weights: Any, options: Options) -> Samples:
    """Check and cast the data of a training.

    Raises:
        InputError: for data that do not fit the model, or a share of validation data out of range.
    """
    declared = model.declared
    if is_stream(data):
        return _streamed(model, data, validation, weights, options)
    arrays, count = model.check(data, declared.data, "data")
    sliced = {symbol.name for symbol in batch_data(declared)}
    weighted = weights is not None
    if weighted:
        arrays[WEIGHT.name] = weights_of(weights, count)
        sliced.add(WEIGHT.name)
    if declared.batch is None:
        arrays |= numbered(count)
        sliced |= {SAMPLE.name} if sliced else set()
    held: tuple[dict[str, np.ndarray], int] | None = None
    if isinstance(validation, int | float) and not isinstance(validation, bool):
        arrays, held = _split(arrays, sliced, count, float(validation), options.seed)
        count -= held[1]
    elif validation is not None:
        held = model.check(validation, declared.data, "validation")
    symbols, dtype = {**declared.by_name, WEIGHT.name: WEIGHT, SAMPLE.name: SAMPLE}, options.dtype
    arrays = {name: finite(name, cast(array, symbols[name], dtype), array) for name, array in arrays.items()}
    if held is not None:
        held = {name: cast(array, symbols[name], dtype) for name, array in held[0].items()}, held[1]
    whole = not sliced or options.batch_size is None or options.batch_size >= count
    _check_slices(model, sliced, whole)
    names = () if whole else sliced
    rows = {name: array for name, array in arrays.items() if name in names}
    fixed = {name: array for name, array in arrays.items() if name not in names}
    plain = {name: array for name, array in arrays.items() if name not in _ABOUT}
    return Samples(rows, fixed, count, (plain, count), held, whole, weighted)


def _streamed(model: Model, data: Any, validation: Any, weights: Any, options: Options) -> Samples:
    stream = Stream(model, data, options.dtype)
    if options.batch_size is not None or weights is not None or isinstance(validation, int | float):
        raise InputError(
            "data: a collection of batches has its own batches; batch_size, sample_weights and a share of validation "
            "data need arrays"
        )
    held = None
    if validation is not None:
        arrays, count = model.check(validation, model.declared.data, "validation")
        held = {name: cast(array, model.declared.by_name[name], options.dtype) for name, array in arrays.items()}, count
    elif options.metrics:
        raise InputError("metrics: data that come in batches are not measured; pass validation data")
    rows = {symbol.name for symbol in batch_data(model.declared)}
    whole = {symbol.name for symbol in model.declared.data} != rows or _has_batch_inside(model, rows) is not None
    return Samples({}, {}, 0, None, held, whole, False, stream)


def _split(
    arrays: dict[str, np.ndarray], sliced: set[str], count: int, share: float, seed: int
) -> tuple[dict[str, np.ndarray], tuple[dict[str, np.ndarray], int]]:
    number = round(share * count)
    if not 0 < share < 1 or not 0 < number < count:
        raise InputError(
            f"validation: expected a share in (0, 1) that leaves samples on both sides, found {share:g} of "
            f"{count} samples"
        )
    if sliced < set(arrays):
        raise InputError(
            "validation: a share cannot be set aside, because not every array has one row for each sample; "
            "pass validation data"
        )
    chosen = np.random.default_rng([seed, _SPLIT]).permutation(count)
    held, kept = np.sort(chosen[:number]), np.sort(chosen[number:])
    rest = {name: array[held] for name, array in arrays.items() if name not in _ABOUT}
    return {name: array[kept] for name, array in arrays.items()}, (rest, number)


def _check_slices(model: Model, sliced: set[str], whole: bool) -> None:
    symbol = None if whole else _has_batch_inside(model, sliced)
    if symbol is not None:
        raise InputError(
            f"batch_size: {symbol.name} of shape {symbol.shape} has the batch on another axis than the "
            "first, so that it has no rows to take; leave batch_size out to use all samples in each step"
        )


def _has_batch_inside(model: Model, sliced: set[str]) -> Any:
    """Return data with the batch on another axis than the first, or None."""
    batch = model.declared.batch
    if batch is None:
        return None
    for symbol in model.declared.data:
        later = symbol.shape[1:] if symbol.name in sliced else symbol.shape
        if any(batch in size.free_symbols for size in later):
            return symbol
    return None
