"""Metrics: numbers computed from outputs and targets, for people to read. They are not differentiated."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from symdl.errors import InputError
from symdl.train.declaration import Declaration

Metric = Callable[[Mapping[str, np.ndarray], Mapping[str, np.ndarray]], float]


def accuracy(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Share of samples whose class is right: the largest entry of rows, or ŷ > ½ for single numbers. Book §2.2.

    The classes y are rows as ŷ, or integer labels; 0 and 1, or probabilities, for single numbers.
    """
    if y_hat.ndim == 1 or y_hat.shape[-1] == 1:
        y, y_hat = _alike("accuracy", y, y_hat)
        outside = y[(y < 0) | (y > 1)]
        if outside.size:
            raise InputError(
                f"metrics: accuracy of single numbers compares them with 1/2, and expects targets of 0 or 1, found "
                f"{outside[0]:g}; use mse, or declare the target one_hot=True with an output for each class"
            )
        return float(np.mean((y_hat > 0.5) == (y > 0.5)))
    if y.shape != y_hat.shape and not np.array_equal(y, np.rint(y)):
        raise InputError(f"accuracy: expected rows of shape {y_hat.shape} or integer labels as target")
    labels = y.argmax(axis=-1) if y.shape == y_hat.shape else y
    labels, found = _alike("accuracy", labels, y_hat.argmax(axis=-1))
    return float(np.mean(found == labels))


def mse(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Mean squared error over all entries."""
    y, y_hat = _alike("mse", y, y_hat)
    return float(np.mean((y_hat.astype(np.float64) - y) ** 2))


def rmse(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(mse(y, y_hat)))


def mae(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Mean absolute error over all entries."""
    y, y_hat = _alike("mae", y, y_hat)
    return float(np.mean(np.abs(y_hat.astype(np.float64) - y)))


def r2(y: np.ndarray, y_hat: np.ndarray) -> float:
    """Coefficient of determination 1 − Σ(y − ŷ)² / Σ(y − ȳ)². Book §2.3."""
    y, y_hat = _alike("r2", y, y_hat)
    return float(1 - np.sum((y - y_hat.astype(np.float64)) ** 2) / np.sum((y - np.mean(y, axis=0)) ** 2))


def _alike(metric: str, y: np.ndarray, y_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both without last axes of length 1; a column (n, 1) is a vector (n,). Other shapes must agree."""
    one, other = _narrow(y), _narrow(y_hat)
    if one.shape != other.shape:
        raise InputError(
            f"metrics: {metric} compares arrays of one shape, found a target of shape {y.shape} and an output of shape "
            f"{y_hat.shape}; name others as {{'{metric}': ('{metric}', output, target)}}"
        )
    return one, other


def _narrow(array: np.ndarray) -> np.ndarray:
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    return array


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
