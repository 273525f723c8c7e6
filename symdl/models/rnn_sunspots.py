"""A recurrent network for a time series, book §7.2: next year's sunspot number from the last years."""

from typing import Any

import numpy as np

from symdl.data import Dataset, Split
from symdl.data.sunspots import autoregression, sunspots
from symdl.expr.declare import matrix, named, scalar
from symdl.expr.sizes import dims
from symdl.losses.squared import squared
from symdl.models.recipe import Supervised
from symdl.models.recurrent import kind_of
from symdl.optimizers.adam import Adam
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

LENGTH, UNITS = 16, 8
BATCH, EPOCHS = 32, 300


def forecaster(size: int = UNITS, kind: str = "rnn") -> Model:
    """Return the model ŷ = w_yᵀ h⟨T⟩ + b_y of the value after x⟨1⟩, ..., x⟨T⟩, with the squared error.

    Args:
        size: The number m of hidden units.
        kind: The recurrent layer: ``rnn``, ``lstm`` or ``gru``.
    """
    T = dims("T")
    x, y = matrix("x", T, 1), scalar("y")
    layer = kind_of(kind)(x, size)
    w, b = matrix("w_y", 1, size, latex="w_{y}^{\\top}"), scalar("b_y", latex="b_{y}")
    y_hat = named("y_hat", (w @ layer.h[T - 1])[0] + b, latex=r"\hat{y}")
    return Model(
        loss=squared(y, y_hat),
        parameters=[*layer.parameters, w, b],
        inputs=[x],
        targets=[y],
        outputs={"y_hat": y_hat},
        init=dict(layer.init),
    )


def arrays(data: Dataset) -> dict[str, np.ndarray]:
    """Return each window as a sequence of vectors of one number."""
    return {"x": data.x[:, :, None], "y": data.y}


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    return {
        "optimizer": Adam(alpha=Cosine(1e-2, steps)),
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "dtype": "float32",
        "weight_decay": 1e-3,
    }


def report(model: Model) -> str:
    """Return what linear autoregression reaches on the same data."""
    return "\n".join(f"AR({order}): test mse {autoregression(order):.3f}" for order in (1, 2, 9))


RECIPE = Supervised(
    name="rnn-sunspots",
    title="yearly sunspot numbers by a recurrent network",
    section="7.2",
    build=lambda division: forecaster(),
    splits=lambda: (sunspots(LENGTH),),
    arrays=arrays,
    settings=settings,
    metric="mse",
    reference=0.390,
    tolerance=0.0,
    source="linear autoregression AR(2) on the same years; AR(9) reaches 0.279",
    report=report,
)
