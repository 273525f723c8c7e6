"""Logistic regression, book §3.1: ŷ = σ(wᵀx + b) with binary cross entropy, on the breast cancer data."""

from sympy import Rational

from symdl.data import Split, breast_cancer, folds, standardise
from symdl.expr.declare import named, scalar, vector
from symdl.losses.binary_cross_entropy import binary_cross_entropy
from symdl.models.recipe import Supervised
from symdl.ops.elementwise import sigmoid, square
from symdl.ops.reductions import sum as total
from symdl.optimizers.lookahead import Lookahead
from symdl.train import Model


def build(division: Split) -> Model:
    """Return the model with the penalty ‖w‖² / (2n), which is scikit-learn's with C = 1; b has no penalty."""
    n, p = division.train.x.shape
    x, y = vector("x", p), scalar("y")
    w, b = vector("w", p), scalar("b")
    z = named("z", w @ x + b)
    y_hat = named("y_hat", sigmoid(z), latex=r"\hat{y}")
    loss = binary_cross_entropy(y, y_hat) + Rational(1, 2 * n) * total(square(w))
    return Model(loss=loss, parameters=[w, b], inputs=[x], targets=[y], outputs={"y_hat": y_hat})


def splits() -> tuple[Split, ...]:
    """Return the five folds of a stratified cross validation, features standardised by the training part of each."""
    return tuple(standardise(fold) for fold in folds(breast_cancer(), 5))


RECIPE = Supervised(
    name="logistic",
    title="logistic regression with the penalty of C = 1 on the breast cancer data, 5-fold",
    section="3.1",
    build=build,
    splits=splits,
    arrays=lambda data: {"x": data.x, "y": data.y},
    settings={"optimizer": Lookahead(alpha=4.0, beta=0.95), "epochs": 2_000, "dtype": "float64"},
    metric="accuracy",
    reference=0.979,
    tolerance=5e-4,
    source="scikit-learn's LogisticRegression(C=1)",
)
