"""A character model of text by a long short-term memory, book §7.3: the next character from all before it."""

from typing import Any

import numpy as np

from symdl.data import Split, topics, window_split
from symdl.expr.contract import broadcast
from symdl.expr.declare import matrix, named, vector
from symdl.expr.sizes import dims
from symdl.init import normal
from symdl.models.recipe import Supervised
from symdl.models.recurrent import kind_of
from symdl.ops.elementwise import hadamard, log
from symdl.ops.gather import one_hot
from symdl.ops.reductions import sum as total
from symdl.ops.softmax import softmax
from symdl.optimizers.adam import Adam
from symdl.optimizers.schedules import Cosine, Warmup
from symdl.train import Model

LENGTH, STRIDE, TEST_LENGTH = 64, 4, 1024  # windows overlap in training; in the test few characters lack a past
BATCH, EPOCHS, WARM_UP = 32, 1, 100


def character_model(characters: int, length: Any, size: int = 192, kind: str = "lstm") -> Model:
    """Return the model ŷ⟨t⟩ = softmax(W_yh h⟨t⟩ + b_y) of the character after x⟨t⟩, with the mean cross entropy (7.4).

    x⟨t⟩ is one-hot, so that W_x x⟨t⟩ is a column of W_x: columns are drawn as long as an embedding's, whatever p.

    Args:
        characters: The size of the alphabet.
        length: The number T of characters in a window.
        size: The number m of hidden units.
        kind: The recurrent layer: ``lstm``, ``gru`` or ``rnn``.
    """
    x, y = vector("x", length, integer=True), vector("y", length, integer=True)
    layer = kind_of(kind)(one_hot(x, characters), size)
    W = matrix("W_yh", characters, size, latex="W_{yh}")
    b = vector("b_y", characters, latex="b_{y}")
    y_hat = named("y_hat", softmax(layer.h @ W.T + broadcast(b, (length, characters)), axis=1), latex=r"\hat{y}")
    return Model(
        loss=-total(hadamard(one_hot(y, characters), log(y_hat))) / length,
        parameters=[*layer.parameters, W, b],
        inputs=[x],
        targets=[y],
        outputs={"y_hat": y_hat},
        init={**layer.init, **{W_x: normal(std=0.3) for W_x in layer.parameters[1::3]}},
    )


def build(division: Split) -> Model:
    """Return the model with 192 units, for windows of any length."""
    return character_model(len(division.train.classes), dims("T"))


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; chosen on the last ninth of the training text. The learning rate ends at 0."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    return {
        "optimizer": Adam(alpha=Warmup(Cosine(1e-2, steps), WARM_UP)),
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "dtype": "float32",
        "clip_norm": 1.0,
    }


def sample(model: Model, start: str = "The ", count: int = 200, seed: int = 0) -> str:
    """Return a text that the model goes on with, each character drawn from ŷ of the last one; book (7.34)."""
    text, random = topics(), np.random.default_rng(seed)
    codes = list(text.encode(start))
    for _ in range(count):
        y_hat = model.predict({"x": np.array([codes])})["y_hat"][0, -1].astype(np.float64)
        codes.append(int(random.choice(len(y_hat), p=y_hat / y_hat.sum())))
    return text.decode(codes)


RECIPE = Supervised(
    name="lstm-text",
    title="characters of the Python help topics by a long short-term memory",
    section="7.3",
    build=build,
    splits=lambda: (window_split(topics(), LENGTH, STRIDE, test_length=TEST_LENGTH),),
    arrays=lambda data: {"x": data.x, "y": data.y},
    settings=settings,
    metric="loss",
    reference=1.30,
    tolerance=0.0,
    source="nats per character of the last tenth: the best n-gram model reaches 1.48, an LSTM in PyTorch 1.22",
    report=sample,
)
