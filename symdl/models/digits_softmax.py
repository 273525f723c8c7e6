"""Softmax regression with a penalty, book §3.3, on handwritten digits."""

from sympy import Rational

from symdl.data import Split, digits, split, standardise
from symdl.expr.declare import matrix, named, vector
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.recipe import Supervised
from symdl.ops.elementwise import square
from symdl.ops.reductions import sum as total
from symdl.ops.softmax import softmax
from symdl.optimizers.lookahead import Lookahead
from symdl.train import Model


def build(division: Split) -> Model:
    """Return the model with the penalty ‖W‖² / (2n), which is scikit-learn's with C = 1; b has no penalty."""
    n, p = division.train.x.shape
    classes = len(division.train.classes)
    x, y = vector("x", p), vector("y", classes, one_hot=True)
    W, b = matrix("W", classes, p), vector("b", classes)
    z = named("z", W @ x + b)
    y_hat = named("y_hat", softmax(z), latex=r"\hat{y}")
    loss = cross_entropy(y, y_hat) + Rational(1, 2 * n) * total(square(W))
    return Model(loss=loss, parameters=[W, b], inputs=[x], targets=[y], outputs={"y_hat": y_hat})


def splits() -> tuple[Split, ...]:
    """Return a stratified division with standardised features.

    The cost is minimised to the end: there 349 of 360 are right. With grey values in [0, 1] instead, two samples lie so
    close to a boundary that the count depends on where a solver stops (348 early, 346 at the minimum).
    """
    return (standardise(split(digits(), 0.2)),)


RECIPE = Supervised(
    name="digits-softmax",
    title="softmax regression with the penalty of C = 1 on handwritten digits",
    section="3.3",
    build=build,
    splits=splits,
    arrays=lambda data: {"x": data.x, "y": data.y},
    settings={"optimizer": Lookahead(alpha=16.0, beta=0.98), "epochs": 3_000, "dtype": "float64"},
    metric="accuracy",
    reference=0.967,
    tolerance=5e-4,
    source="scikit-learn's LogisticRegression(C=1): 348 of 360",
)
