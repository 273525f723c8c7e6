"""A character model of text by a transformer, book §7.5: four causal blocks, all places trained at once."""

from typing import Any

import numpy as np

from symdl.data import Split, Text, topics
from symdl.models.language import generate, language_model
from symdl.models.recipe import Supervised
from symdl.models.transformer import Sizes
from symdl.optimizers.adamw import AdamW
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

LENGTH, STRIDE = 128, 24
BATCH, EPOCHS = 8, 1
SIZES, DEPTH = Sizes.of(128, 4, 512), 4


def build(division: Split) -> Model:
    """Return the model; windows are of one length, since each place has a vector of its own."""
    return language_model(len(division.train.classes), division.train.x.shape[1], SIZES, DEPTH)


def splits(text: Text | None = None) -> tuple[Split, ...]:
    """Return overlapping windows of the text, and of its last tenth, in which the second half of each is judged."""
    train, test = (topics() if text is None else text).divide(0.1)
    return (Split(train.windows(LENGTH, STRIDE), test.windows(LENGTH, LENGTH // 2)),)


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    optimizer = AdamW(alpha=Cosine(2e-3, steps), weight_decay=0.1)
    return {"optimizer": optimizer, "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32", "clip_norm": 1.0}


def nats(model: Model, division: Split) -> float:
    """Return the mean −log ŷ of the characters in the second half of the test windows: each has half a window before.

    The windows follow each other by half their length, so that these are all characters but the first few.
    """
    total, count, half = 0.0, 0, division.test.x.shape[1] // 2
    for first in range(0, len(division.test), 64):
        part = division.test.take(slice(first, first + 64))
        y_hat = model.predict({"x": part.x})["y_hat"][:, half:]
        found = np.take_along_axis(y_hat, part.y[:, half:, None], axis=2)
        total, count = total - float(np.log(found.astype(np.float64)).sum()), count + found.size
    return total / count


RECIPE = Supervised(
    name="transformer-text",
    title="characters of the Python help topics by a transformer of four blocks",
    section="7.5",
    build=build,
    splits=splits,
    arrays=lambda data: {"x": data.x, "y": data.y},
    settings=settings,
    metric="loss",
    reference=1.30,
    tolerance=0.0,
    source="nats per character of the last tenth: the best n-gram model reaches 1.48, an LSTM in PyTorch 1.22",
    figure=nats,
    report=lambda model: generate(model, topics(), "The ", 300, temperature=0.7),
)
