"""A classifier of sequences by gated recurrent units, book §7.3: handwritten digits, read row by row from both ends."""

from typing import Any

import numpy as np

from symdl.data import Split, digits, split
from symdl.data.dataset import Dataset
from symdl.expr.declare import matrix, named, vector
from symdl.expr.sizes import dims
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.recipe import Supervised
from symdl.models.recurrent import kind_of
from symdl.ops.softmax import softmax
from symdl.ops.structure import concat
from symdl.optimizers.adam import Adam
from symdl.train import Model

ROWS = 8


def sequence_classifier(
    width: int, classes: int, size: int, kind: str = "gru", layers: int = 1, bidirectional: bool = False
) -> Model:
    """Return the model ŷ = softmax(W_y h + b_y), h being the last state, or the last ones of both directions.

    Args:
        width: The number p of features of each x⟨t⟩.
        classes: The number of classes.
        size: The number m of hidden units of a layer.
        kind: ``gru``, ``lstm`` or ``rnn``.
        layers: How many layers are stacked; each reads the states of the one below at the same time (7.15).
        bidirectional: Whether each layer also runs from the last time to the first (7.14).
    """
    T, make = dims("T"), kind_of(kind)
    x, y = matrix("x", T, width), vector("y", classes, one_hot=True)
    below: Any = x
    parameters: list[Any] = []
    init: dict[Any, Any] = {}
    last: list[Any] = []
    for number in range(1, layers + 1):
        mark = str(number) if layers > 1 else ""
        forward = make(below, size, f"{mark}f" if bidirectional else mark)
        made = [forward, make(below, size, f"{mark}r", reverse=True)] if bidirectional else [forward]
        parameters += [parameter for layer in made for parameter in layer.parameters]
        for layer in made:
            init |= dict(layer.init)
        last = [forward.h[T - 1], *(layer.h[0] for layer in made[1:])]
        below = concat([layer.h for layer in made], axis=1) if bidirectional else forward.h
    h = concat(last) if bidirectional else last[0]
    W, b = matrix("W_y", classes, size * len(last), latex="W_{y}"), vector("b_y", classes, latex="b_{y}")
    y_hat = named("y_hat", softmax(W @ h + b), latex=r"\hat{y}")
    return Model(
        loss=cross_entropy(y, y_hat),
        parameters=[*parameters, W, b],
        inputs=[x],
        targets=[y],
        outputs={"y_hat": y_hat},
        init=init,
    )


def build(division: Split) -> Model:
    """Return the model with 48 units in each direction."""
    return sequence_classifier(ROWS, len(division.train.classes), 48, bidirectional=True)


def arrays(data: Dataset) -> dict[str, np.ndarray]:
    """Return each image as a sequence of its rows."""
    return {"x": data.x.reshape(len(data), ROWS, ROWS), "y": data.y}


RECIPE = Supervised(
    name="gru-digits",
    title="handwritten digits, row by row, by gated recurrent units in both directions",
    section="7.3",
    build=build,
    splits=lambda: (split(digits(), 0.2),),
    arrays=arrays,
    settings={"optimizer": Adam(alpha=3e-3), "epochs": 40, "batch_size": 32, "dtype": "float32"},
    metric="accuracy",
    reference=0.965,
    tolerance=0.0,
    source="scikit-learn's MLPClassifier on all pixels at once: 0.969 to 0.975",
)
