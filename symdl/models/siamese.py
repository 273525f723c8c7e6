"""A siamese network with the triplet loss, book §6.6: digits as points, those of one class near each other."""

from typing import Any

import numpy as np
from scipy.stats import rankdata

from symdl.data import Dataset, Split, digits, split
from symdl.expr.declare import matrix, vector
from symdl.expr.nodes import Tensor
from symdl.init import he_normal
from symdl.models.recipe import Supervised
from symdl.ops.elementwise import relu
from symdl.ops.reductions import norm
from symdl.ops.similarity import triplet_loss
from symdl.optimizers.adamw import AdamW
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

HIDDEN, DIMENSION, MARGIN = 128, 16, 1
BATCH, EPOCHS = 64, 40


def siamese(features: int, hidden: int = HIDDEN, dimension: int = DIMENSION) -> Model:
    """Return f = u/‖u‖, u = W^[2] σ(W^[1] x + b^[1]) + b^[2], with the cost max(0, ‖f_a - f_p‖² - ‖f_a - f_n‖² + 1).

    The three samples share the parameters: their adjoints add up. ``predict`` gives the embedding f of a sample.

    Args:
        features: The number of features p.
        hidden: The width of the hidden layer of rectified linear units.
        dimension: That of the embedding.
    """
    W1, b1 = matrix("W1", hidden, features, latex="W^{[1]}"), vector("b1", hidden, latex="b^{[1]}")
    W2, b2 = matrix("W2", dimension, hidden, latex="W^{[2]}"), vector("b2", dimension, latex="b^{[2]}")

    def embedding(x: Tensor) -> Any:
        u = W2 @ relu(W1 @ x + b1) + b2
        return u / norm(u)

    x = vector("x", features, latex=r"x_{\mathrm{a}}")
    positive, negative = (vector(f"x_{kind}", features, latex=rf"x_{{\mathrm{{{kind}}}}}") for kind in "pn")
    return Model(
        loss=triplet_loss(embedding(x), embedding(positive), embedding(negative), MARGIN),
        parameters=[W1, b1, W2, b2],
        inputs=[x],
        targets=[positive, negative],
        outputs={"f": embedding(x)},
        init={W1: he_normal()},
    )


def triplets(data: Dataset) -> dict[str, np.ndarray]:
    """Return every sample as an anchor, with a random sample of its class and one of another.

    Of samples of one class only, as one that is shown, the third is any of them.
    """
    random = np.random.default_rng(0)
    positive, negative = np.empty((2, len(data)), dtype=np.int64)
    for label in np.unique(data.y):
        own, others = np.flatnonzero(data.y == label), np.flatnonzero(data.y != label)
        positive[own] = random.choice(own, len(own))
        negative[own] = random.choice(others if len(others) else own, len(own))
    return {"x": data.x, "x_p": data.x[positive], "x_n": data.x[negative]}


def verification(points: np.ndarray, labels: np.ndarray) -> float:
    """Return how often a pair of one class is nearer than a pair of two: the area under the ROC curve of distances.

    Args:
        points: One row for each sample.
        labels: Their classes.
    """
    squares = (points**2).sum(1)
    distances = squares[:, None] + squares - 2 * points @ points.T
    one, two = np.triu_indices(len(points), 1)
    same, ranks = labels[one] == labels[two], rankdata(-distances[one, two])
    positives, negatives = int(same.sum()), int((~same).sum())
    return float((ranks[same].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def figure(model: Model, division: Split) -> float:
    """Return the area under the ROC curve over all pairs of test samples."""
    return verification(model.predict({"x": division.test.x})["f"], division.test.y)


def report(model: Model) -> str:
    """Return the figure beside that of the distances between the pictures themselves."""
    division = split(digits(), 0.2)
    pixels = verification(division.test.x, division.test.y)
    return f"pairs of test samples told apart: {figure(model, division):.4f} by the embedding, {pixels:.4f} by pixels"


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    optimizer = AdamW(alpha=Cosine(1e-3, steps), weight_decay=0.1)
    return {"optimizer": optimizer, "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


RECIPE = Supervised(
    name="siamese",
    title="siamese network with the triplet loss on handwritten digits",
    section="6.6",
    build=lambda division: siamese(division.train.x.shape[1]),
    splits=lambda: (split(digits(), 0.2),),
    arrays=triplets,
    settings=settings,
    metric="auc",
    reference=0.8604,
    tolerance=0.0,
    source="distances between the pictures themselves, over the same pairs",
    figure=figure,
    report=report,
)
