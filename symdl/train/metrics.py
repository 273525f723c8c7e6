"""Metrics: numbers computed from outputs and targets, for people to read. They are not differentiated."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from symdl.errors import InputError
from symdl.train.declaration import Declaration

Metric = Callable[[Mapping[str, np.ndarray], Mapping[str, np.ndarray]], float]


def accuracy(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Share of samples whose class is right: the largest entry of rows, or ŷ > ½ for scalars. Book §2.2."""
    if y_hat.ndim > 1:
        labels = y.argmax(axis=-1) if y.ndim == y_hat.ndim else y
        return float(np.mean(y_hat.argmax(axis=-1) == labels))
    return float(np.mean((y_hat > 0.5) == (y > 0.5)))


def mse(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Mean squared error over all entries."""
    return float(np.mean((y_hat.astype(np.float64) - y) ** 2))


def rmse(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(mse(y, y_hat)))


def mae(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Mean absolute error over all entries."""
    return float(np.mean(np.abs(y_hat.astype(np.float64) - y)))


def r2(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Coefficient of determination 1 − Σ(y − ŷ)² / Σ(y − ȳ)². Book §2.3."""
    return float(1 - np.sum((y - y_hat.astype(np.float64)) ** 2) / np.sum((y - np.mean(y, axis=0)) ** 2))


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": accuracy, "mse": mse, "rmse": rmse, "mae": mae, "r2": r2,
}  # fmt: skip


def resolve(metrics: Any, declared: Declaration) -> dict[str, Metric]:
    """Return metrics by name as functions of the outputs and the data.

    Args:
        metrics: Names (``"accuracy"``), functions of (y, ŷ), or a mapping from a name to either, or to a triple
            (metric, output, target). Without a triple they compare the first output with the first target, or, in a
            model without targets such as an autoencoder, with the first input.
        declared: The model.

    Raises:
        InputError: for an unknown metric, output or target.
    """
    listed: Iterable[tuple[str, Any]]
    if isinstance(metrics, str):
        metrics = [metrics]
    if isinstance(metrics, Mapping):
        listed = list(metrics.items())
    else:
        listed = [(item if isinstance(item, str) else getattr(item, "__name__", "metric"), item) for item in metrics]
    return {str(name): _resolve(item, declared) for name, item in listed}


def _resolve(item: Any, declared: Declaration) -> Metric:
    targets = declared.targets or declared.inputs
    if not declared.outputs or not targets:
        raise InputError(
            "metrics: the model has no outputs or no data to compare; pass outputs={'y_hat': y_hat} to Model"
        )
    output, target = next(iter(declared.outputs)), targets[0].name
    if isinstance(item, tuple):
        item, output, target = item
        target = getattr(target, "name", target)
    if output not in declared.outputs:
        raise InputError(f"metrics: unknown output {output!r}; expected one of {', '.join(declared.outputs)}")
    names = [symbol.name for symbol in declared.data]
    if target not in names:
        raise InputError(f"metrics: unknown target {target!r}; expected one of {', '.join(names)}")
    function = METRICS.get(item) if isinstance(item, str) else item
    if not callable(function):
        raise InputError(
            f"metrics: unknown metric {item!r}; expected one of {', '.join(METRICS)} or a function of (y, y_hat)"
        )
    return lambda outputs, data: float(function(np.asarray(data[target]), np.asarray(outputs[output])))
