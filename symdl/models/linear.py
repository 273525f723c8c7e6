"""Linear regression, book §2.3: ŷ = wᵀx + b with the squared loss, on the diabetes data."""

from symdl.data import Split, diabetes, standardise
from symdl.expr.declare import named, scalar, vector
from symdl.losses.squared import squared
from symdl.models.recipe import Supervised
from symdl.optimizers.lookahead import Lookahead
from symdl.train import Model


def build(division: Split) -> Model:
    """Return the model for the number of features of the data."""
    p = division.train.x.shape[1]
    x, y = vector("x", p), scalar("y")
    w, b = vector("w", p), scalar("b")
    y_hat = named("y_hat", w @ x + b, latex=r"\hat{y}")
    return Model(loss=squared(y, y_hat), parameters=[w, b], inputs=[x], targets=[y], outputs={"y_hat": y_hat})


def splits() -> tuple[Split, ...]:
    """Return all samples with standardised features; the model is judged by its fit."""
    data = diabetes()
    return (standardise(Split(data, data)),)


RECIPE = Supervised(
    name="linear",
    title="linear regression on the diabetes data",
    section="2.3",
    build=build,
    splits=splits,
    arrays=lambda data: {"x": data.x, "y": data.y},
    settings={"optimizer": Lookahead(alpha=2.0, beta=0.95), "epochs": 20_000, "dtype": "float64"},
    metric="r2",
    reference=0.51775,
    tolerance=5e-6,
    source="ordinary least squares",
)
