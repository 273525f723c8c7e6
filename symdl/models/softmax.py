"""Multinomial (softmax) regression, book §3.3: ŷ = softmax(Wx + b) with cross entropy, on the iris data."""

from symdl.data import Split, iris, standardise
from symdl.expr.declare import matrix, named, vector
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.recipe import Supervised
from symdl.ops.softmax import softmax
from symdl.optimizers.adam import Adam
from symdl.train import Model


def build(division: Split) -> Model:
    """Return the model without a penalty for the features and classes of the data."""
    p, classes = division.train.x.shape[1], len(division.train.classes)
    x, y = vector("x", p), vector("y", classes, one_hot=True)
    W, b = matrix("W", classes, p), vector("b", classes)
    z = named("z", W @ x + b)
    y_hat = named("y_hat", softmax(z), latex=r"\hat{y}")
    return Model(loss=cross_entropy(y, y_hat), parameters=[W, b], inputs=[x], targets=[y], outputs={"y_hat": y_hat})


def splits() -> tuple[Split, ...]:
    """Return all samples with standardised features; the model is judged by its fit."""
    data = iris()
    return (standardise(Split(data, data)),)


RECIPE = Supervised(
    name="softmax",
    title="softmax regression on the iris data",
    section="3.3",
    build=build,
    splits=splits,
    arrays=lambda data: {"x": data.x, "y": data.y},
    settings={"optimizer": Adam(alpha=0.05), "epochs": 20_000, "dtype": "float64"},
    metric="accuracy",
    reference=0.987,
    tolerance=5e-4,
    source="maximum likelihood, whose mean negative log-likelihood is 0.0397",
)
