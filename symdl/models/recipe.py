"""What a model of the library is: equations, data, how to train it, and the figure it should reach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from symdl.data import Dataset, Split
from symdl.train import History, Model, fit


@dataclass(frozen=True)
class Outcome:
    """A trained model of the library.

    Attributes:
        model: The model of the first division of the data.
        history: Its history.
        split: That division.
        figure: The recipe's metric, a mean where there are several divisions.
    """

    model: Model
    history: History
    split: Split
    figure: float


@dataclass(frozen=True)
class Recipe:
    """A model of the library.

    Attributes:
        name: Its name on the command line.
        title: One line about it.
        section: Where the book treats it.
        build: The model for a division of the data.
        splits: The divisions of its data, each into training and test samples.
        arrays: The arrays by symbol of some samples.
        settings: Arguments of ``fit``, or a function that returns them for a division of the data.
        metric: What is reported: accuracy, r2, mse, or loss (the cost).
        reference: The value that the metric should reach, from ``source``.
        tolerance: By how much the metric may be worse: half a unit of the last digit of a reference that is rounded.
        source: Where the reference is from.
    """

    name: str
    title: str
    section: str
    build: Callable[[Split], Model]
    splits: Callable[[], tuple[Split, ...]]
    arrays: Callable[[Dataset], dict[str, np.ndarray]]
    settings: Mapping[str, Any] | Callable[[Split], Mapping[str, Any]]
    metric: str
    reference: float
    tolerance: float
    source: str
    higher: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "higher", self.metric not in ("loss", "mse", "rmse", "mae"))

    @cached_property
    def training(self) -> Mapping[str, Any]:
        """Arguments of ``fit`` for the first division of the data."""
        return self.settings(self.splits()[0]) if callable(self.settings) else self.settings

    def train(self, seed: int = 0, **options: Any) -> Outcome:
        """Train on every division of the data and return the outcome.

        Args:
            seed: Of the initial values and the order of the samples.
            **options: Arguments of ``fit`` that replace those recommended.
        """
        outcomes = [self.train_on(division, seed, **options) for division in self.splits()]
        figure = float(np.mean([outcome.figure for outcome in outcomes]))
        return Outcome(outcomes[0].model, outcomes[0].history, outcomes[0].split, figure)

    def train_on(self, division: Split, seed: int = 0, **options: Any) -> Outcome:
        """Train on one division of the data."""
        model = self.build(division)
        settings = self.settings(division) if callable(self.settings) else self.settings
        history = fit(model, self.arrays(division.train), **{**settings, "seed": seed, **options})
        return Outcome(model, history, division, self.score(model, division))

    def score(self, model: Model, division: Split) -> float:
        """Return the metric on the test samples."""
        metrics = () if self.metric == "loss" else (self.metric,)
        return model.evaluate(self.arrays(division.test), metrics)[self.metric]

    def reached(self, figure: float) -> bool:
        """Tell whether a figure is as good as the reference, up to the tolerance."""
        short = self.reference - figure if self.higher else figure - self.reference
        return short <= self.tolerance
