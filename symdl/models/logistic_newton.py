"""Logistic regression by Newton's method, book §3.1 and §4.6: maximum likelihood with standard errors."""

from collections.abc import Mapping
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np

from symdl.calculus import grad, hessian
from symdl.compile import CompiledFunction, compile
from symdl.data import breast_cancer
from symdl.errors import InputError
from symdl.expr.declare import matrix, named, vector
from symdl.expr.sizes import dims
from symdl.losses.binary_cross_entropy import binary_cross_entropy
from symdl.minimizers import Minimum, minimize
from symdl.models.recipe import Experiment, Objective, Outcome
from symdl.ops.elementwise import sigmoid
from symdl.train import History

FEATURES = 10  # all thirty separate the classes: then there is no maximum-likelihood fit
n, d = dims("n d")
X, y, theta = matrix("X", n, d), vector("y", n), vector("theta", d)
y_hat = named("y_hat", sigmoid(named("u", X @ theta)))
COST = binary_cross_entropy(y, y_hat)  # a sum over the samples, so that its Hessian is the information


@cache
def data() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the design matrix (a column of ones, standardised features), the labels, and the columns' names."""
    tumours = breast_cancer()
    features = tumours.x[:, :FEATURES]
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    design = np.column_stack([np.ones(len(scaled)), scaled])
    return design, np.asarray(tumours.y, float), ("intercept", *tumours.features[:FEATURES])


def objectives() -> tuple[Objective, ...]:
    """Return the negative log-likelihood, to be derived by θ."""
    design, labels, _ = data()
    values = {"X": design, "y": labels, "theta": np.zeros(design.shape[1])}
    return (Objective(COST, (theta,), values, inputs=(X,), targets=(y,), outputs={"y_hat": y_hat}),)


def compiled(target: str, dtype: str) -> Mapping[str, CompiledFunction]:
    """Compile the cost with its gradient and Hessian, for any number of samples and features."""
    return {"derivatives": compile([COST, grad(COST, theta), hessian(COST, theta)], target=target, dtype=dtype)}


def fitted(steps: int, target: str) -> Minimum:
    """Return the maximum-likelihood fit by at most so many of Newton's steps from 0."""
    design, labels, _ = data()
    return minimize(COST, theta, {X: design, y: labels}, max_steps=steps, tolerance=1e-10, target=target)


def run(seed: int, progress: bool | None, epochs: int, target: str, dtype: str) -> Outcome:
    """Take up to ``epochs`` steps from θ = 0; nothing is random. Newton's method runs in double precision alone.

    Raises:
        InputError: for another dtype than float64.
    """
    if dtype != "float64":
        raise InputError(f"logistic-newton: expected dtype='float64', found {dtype!r}: its reference has nine digits")
    began = perf_counter()
    found = fitted(epochs, target)
    seconds = perf_counter() - began
    losses = found.history[1:]
    history = History(loss=losses, seconds=[seconds / max(1, len(losses))] * len(losses))
    programs = compiled(target, dtype)
    return Outcome(found.value, history, programs=programs, report=table(found))


def table(found: Minimum) -> str:
    """Return the estimates with their standard errors and their quotients, as text."""
    rows: list[tuple[Any, ...]] = [("coefficient", "estimate", "standard error", "z")]
    estimates, errors = found.values["theta"], found.standard_errors["theta"]
    for name, estimate, error in zip(data()[2], estimates, errors, strict=True):
        rows.append((name, f"{estimate:.4f}", f"{error:.4f}", f"{estimate / error:.2f}"))
    return "\n".join("{:<24} {:>10} {:>15} {:>7}".format(*row) for row in rows)


RECIPE = Experiment(
    name="logistic-newton",
    title="logistic regression by Newton's method on ten features of breast cancer",
    section="4.6",
    equations=objectives,
    compiled=compiled,
    run=run,
    settings={"epochs": 50, "target": "cpu", "dtype": "float64"},
    data=("breast cancer of scikit-learn: 569 samples, the first 10 features, standardised, and a column of ones",),
    metric="loss",
    reference=73.06520921698234,
    tolerance=1e-8,
    source="the maximum-likelihood fit of statsmodels",
    measured="training",
)
