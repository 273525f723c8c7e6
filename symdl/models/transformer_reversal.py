"""The transformer as in the book's §7.5, an encoder and a decoder, where the truth is known: digits in reverse."""

from typing import Any

import numpy as np

from symdl.data import Split
from symdl.models.encoder_decoder import DIGITS, LENGTH, arrays, strings, write
from symdl.models.language import encoder_decoder
from symdl.models.recipe import Supervised
from symdl.models.transformer import Sizes
from symdl.optimizers.adam import Adam
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

BATCH, EPOCHS = 32, 30
SIZES, DEPTH = Sizes.of(32, 4, 64), 1


def build(division: Split | None = None) -> Model:
    """Return the model; it has a symbol more to read than to write, which begins a sequence."""
    return encoder_decoder((DIGITS, DIGITS + 1), (LENGTH, LENGTH), SIZES, DEPTH)


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    return {"optimizer": Adam(alpha=Cosine(5e-3, steps)), "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


RECIPE = Supervised(
    name="transformer-reversal",
    title="digit strings written in reverse by a transformer with an encoder and a decoder",
    section="7.5",
    build=build,
    splits=strings,
    arrays=arrays,
    settings=settings,
    metric="token accuracy",
    reference=0.97,
    tolerance=0.0,
    source="the reverse is known: at most three symbols in a hundred are wrong, each written after the model's own",
    figure=lambda model, division: float(np.mean(write(model, division.test.x) == division.test.y)),
)
