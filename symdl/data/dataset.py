"""Samples, how they are divided, and their scale."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdl.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """Samples as rows.

    Attributes:
        name: Its name.
        x: Features, (n, p), float64.
        y: Targets (n,): numbers, or integer labels from 0 on.
        features: Names of the columns.
        classes: Names of the labels; empty for regression.
        source: Where it is from.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Any) -> "Dataset":
        """Return the samples of some rows."""
        return replace(self, x=self.x[rows], y=self.y[rows])


@dataclass(frozen=True)
class Split:
    """Samples to train on and samples to test on; the two are the same where a model is judged by its fit."""

    train: Dataset
    test: Dataset

    @property
    def held_out(self) -> bool:
        """Whether the test samples were not trained on."""
        return self.test is not self.train


def split(data: Dataset, test: float = 0.2, seed: int = 0) -> Split:
    """Return a random division; with labels each class is divided alike (scikit-learn's ``train_test_split``).

    Raises:
        InputError: unless 0 < test < 1.
    """
    if not 0 < test < 1:
        raise InputError(f"split: test must be a share in (0, 1), found {test}")
    choose = library("model_selection").train_test_split
    labels = data.y if data.classes else None
    train, rest = choose(np.arange(len(data)), test_size=test, random_state=seed, stratify=labels)
    return Split(data.take(train), data.take(rest))


def folds(data: Dataset, count: int = 5, seed: int = 0) -> tuple[Split, ...]:
    """Return the divisions of shuffled cross validation; with labels each fold has all classes alike."""
    if count < 2:
        raise InputError(f"folds: expected at least 2, found {count}")
    kind = "StratifiedKFold" if data.classes else "KFold"
    chosen = getattr(library("model_selection"), kind)(count, shuffle=True, random_state=seed)
    return tuple(Split(data.take(train), data.take(test)) for train, test in chosen.split(data.x, data.y))


def standardise(given: Split, columns: Sequence[int] | None = None) -> Split:
    """Return features with mean 0 and variance 1 over the training samples (which divides by n); book §2.2.

    The test samples are shifted and scaled alike. Constant columns are only shifted.
    """
    chosen = slice(None) if columns is None else list(columns)
    mean, std = given.train.x.mean(axis=0), given.train.x.std(axis=0)
    std = np.where(std > 0, std, 1.0)

    def scaled(data: Dataset) -> Dataset:
        x = data.x.copy()
        x[:, chosen] = ((data.x - mean) / std)[:, chosen]
        return replace(data, x=x)

    train = scaled(given.train)
    return Split(train, scaled(given.test) if given.held_out else train)


def library(module: str) -> Any:
    """Return a module of scikit-learn.

    Raises:
        InputError: if it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(f"sklearn.{module}")
    except ImportError as error:
        raise InputError("the bundled data sets need scikit-learn: pip install 'symdl[data]'") from error
