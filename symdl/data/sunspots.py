"""Yearly sunspot numbers as windows of a time series, and what linear autoregression predicts; book §7.2."""

import numpy as np

from symdl.data.dataset import Dataset, Split
from symdl.errors import InputError

YEARS_TRAINED = 250


def sunspots(length: int = 16, train: int = YEARS_TRAINED) -> Split:
    """Return windows of the yearly sunspot numbers from 1700 to 2008, and the number of the year after each.

    The series is shifted and scaled by mean and standard deviation of its first ``train`` years. Windows whose target
    is among those years are for training, the others, one for each later year, for the test: one-step predictions, so
    that a window may reach back into the years trained on.

    Args:
        length: The number of years in a window.
        train: The number of years to train on.

    Raises:
        InputError: unless 0 < length < train < 309, or if statsmodels is not installed.
    """
    series = standardised(train)
    if not 0 < length < train:
        raise InputError(f"sunspots: expected 0 < length < train, found {length} and {train}")
    windows = np.lib.stride_tricks.sliding_window_view(series, length + 1)
    first = train - length  # the first window whose target is a year of the test

    def part(rows: np.ndarray) -> Dataset:
        names = tuple(f"{lag} years before" for lag in range(length, 0, -1))
        return Dataset("sunspots", rows[:, :-1].copy(), rows[:, -1].copy(), names, (), "SILSO, Brussels; statsmodels")

    return Split(part(windows[:first]), part(windows[first:]))


def standardised(train: int = YEARS_TRAINED) -> np.ndarray:
    """Return the series (309,) with mean 0 and variance 1 over its first ``train`` years."""
    import importlib

    try:
        source = importlib.import_module("statsmodels.datasets.sunspots")
    except ImportError as error:
        raise InputError("the sunspot numbers need statsmodels: pip install 'symdl[data]'") from error
    series = np.asarray(source.load_pandas().data["SUNACTIVITY"], dtype=np.float64)
    if not 0 < train < len(series):
        raise InputError(f"sunspots: expected 0 < train < {len(series)}, found {train}")
    return (series - series[:train].mean()) / series[:train].std()


def autoregression(order: int, train: int = YEARS_TRAINED) -> float:
    """Return the mean squared error of one-step predictions after the first ``train`` years by AR(order).

    The coefficients and the constant are those of least squares over the first ``train`` years.
    """
    series = standardised(train)
    rows = np.array([[1.0, *series[t - order : t]] for t in range(order, len(series))])
    fitted, *_ = np.linalg.lstsq(rows[: train - order], series[order:train], rcond=None)
    return float(np.mean((rows[train - order :] @ fitted - series[train:]) ** 2))
