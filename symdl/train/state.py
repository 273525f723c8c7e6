"""The state of a training between two epochs: with a model's values, all that is needed to go on."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TrainingState:
    """Optimizer state and history after ``epoch`` finished epochs.

    The order of samples in an epoch follows from the seed and the epoch alone, so there is no generator to store.

    Attributes:
        epoch: The number of finished epochs.
        step: The number of steps made.
        states: Optimizer state by name.
        identity: The options that the path depends on.
        history: The history as plain data.
        best: The epoch and values of early stopping, or None.
    """

    epoch: int
    step: int
    states: dict[str, np.ndarray]
    identity: dict[str, Any]
    history: dict[str, Any]
    best: tuple[int, dict[str, np.ndarray]] | None = None
